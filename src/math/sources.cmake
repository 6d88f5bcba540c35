target_sources(tn_math PRIVATE
  math/placeholder.c)
