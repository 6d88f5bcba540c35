/* What the reductions add to the sum of the replicas' gradients, against a sum in float64. A training of the network
 * 784-512-512-10 on the rows of a file that scripts/fetch_mnist makes, one replica a rank; at every MEASURE_EVERY-th
 * step both reductions sum the same gradients.
 *
 *   mpirun -n 12 bench_exact_error mnist.h5 STEPS */
#include "base/memory.h"
#include "dist/reduce.h"
#include "math/gemm.h"
#include "nn/optimizer.h"
#include "train/rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 128, MEASURE_EVERY = 10 };

/* Relative errors say nothing where hardly anything is left of the sum: values below this share of the gradient's root
 * mean square count in the rms alone. */
#define LEAST_SHARE 0.01

/* Of the sums that one way of adding gives. */
typedef struct errors {
  double square_sum, greatest; /* of the differences; of the relative ones */
} errors;

typedef struct bench {
  tn_comm *comm;
  tn_row_source source;
  tn_rows rows;
  tn_transform transform;
  tn_sampler sampler;
  tn_network *network;
  float *parameters;
  tn_workspace *workspace;
  tn_batch batch;
  tn_optimizer *optimizer;
  tn_team *team; /* every rank alone: its reducers give it the whole sum */
  tn_reducer *exact, *rounded;
  float *received;
  double *reference;   /* rank 0: the sum in float64 */
  double square_sum;   /* of the reference, over all measured steps */
  int64_t value_count; /* over all measured steps */
  errors exact_errors, rounded_errors, nearest_errors;
} bench;

static tn_status open_rows(bench *b, const char *file) {
  const int rank = tn_comm_rank(b->comm);
  const int size = tn_comm_size(b->comm);
  TN_TRY(tn_row_source_open_file(&b->source, file, "/train/x", "/train/y", NULL, TN_SOFTMAX_CROSS_ENTROPY));
  b->sampler = (tn_sampler){.seed = 1,
                            .shuffle = TN_SHUFFLE_SHARD,
                            .rows = b->source.rows,
                            .replicas = size,
                            .batch_size = BATCH,
                            .accumulate = 1};
  const tn_subset all = tn_subset_all(&b->source);
  TN_TRY(tn_rows_load(&b->rows, b->comm, &all, TN_PLACEMENT_RANK, tn_sampler_shard(&b->sampler, rank), false));
  TN_TRY(tn_transform_create(&b->transform, b->source.inputs, 1.0 / 255.0, 0.0));
  return tn_batch_create(&b->batch, &b->source, BATCH, false);
}

static tn_status create_network(bench *b) {
  tn_config config;
  tn_config_defaults(&config);
  config.model.hidden = (tn_int_list){.count = 2, .values = {512, 512}};
  config.model.outputs = 10;
  config.dropout.hidden = (tn_real_list){.count = 2, .values = {0.2, 0.2}};
  TN_TRY(tn_config_resolve(&config));
  TN_TRY(tn_network_create(&b->network, &config.model, &config.dropout, b->source.inputs));
  TN_TRY(tn_optimizer_create(&b->optimizer, b->network, &config.train, &config.regularization));
  TN_TRY(tn_workspace_create(&b->workspace, b->network, BATCH, true));
  const int64_t values = b->network->block_size;
  TN_TRY(tn_alloc(&b->parameters, values, sizeof(float), "parameters"));
  TN_TRY(tn_alloc(&b->received, values, sizeof(float), "a gradient"));
  TN_TRY(tn_alloc(&b->reference, values, sizeof(double), "the reference"));
  tn_network_initialize(b->network, TN_INIT_AUTO, 1, b->parameters);
  const int size = tn_comm_size(b->comm);
  TN_TRY(tn_team_create(&b->team, b->comm, TN_NODE_STAGE_OFF, 0));
  TN_TRY(tn_reducer_create(&b->exact, b->team, TN_REDUCTION_EXACT, -1, size, values));
  return tn_reducer_create(&b->rounded, b->team, TN_REDUCTION_FLOAT, -1, size, values);
}

/* The replica's gradient into the exact reducer's block. */
static void compute_gradient(bench *b, int64_t step, double *sums) {
  const int64_t steps = tn_sampler_steps(&b->sampler);
  const int rank = tn_comm_rank(b->comm);
  const tn_order order = tn_sampler_order(&b->sampler, step / steps, rank);
  const tn_range range = tn_sampler_batch(&b->sampler, rank, step % steps, 0);
  for (int64_t i = 0; i < range.count; i++)
    tn_rows_gather(&b->rows, tn_order_row(&order, range.first + i) - b->rows.first, &b->transform, i,
                   b->workspace->input, &b->batch);
  const tn_mask_source masks = {.seed = 1, .stream = TN_STREAM_MASK, .replica = (uint32_t)rank, .step = (uint64_t)step};
  const tn_targets targets = tn_batch_targets(&b->batch);
  tn_loss_sums loss = {0};
  float *z = tn_network_forward(b->network, b->parameters, b->workspace, range.count, &masks);
  tn_loss_add(b->network->loss, range.count, b->network->outputs, z, &targets, true, &loss);
  tn_network_backward(b->network, b->parameters, b->workspace, range.count, tn_reducer_gradient(b->exact), false);
  sums[TN_SUM_LOSS] = loss.loss;
  sums[TN_SUM_WEIGHT] = loss.weight;
  sums[TN_SUM_CORRECT] = loss.correct;
  sums[TN_SUM_ROWS] = (double)loss.rows;
}

