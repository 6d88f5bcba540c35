#include "train/deadline.h"

#include <math.h>

#define SLOW_DISK_BYTES_PER_S 50e6

tn_deadline tn_deadline_start(double end_s, double now_s, double checkpoint_bytes) {
  return (tn_deadline){.end_s = end_s, .look_s = now_s, .save_s = checkpoint_bytes / SLOW_DISK_BYTES_PER_S};
}

void tn_deadline_note_save(tn_deadline *deadline, double seconds) {
  deadline->save_s = fmax(deadline->save_s, seconds);
}

bool tn_deadline_is_near(tn_deadline *deadline, double now_s, double next_s) {
  deadline->gap_s = fmax(deadline->gap_s, now_s - deadline->look_s);
  deadline->look_s = now_s;
  return now_s + 2.0 * (fmax(deadline->gap_s, next_s) + deadline->save_s) + TN_DEADLINE_REST_S >= deadline->end_s;
}
