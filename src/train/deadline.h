/* train.time_limit = auto: the moment at which the queue ends the job, and how long before it a run has to stop. */
#ifndef TN_TRAIN_DEADLINE_H
#define TN_TRAIN_DEADLINE_H

#include <stdbool.h>

/* Seconds that a job needs after the last checkpoint, whatever the network: MPI ends, the job script goes on, and the
 * queue counts whole seconds. */
#define TN_DEADLINE_REST_S 10.0

typedef struct tn_deadline {
  double end_s;  /* when the job ends, by tn_comm_time_s's clock; INFINITY: never */
  double look_s; /* when tn_deadline_is_near was asked last */
  double
      gap_s; /* the longest time between two such questions so far: a step, and whatever came between it and the next */
  double save_s; /* the longest checkpoint so far */
} tn_deadline;

/* Before the first step. Until the first checkpoint its time is guessed from its size, as that of a slow file system
 * (50 MB/s). */
tn_deadline tn_deadline_start(double end_s, double now_s, double checkpoint_bytes);

/* A checkpoint took so long. */
void tn_deadline_note_save(tn_deadline *deadline, double seconds);

/* Asked once a step: whether this is the last moment at which the run may stop. It is, where what may lie between this
 * question and the next, and a checkpoint behind that, would not be over TN_DEADLINE_REST_S before the end:
 *
 *   now + 2 (max(longest gap, next_s) + longest checkpoint) + TN_DEADLINE_REST_S >= end
 *
 * The factor is for machines and file systems that become slower than they have been. next_s: what the next gap is
 * expected to take, where that may be more than has been measured; else 0. */
bool tn_deadline_is_near(tn_deadline *deadline, double now_s, double next_s);

#endif
