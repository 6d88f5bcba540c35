target_sources(tn_train PRIVATE
  train/placeholder.c)
