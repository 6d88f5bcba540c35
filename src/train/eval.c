/* tn_eval: the measures of checkpoints over a data file of any size. */
#include "base/memory.h"
#include "nn/measures.h"
#include "train/ensemble.h"
#include "train/evaluate.h"

#include <math.h>
#include <string.h>
#include <thinnet/eval.h>

static const char *first_given(const char *a, const char *b, const char *c) {
  if (a && a[0])
    return a;
  return b && b[0] ? b : c;
}

static tn_status choose_data(const tn_config *config, const tn_eval_options *options, tn_eval_options *chosen) {
  if (!options->data_file && !options->x_path && !config->data.test_x[0])
    return tn_fail(TN_ERR_USAGE,
                   "the run's configuration names no test data (data.test_x, data.test_y): name a file, and -x and "
                   "-y for the datasets in it");
  *chosen = (tn_eval_options){.data_file = first_given(options->data_file, config->data.file, NULL),
                              .x_path = first_given(options->x_path, config->data.test_x, "/test/x"),
                              .y_path = first_given(options->y_path, config->data.test_y, "/test/y")};
  if (!chosen->data_file)
    return tn_fail(TN_ERR_USAGE, "the network was trained from arrays in memory: name a data file");
  return TN_OK;
}

/* The sums of this rank's blocks, and over all of them. */
typedef struct evaluation {
  tn_ensemble *ensemble;
  tn_measure_plan plan;
  tn_spread spread;
  tn_range blocks;      /* that this rank owns */
  float *origin;        /* (outputs): the targets of row 0 */
  double *blocks_reals; /* (blocks, plan.real_sums) */
  double *reals;        /* (plan.real_sums) */
  int64_t *counts;      /* (plan.count_sums) */
} evaluation;

static void destroy(evaluation *e) {
  tn_free(&e->origin);
  tn_free(&e->blocks_reals);
  tn_free(&e->reals);
  tn_free(&e->counts);
}

static tn_status read_origin(evaluation *e) {
  tn_targets targets;
  TN_TRY(tn_alloc(&e->origin, e->plan.outputs, sizeof *e->origin, "a row of targets"));
  TN_TRY(tn_row_stream_read(&e->ensemble->stream, 0, 1, &targets));
  if (targets.values)
    memcpy(e->origin, targets.values, (size_t)e->plan.outputs * sizeof *e->origin);
  e->plan.origin = e->origin;
  return TN_OK;
}

static tn_status create(evaluation *e) {
  const int64_t width = e->plan.real_sums;
  TN_TRY(tn_alloc(&e->blocks_reals, e->blocks.count * width, sizeof *e->blocks_reals, "sums of the blocks"));
  TN_TRY(tn_alloc(&e->reals, width, sizeof *e->reals, "sums over all rows"));
  TN_TRY(tn_alloc(&e->counts, e->plan.count_sums, sizeof *e->counts, "counts over all rows"));
  return read_origin(e);
}

static tn_status add_block(void *context, tn_range rows, const tn_mixture *mixture, const tn_targets *targets) {
  evaluation *e = context;
  const int64_t block = rows.first / TN_BLOCK_ROWS - e->blocks.first;
  tn_measures_add(&e->plan, mixture, targets, e->blocks_reals + block * e->plan.real_sums, e->counts);
  return TN_OK;
}

static tn_status measure(evaluation *e, tn_measures *measures) {
  const tn_comm *comm = e->ensemble->comm;
  TN_TRY(tn_comm_agree(comm, create(e)));
  TN_TRY(tn_ensemble_run(e->ensemble, &e->spread, 0, add_block, e));
  tn_comm_ordered_sum(comm, e->blocks_reals, e->blocks.count, e->plan.real_sums, e->reals);
  tn_comm_sum_int64(comm, e->counts, e->plan.count_sums);
  return tn_comm_agree(comm, tn_measures_finish(&e->plan, e->reals, e->counts, measures));
}

static tn_status evaluate(tn_ensemble *ensemble, const tn_eval_options *options, tn_measures *measures) {
  const tn_comm *comm = ensemble->comm;
  const tn_network *network = tn_ensemble_network(ensemble);
  tn_eval_options data = {0};
  evaluation e = {.ensemble = ensemble};
  TN_TRY(choose_data(tn_ensemble_config(ensemble), options, &data));
  TN_TRY(tn_measure_plan_make(&e.plan, network->loss, network->outputs, options->top));
  TN_TRY(tn_ensemble_open_rows(ensemble, data.data_file, data.x_path, data.y_path));
  e.spread = tn_ensemble_spread(ensemble, ensemble->stream.source.rows);
  e.blocks = tn_spread_owned(&e.spread, tn_comm_rank(comm));
  const tn_status status = measure(&e, measures);
  if (status == TN_OK)
    measures->nonfinite_rows = tn_ensemble_warn_nonfinite(ensemble);
  destroy(&e);
  measures->networks = ensemble->count;
  measures->samples = ensemble->samples;
  if (!tn_ensemble_is_mean(ensemble))
    measures->information = NAN;
  return status;
}

tn_status tn_eval(tn_comm *comm, const char *const *checkpoints, int count, const tn_eval_options *options,
                  tn_measures *measures) {
  const tn_eval_options nothing = {0};
  const tn_eval_options *given = options ? options : &nothing;
  tn_ensemble ensemble;
  *measures = (tn_measures){0};
  tn_status status = tn_ensemble_open(&ensemble, comm, checkpoints, count, given->mc_samples);
  if (status == TN_OK)
    status = evaluate(&ensemble, given, measures);
  if (status != TN_OK)
    tn_measures_clear(measures);
  tn_ensemble_close(&ensemble);
  return status;
}
