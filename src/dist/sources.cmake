target_sources(tn_dist PRIVATE
  dist/agree.c
  dist/collective.c
  dist/comm.c
  dist/exchange.c
  dist/fixed.c
  dist/reduce.c
  dist/shared.c
  dist/sums.c)
