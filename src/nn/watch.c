#include "nn/schedule.h"

#include <math.h>

void tn_watch_start(tn_watch *watch) {
  *watch = (tn_watch){.best = NAN};
}

static bool is_better(double value, double best, double min_delta, bool maximize) {
  if (isnan(value) || isnan(best))
    return !isnan(value);
  return maximize ? value > best + min_delta : value < best - min_delta;
}

bool tn_watch_update(tn_watch *watch, double value, int64_t epoch, double min_delta, bool maximize) {
  const bool better = is_better(value, watch->best, min_delta, maximize);
  if (better)
    *watch = (tn_watch){.best = value, .best_epoch = epoch};
  else
    watch->epochs_since++;
  return better;
}
