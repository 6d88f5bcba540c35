target_sources(tn_io PRIVATE
  io/placeholder.c)
