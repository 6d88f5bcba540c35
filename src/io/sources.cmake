target_sources(tn_io PRIVATE
  io/outfile.c)
