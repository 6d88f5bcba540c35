#include "train/subset.h"

#include "base/memory.h"
#include "math/random.h"

#include <math.h>
#include <string.h>

static int64_t round_up(int64_t bytes) {
  return (bytes + TN_ALIGNMENT - 1) / TN_ALIGNMENT * TN_ALIGNMENT;
}

int64_t tn_row_arrays_bytes(const tn_row_source *source, int64_t count, bool weights) {
  int64_t bytes = round_up(count * source->inputs * tn_element_size(source->element));
  if (source->has_targets)
    bytes += source->value_cols > 0 ? round_up(count * source->value_cols * (int64_t)sizeof(float))
                                    : round_up(count * (int64_t)sizeof(int32_t));
  if (weights)
    bytes += round_up(count * (int64_t)sizeof(float));
  return bytes;
}

tn_row_arrays tn_row_arrays_place(void *memory, const tn_row_source *source, int64_t count, bool weights) {
  unsigned char *next = memory;
  tn_row_arrays arrays = {.features = next};
  next += round_up(count * source->inputs * tn_element_size(source->element));
  if (source->has_targets && source->value_cols > 0) {
    arrays.values = (float *)(void *)next;
    next += round_up(count * source->value_cols * (int64_t)sizeof(float));
  } else if (source->has_targets) {
    arrays.labels = (int32_t *)(void *)next;
    next += round_up(count * (int64_t)sizeof(int32_t));
  }
  if (weights)
    arrays.weights = (float *)(void *)next;
  return arrays;
}

tn_status tn_row_arrays_allocate(tn_row_arrays *arrays, void **block, const tn_row_source *source, int64_t count,
                                 bool weights) {
  TN_TRY(tn_alloc(block, tn_row_arrays_bytes(source, count, weights), 1, "rows of data"));
  *arrays = tn_row_arrays_place(*block, source, count, weights);
  return TN_OK;
}

tn_subset tn_subset_all(tn_row_source *source) {
  return (tn_subset){.source = source, .rows = source->rows};
}

static int64_t count_blocks(const tn_row_source *source) {
  return (source->rows + TN_HOLDOUT_BLOCK - 1) / TN_HOLDOUT_BLOCK;
}

static tn_status mark_rows(tn_holdout *holdout, const tn_row_source *source, int64_t held_rows, uint64_t seed) {
  TN_TRY(tn_alloc(&holdout->held, source->rows, 1, "marks of the rows held out"));
  TN_TRY(tn_alloc(&holdout->held_before, count_blocks(source), sizeof(int64_t), "counts of the rows held out"));
  const tn_permutation draw = tn_permutation_make(seed, TN_STREAM_SPLIT, 0, 0, (uint64_t)source->rows);
  for (int64_t i = 0; i < held_rows; i++)
    holdout->held[tn_permutation_at(&draw, (uint64_t)i)] = 1;
  int64_t seen = 0;
  for (int64_t row = 0; row < source->rows; row++) {
    if (row % TN_HOLDOUT_BLOCK == 0)
      holdout->held_before[row / TN_HOLDOUT_BLOCK] = seen;
    seen += holdout->held[row];
  }
  return TN_OK;
}

void tn_holdout_destroy(tn_holdout *holdout) {
  tn_free(&holdout->held);
  tn_free(&holdout->held_before);
}

tn_status tn_subset_hold_out(tn_row_source *source, double fraction, uint64_t seed, tn_holdout *holdout,
                             tn_subset *train, tn_subset *valid) {
  const int64_t drawn = llround(fraction * (double)source->rows);
  const int64_t held_rows = drawn < 1 ? 1 : drawn;
  if (held_rows >= source->rows)
    return tn_fail(TN_ERR_DATA,
                   "data.valid_fraction = %g holds out all of the %lld rows; give more rows or a smaller share",
                   fraction, (long long)source->rows);
  TN_TRY(mark_rows(holdout, source, held_rows, seed));
  *train = (tn_subset){.source = source, .holdout = holdout, .wanted = 0, .rows = source->rows - held_rows};
  *valid = (tn_subset){.source = source, .holdout = holdout, .wanted = 1, .rows = held_rows};
  return TN_OK;
}

static bool is_wanted(const tn_subset *subset, int64_t source_row) {
  return subset->holdout->held[source_row] == subset->wanted;
}

/* Rows of the subset before a block of the source. */
static int64_t wanted_before(const tn_subset *subset, int64_t block) {
  const int64_t held = subset->holdout->held_before[block];
  return subset->wanted ? held : block * TN_HOLDOUT_BLOCK - held;
}

/* The source's row that is row `index` of the subset. */
static int64_t find_source_row(const tn_subset *subset, int64_t index) {
  int64_t low = 0;
  for (int64_t high = count_blocks(subset->source); high - low > 1;) {
    const int64_t middle = low + (high - low) / 2;
    if (wanted_before(subset, middle) <= index)
      low = middle;
    else
      high = middle;
  }
  int64_t row = low * TN_HOLDOUT_BLOCK;
  for (int64_t before = wanted_before(subset, low);; row++)
    if (is_wanted(subset, row) && before++ == index)
      return row;
}

static void copy_row(const tn_row_source *source, const tn_row_arrays *to, int64_t to_row, const tn_row_arrays *from,
                     int64_t from_row) {
  const tn_row_arrays target = tn_row_arrays_at(to, source, to_row);
  const tn_row_arrays origin = tn_row_arrays_at(from, source, from_row);
  if (to->features)
    memcpy(target.features, origin.features, (size_t)(source->inputs * tn_element_size(source->element)));
  if (to->labels)
    *target.labels = *origin.labels;
  if (to->values)
    memcpy(target.values, origin.values, (size_t)source->value_cols * sizeof(float));
  if (to->weights)
    *target.weights = *origin.weights;
}

/* Reads whole blocks, since single rows of a compressed dataset would each inflate a chunk. */
static tn_status read_marked(const tn_subset *subset, int64_t first, int64_t count, const tn_row_arrays *out,
                             const tn_row_arrays *scratch) {
  tn_row_source *source = subset->source;
  int64_t done = 0;
  for (int64_t row = find_source_row(subset, first); done < count;) {
    const int64_t rest = source->rows - row;
    const int64_t block = rest < TN_HOLDOUT_BLOCK ? rest : TN_HOLDOUT_BLOCK;
    TN_TRY(tn_row_source_read(source, row, block, scratch));
    for (int64_t i = 0; i < block && done < count; i++)
      if (is_wanted(subset, row + i))
        copy_row(source, out, done++, scratch, i);
    row += block;
  }
  return TN_OK;
}

tn_status tn_subset_read(const tn_subset *subset, int64_t first, int64_t count, const tn_row_arrays *out) {
  if (count == 0)
    return TN_OK;
  if (!subset->holdout)
    return tn_row_source_read(subset->source, first, count, out);
  void *block = NULL;
  tn_row_arrays scratch;
  TN_TRY(tn_row_arrays_allocate(&scratch, &block, subset->source, TN_HOLDOUT_BLOCK, out->weights != NULL));
  if (!out->features)
    scratch.features = NULL;
  if (!out->labels)
    scratch.labels = NULL;
  if (!out->values)
    scratch.values = NULL;
  const tn_status status = read_marked(subset, first, count, out, &scratch);
  tn_free(&block);
  return status;
}
