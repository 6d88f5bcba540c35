target_sources(tn_base PRIVATE
  base/error.c
  base/log.c
  base/memory.c
  base/status.c)
