target_sources(tn_nn PRIVATE
  nn/placeholder.c)
