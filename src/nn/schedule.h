/* The learning rate of each step, and what watches a monitored value: plateau schedule and early stopping. */
#ifndef TN_NN_SCHEDULE_H
#define TN_NN_SCHEDULE_H

#include <thinnet/config.h>

#include <stdbool.h>
#include <stdint.h>

/* Watches a value of each epoch. A restart keeps all of it. */
typedef struct tn_watch {
  double best;          /* NaN before the first value */
  int64_t best_epoch;   /* 0 before the first */
  int64_t epochs_since; /* without an improvement by more than min_delta */
} tn_watch;

void tn_watch_start(tn_watch *watch);

/* Takes an epoch's value; true where it is the best so far (larger is better where `maximize`; NaN never is). */
bool tn_watch_update(tn_watch *watch, double value, int64_t epoch, double min_delta, bool maximize);

/* The learning rate of step `step` (0 for the first), in `epoch` (0 for the first).
 *   base       = learning_rate x replicas, x sqrt(replicas), or alone, as scale_with_replicas says
 *   warm-up    base (step + 1) / warmup_steps while step < warmup_steps
 *   constant   base
 *   step       base factor^floor(epoch / step_epochs)
 *   exponential base factor^(epochs since warm-up), continuous in steps
 *   cosine     min + (base - min) (1 + cos(pi t)) / 2, t from 0 to 1 over the steps after warm-up (1 at the step
 *              behind the last, as in Keras and PyTorch, and beyond)
 *   plateau    base factor^reductions
 * and never below min_learning_rate after warm-up. */
double tn_schedule_learning_rate(const tn_schedule_config *schedule, double learning_rate, int64_t replicas,
                                 int64_t step, int64_t epoch, int64_t steps_per_epoch, int64_t total_steps,
                                 int64_t plateau_reductions);

#endif
