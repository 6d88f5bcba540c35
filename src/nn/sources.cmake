target_sources(tn_nn PRIVATE
  nn/augment.c
  nn/backward.c
  nn/dropout.c
  nn/forward.c
  nn/initialize.c
  nn/loss.c
  nn/measures.c
  nn/measures_add.c
  nn/mixture.c
  nn/network.c
  nn/optimizer.c
  nn/patch.c
  nn/schedule.c
  nn/thin.c
  nn/update.c
  nn/watch.c
  nn/workspace.c)