/* The reducer's sum of what is in its block, and of the step's sums. */
static tn_status reduce(tn_reducer *reducer, double *sums) {
  int64_t index = 0;
  float value = 0.0F;
  int64_t flags[TN_FLAG_COUNT];
  tn_reducer_begin(reducer);
  const tn_status status = tn_reducer_add(reducer, sums, &index, &value);
  tn_reducer_sum(reducer, sums, flags);
  tn_reducer_settle_all(reducer);
  return status;
}

static void add_to_reference(bench *b, const float *gradient) {
  for (int64_t i = 0; i < b->network->block_size; i++)
    b->reference[i] += (double)gradient[i];
}

static void sum_reference(bench *b) {
  const float *mine = tn_reducer_gradient(b->exact);
  const int64_t bytes = b->network->block_size * (int64_t)sizeof(float);
  if (tn_comm_rank(b->comm) > 0) {
    tn_comm_send(b->comm, mine, bytes, 0);
    return;
  }
  memset(b->reference, 0, (size_t)b->network->block_size * sizeof(double));
  add_to_reference(b, mine);
  for (int from = 1; from < tn_comm_size(b->comm); from++) {
    tn_comm_receive(b->comm, b->received, bytes, from);
    add_to_reference(b, b->received);
  }
}

static void add_error(errors *e, double sum, double reference, double least) {
  const double error = sum - reference;
  e->square_sum += error * error;
  if (fabs(reference) >= least)
    e->greatest = fmax(e->greatest, fabs(error / reference));
}

static void compare(bench *b) {
  const float *exact = tn_reducer_total(b->exact);
  const float *rounded = tn_reducer_total(b->rounded);
  double square_sum = 0.0;
  for (int64_t i = 0; i < b->network->block_size; i++)
    square_sum += b->reference[i] * b->reference[i];
  const double least = LEAST_SHARE * sqrt(square_sum / (double)b->network->parameter_count);
  for (int64_t i = 0; i < b->network->block_size; i++) {
    const double reference = b->reference[i];
    add_error(&b->exact_errors, (double)exact[i], reference, least);
    add_error(&b->rounded_errors, (double)rounded[i], reference, least);
    add_error(&b->nearest_errors, (double)(float)reference, reference, least);
  }
  b->square_sum += square_sum;
  b->value_count += b->network->parameter_count;
}

static tn_status train_step(bench *b, int64_t step) {
  const bool measured = (step + 1) % MEASURE_EVERY == 0;
  double sums[TN_SUM_COUNT];
  double again[TN_SUM_COUNT];
  compute_gradient(b, step, sums);
  memcpy(again, sums, sizeof sums);
  if (measured) {
    sum_reference(b);
    memcpy(tn_reducer_gradient(b->rounded), tn_reducer_gradient(b->exact),
           (size_t)b->network->block_size * sizeof(float));
    TN_TRY(tn_comm_agree(b->comm, reduce(b->rounded, again)));
  }
  TN_TRY(tn_comm_agree(b->comm, reduce(b->exact, sums)));
  if (measured && tn_comm_rank(b->comm) == 0)
    compare(b);
  float *gradient = tn_reducer_total(b->exact);
  for (int64_t i = 0; i < b->network->block_size; i++)
    gradient[i] *= (float)(1.0 / sums[TN_SUM_WEIGHT]);
  tn_optimizer_update(b->optimizer, b->network, b->parameters, gradient, 1e-3, step + 1);
  return TN_OK;
}

static void print_errors(const bench *b, const char *name, const errors *e) {
  printf("\"%s\": {\"rms\": %.3g, \"greatest\": %.3g}", name, sqrt(e->square_sum / b->square_sum), e->greatest);
}

/* One line of JSON. */
static void print_result(const bench *b, int64_t steps) {
  printf("{\"replicas\": %d, \"steps\": %" PRId64 ", \"gradient_rms\": %.3g, \"fraction_bits\": %d, ",
         tn_comm_size(b->comm), steps, sqrt(b->square_sum / (double)b->value_count),
         tn_reducer_fraction_bits(b->exact));
  print_errors(b, "exact", &b->exact_errors);
  printf(", ");
  print_errors(b, "float", &b->rounded_errors);
  printf(", ");
  print_errors(b, "nearest", &b->nearest_errors);
  printf("}\n");
}

static void destroy(bench *b) {
  tn_reducer_destroy(&b->exact);
  tn_reducer_destroy(&b->rounded);
  tn_team_destroy(&b->team);
  tn_workspace_destroy(&b->workspace);
  tn_optimizer_destroy(&b->optimizer);
  tn_network_destroy(&b->network);
  tn_free(&b->parameters);
  tn_free(&b->received);
  tn_free(&b->reference);
  tn_batch_destroy(&b->batch);
  tn_transform_destroy(&b->transform);
  tn_rows_destroy(&b->rows);
  tn_row_source_close(&b->source);
}

static tn_status run(bench *b, const char *file, int64_t steps) {
  TN_TRY(tn_comm_agree(b->comm, open_rows(b, file)));
  TN_TRY(tn_comm_agree(b->comm, create_network(b)));
  for (int64_t step = 0; step < steps; step++)
    TN_TRY(train_step(b, step));
  if (tn_comm_rank(b->comm) == 0)
    print_result(b, steps);
  return TN_OK;
}

int main(int argc, char **argv) {
  bench b = {0};
  if (tn_comm_start(&argc, &argv, &b.comm) != TN_OK)
    return 1;
  tn_status status = TN_ERR_USAGE;
  tn_blas_set_threads(1);
  if (argc == 3)
    status = run(&b, argv[1], strtoll(argv[2], NULL, 10));
  if (status != TN_OK && tn_comm_rank(b.comm) == 0)
    fprintf(stderr, "bench_exact_error: %s\n", argc == 3 ? tn_error_message() : "give the rows' file and the steps");
  destroy(&b);
  tn_comm_destroy(&b.comm);
  return status == TN_OK ? 0 : 1;
}
