#include "nn/schedule.h"

#include <math.h>

static double scaled_rate(tn_replica_scaling scaling, double learning_rate, int64_t replicas) {
  switch (scaling) {
  case TN_SCALE_LINEAR:
    return learning_rate * (double)replicas;
  case TN_SCALE_SQRT:
    return learning_rate * sqrt((double)replicas);
  case TN_SCALE_NONE:
    break;
  }
  return learning_rate;
}

/* t = 1 belongs to the step behind the last one, so the last step's rate still does something. A run that goes on
 * beyond the steps it was planned for stays at the end. */
static double cosine(double base, double end, double step, double steps) {
  const double t = step < steps ? step / steps : 1;
  return end + (base - end) * (1 + cos(M_PI * t)) / 2;
}

double tn_schedule_learning_rate(const tn_schedule_config *schedule, double learning_rate, int64_t replicas,
                                 int64_t step, int64_t epoch, int64_t steps_per_epoch, int64_t total_steps,
                                 int64_t plateau_reductions) {
  const double base = scaled_rate(schedule->scale_with_replicas, learning_rate, replicas);
  const int64_t warmup = schedule->warmup_steps;
  if (step < warmup)
    return base * (double)(step + 1) / (double)warmup;
  double rate = base;
  switch (schedule->kind) {
  case TN_SCHEDULE_STEP:
    rate = base * pow(schedule->factor, floor((double)epoch / (double)schedule->step_epochs));
    break;
  case TN_SCHEDULE_EXPONENTIAL:
    rate = base * pow(schedule->factor, (double)(step - warmup) / (double)steps_per_epoch);
    break;
  case TN_SCHEDULE_COSINE:
    rate = cosine(base, schedule->min_learning_rate, (double)(step - warmup), (double)(total_steps - warmup));
    break;
  case TN_SCHEDULE_PLATEAU:
    rate = base * pow(schedule->factor, (double)plateau_reductions);
    break;
  case TN_SCHEDULE_CONSTANT:
    break;
  }
  return rate > schedule->min_learning_rate ? rate : schedule->min_learning_rate;
}
