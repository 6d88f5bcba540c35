target_sources(tn_dist PRIVATE
  dist/agree.c
  dist/collective.c
  dist/comm.c)
