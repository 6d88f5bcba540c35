target_sources(tn_dist PRIVATE
  dist/agree.c
  dist/collective.c
  dist/comm.c
  dist/exchange.c
  dist/fixed.c
  dist/launch.c
  dist/pulse.c
  dist/reduce.c
  dist/shared.c
  dist/stage.c
  dist/stall.c
  dist/stall_files.c
  dist/stall_judge.c
  dist/sums.c
  dist/team.c
  dist/thinned.c)
