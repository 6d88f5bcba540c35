#include "train/spread.h"

#include "train/evaluate.h"

tn_spread tn_spread_of(int64_t rows, int64_t members, int ranks) {
  return (tn_spread){.rows = rows,
                     .blocks = (rows + TN_BLOCK_ROWS - 1) / TN_BLOCK_ROWS,
                     .members = members,
                     .parts = members < TN_SPREAD_PARTS_MAX ? (int)members : TN_SPREAD_PARTS_MAX,
                     .ranks = ranks};
}

static int64_t quotient_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

/* A part costs its rows. Full blocks come first, so that the division finds the block also where the last is short. */
tn_spread_place tn_spread_start(const tn_spread *spread, int rank) {
  const int64_t all = spread->rows * spread->parts, full = (int64_t)TN_BLOCK_ROWS * spread->parts;
  const int64_t cost = quotient_up(all * rank, spread->ranks);
  if (cost >= all)
    return (tn_spread_place){.block = spread->blocks};
  const int64_t block = cost / full;
  const int64_t part = quotient_up(cost - block * full, tn_block_rows(spread->rows, block).count);
  if (part == spread->parts)
    return (tn_spread_place){.block = block + 1};
  return (tn_spread_place){.block = block, .part = (int)part};
}

/* The first block of which a stretch that begins there has the first part. */
static int64_t first_owned(tn_spread_place start) {
  return start.part == 0 ? start.block : start.block + 1;
}

tn_range tn_spread_owned(const tn_spread *spread, int rank) {
  const int64_t first = first_owned(tn_spread_start(spread, rank));
  return (tn_range){.first = first, .count = first_owned(tn_spread_start(spread, rank + 1)) - first};
}

int tn_spread_owner(const tn_spread *spread, int64_t block) {
  int low = 0, high = spread->ranks - 1;
  while (low < high) {
    const int middle = low + (high - low) / 2;
    const tn_range owned = tn_spread_owned(spread, middle);
    if (owned.first + owned.count > block)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

tn_range tn_spread_parts(const tn_spread *spread, int rank, int64_t block) {
  const tn_spread_place start = tn_spread_start(spread, rank), end = tn_spread_start(spread, rank + 1);
  const int first = start.block < block ? 0 : (start.block == block ? start.part : spread->parts);
  const int stop = end.block < block ? 0 : (end.block == block ? end.part : spread->parts);
  return (tn_range){.first = first, .count = stop > first ? stop - first : 0};
}

tn_range tn_spread_members(const tn_spread *spread, int64_t part) {
  return tn_range_split(spread->members, spread->parts, (int)part);
}
