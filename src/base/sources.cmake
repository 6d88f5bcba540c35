target_sources(tn_base PRIVATE
  base/config_usual.c
  base/error.c
  base/log.c
  base/memory.c
  base/status.c)
