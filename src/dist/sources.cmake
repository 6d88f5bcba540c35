target_sources(tn_dist PRIVATE
  dist/placeholder.c)
