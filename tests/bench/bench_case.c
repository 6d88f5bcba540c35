#include "bench_case.h"

#include "base/memory.h"
#include "math/gemm.h"

#include <stdio.h>
#include <stdlib.h>

static void require(tn_status status) {
  if (status == TN_OK)
    return;
  fprintf(stderr, "%s\n", tn_error_message());
  exit(2);
}

static void read_arguments(bench_case *c, int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: %s SECONDS INPUTS [section.key=value...]\n", argv[0]);
    exit(2);
  }
  c->seconds = strtod(argv[1], NULL);
  tn_config_defaults(&c->config);
  for (int i = 3; i < argc; i++)
    require(tn_config_set(&c->config, argv[i]));
  c->rows = c->config.train.batch_size;
}

static void fill(float *values, int64_t count, uint32_t layer) {
  const tn_place place = tn_place_make(1, TN_STREAM_INIT, 0, layer, 0, 0);
  tn_random_normal(place, 0, count, values);
  for (int64_t i = 0; i < count; i++)
    values[i] *= 0.05F; /* what trained weights and their products have; products stay far from denormals */
}

static void fill_buffers(const bench_case *c) {
  const tn_network *network = c->network;
  fill(c->parameters, network->block_size, 0);
  fill(c->workspace->input, c->rows * network->inputs, 1);
  for (int l = 0; l < network->layer_count; l++)
    fill(c->workspace->activation[l], c->rows * network->layers[l].outputs, (uint32_t)l + 2);
}

bench_case bench_case_create(int argc, char **argv) {
  bench_case c = {0};
  require(tn_comm_start(&argc, &argv, &c.comm));
  read_arguments(&c, argc, argv);
  require(tn_network_create(&c.network, &c.config.model, &c.config.dropout, strtoll(argv[2], NULL, 10)));
  require(tn_workspace_create(&c.workspace, c.network, c.rows, true));
  require(tn_alloc(&c.parameters, c.network->block_size, sizeof(float), "the parameters"));
  require(tn_alloc(&c.gradient, c.network->block_size, sizeof(float), "the gradient"));
  fill_buffers(&c);
  tn_blas_set_threads((int)c.config.parallel.threads);
  return c;
}

void bench_case_destroy(bench_case *c) {
  tn_workspace_destroy(&c->workspace);
  tn_free(&c->parameters);
  tn_free(&c->gradient);
  tn_network_destroy(&c->network);
  tn_comm_destroy(&c->comm);
}

void bench_case_start(bench_case *c) {
  tn_comm_barrier(c->comm);
  c->started_s = tn_comm_time_s();
}

bool bench_case_goes_on(const bench_case *c) {
  return tn_comm_time_s() - c->started_s < c->seconds;
}

void bench_case_print(const bench_case *c, int count, const char *const *names, const double *values) {
  const int size = tn_comm_size(c->comm);
  double *all = calloc((size_t)size, (size_t)count * sizeof *all);
  require(all ? TN_OK : TN_ERR_MEMORY);
  tn_comm_all_gather(c->comm, values, count * (int64_t)sizeof *values, all);
  for (int i = 0; i < count && tn_comm_rank(c->comm) == 0; i++) {
    double sum = 0;
    for (int rank = 0; rank < size; rank++)
      sum += all[rank * count + i];
    printf("%s\"%s\": %.6g%s", i == 0 ? "{" : ", ", names[i], sum / size, i == count - 1 ? "}\n" : "");
  }
  free(all);
}
