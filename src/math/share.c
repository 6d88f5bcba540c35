#include "math/share.h"

/* 16 floats are 64 bytes. */
#define LINE 16

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* Where part `part` of `parts` begins, when 0..total - 1 is cut at multiples of `step`. */
static int64_t cut(int64_t total, int64_t step, int part, int parts) {
  const int64_t steps = (total + step - 1) / step;
  return smaller(steps * part / parts * step, total);
}

tn_share tn_share_of(int64_t values, int part, int parts) {
  const int64_t first = cut(values, TN_SHARE_STEP, part, parts);
  return (tn_share){
      .first = first, .count = cut(values, TN_SHARE_STEP, part + 1, parts) - first, .part = part, .parts = parts};
}

int64_t tn_share_columns(tn_share share, int64_t cols, int64_t *first) {
  *first = cut(cols, LINE, share.part, share.parts);
  return cut(cols, LINE, share.part + 1, share.parts) - *first;
}

int64_t tn_share_blocks(int64_t values) {
  return (values + TN_SHARE_STEP - 1) / TN_SHARE_STEP;
}
