#include "train/standardize.h"

#include "base/memory.h"
#include "train/evaluate.h"

#include <assert.h>
#include <math.h>

/* A pass over this rank's blocks: the subset, and scratch for one block. */
typedef struct pass {
  const tn_comm *comm;
  const tn_subset *subset;
  tn_range blocks;
  tn_transform raw;   /* values as they are in the file */
  tn_rows block_rows; /* one block of rows */
  float *values;      /* one row */
  double *block_sums; /* (blocks, inputs) */
} pass;

static void destroy_pass(pass *p) {
  tn_transform_destroy(&p->raw);
  tn_rows_destroy(&p->block_rows);
  tn_free(&p->values);
  tn_free(&p->block_sums);
}

static tn_status create_pass(pass *p, const tn_comm *comm, const tn_subset *subset) {
  const int64_t inputs = subset->source->inputs;
  *p = (pass){.comm = comm,
              .subset = subset,
              .blocks = tn_blocks_of_rank(subset->rows, tn_comm_rank(comm), tn_comm_size(comm))};
  TN_TRY(tn_transform_create(&p->raw, inputs, 1.0, 0.0));
  TN_TRY(tn_rows_allocate(&p->block_rows, subset->source, (tn_range){0, TN_BLOCK_ROWS}, false));
  TN_TRY(tn_alloc(&p->values, inputs, sizeof(float), "a row"));
  return tn_alloc(&p->block_sums, p->blocks.count * inputs, sizeof(double), "feature sums of the blocks");
}

/* sums[j] += x_j, or (x_j - mean_j)^2 where means are given. */
static void add_row(const pass *p, const double *means, double *sums) {
  for (int64_t j = 0; j < p->subset->source->inputs; j++) {
    const double x = (double)p->values[j];
    sums[j] += means ? (x - means[j]) * (x - means[j]) : x;
  }
}

static tn_status sum_block(pass *p, int64_t index, const double *means) {
  const int64_t inputs = p->subset->source->inputs;
  const tn_range rows = tn_block_rows(p->subset->rows, p->blocks.first + index);
  const tn_row_arrays features = {.features = p->block_rows.arrays.features};
  double *sums = p->block_sums + index * inputs;
  TN_TRY(tn_subset_read(p->subset, rows.first, rows.count, &features));
  for (int64_t j = 0; j < inputs; j++)
    sums[j] = 0.0;
  for (int64_t i = 0; i < rows.count; i++) {
    tn_rows_input(&p->block_rows, i, &p->raw, p->values);
    add_row(p, means, sums);
  }
  return TN_OK;
}

/* total[j] over all rows of all ranks. */
static tn_status sum_all(pass *p, const double *means, double *total) {
  tn_status status = TN_OK;
  for (int64_t i = 0; i < p->blocks.count && status == TN_OK; i++)
    status = sum_block(p, i, means);
  TN_TRY(tn_comm_agree(p->comm, status));
  tn_comm_ordered_sum(p->comm, p->block_sums, p->blocks.count, p->subset->source->inputs, total);
  return TN_OK;
}

static tn_status measure(pass *p, double *means, double *squares, tn_transform *transform) {
  const int64_t inputs = p->subset->source->inputs;
  assert(means && squares); /* all ranks have agreed that they were allocated */
  TN_TRY(sum_all(p, NULL, means));
  for (int64_t j = 0; j < inputs; j++)
    means[j] /= (double)p->subset->rows;
  TN_TRY(sum_all(p, means, squares));
  for (int64_t j = 0; j < inputs; j++) {
    const double deviation = sqrt(squares[j] / (double)p->subset->rows);
    const double scale = deviation > 0.0 ? 1.0 / deviation : 1.0;
    transform->scale[j] = (float)scale;
    transform->shift[j] = (float)(-means[j] * scale);
  }
  return TN_OK;
}

tn_status tn_standardize(const tn_comm *comm, const tn_subset *subset, tn_transform *transform) {
  pass p;
  double *means = NULL;
  double *squares = NULL;
  tn_status status = create_pass(&p, comm, subset);
  if (status == TN_OK)
    status = tn_alloc(&means, subset->source->inputs, sizeof(double), "feature means");
  if (status == TN_OK)
    status = tn_alloc(&squares, subset->source->inputs, sizeof(double), "feature squares");
  status = tn_comm_agree(comm, status);
  if (status == TN_OK)
    status = measure(&p, means, squares, transform);
  tn_free(&means);
  tn_free(&squares);
  destroy_pass(&p);
  return status;
}
