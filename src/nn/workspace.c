#include "base/memory.h"
#include "nn/connect.h"
#include "nn/learned.h"
#include "nn/network.h"
#include "nn/thin.h"

/* Cuts buffers from one allocation. Without a base it only counts, so that one plan serves for both. */
typedef struct carver {
  char *base;
  int64_t used; /* bytes; below 0 once they are more than can be counted */
} carver;

static void *carve(carver *cut, int64_t rows, int64_t cols, int64_t size) {
  int64_t bytes = 0;
  if (cut->used < 0 || __builtin_mul_overflow(rows, cols, &bytes) || __builtin_mul_overflow(bytes, size, &bytes) ||
      bytes > INT64_MAX / 2 - cut->used) {
    cut->used = -1;
    return NULL;
  }
  void *buffer = cut->base == NULL ? NULL : cut->base + cut->used;
  cut->used += (bytes + TN_ALIGNMENT - 1) / TN_ALIGNMENT * TN_ALIGNMENT;
  return buffer;
}

static int64_t widest_hidden(const tn_network *network) {
  int64_t width = 0;
  for (int l = 0; l < network->layer_count - 1; l++)
    width = network->layers[l].outputs > width ? network->layers[l].outputs : width;
  return width;
}

static void carve_layers(carver *cut, const tn_network *network, tn_workspace *workspace) {
  const int layers = network->layer_count;
  workspace->activation = carve(cut, layers, 1, sizeof(float *));
  workspace->slope = carve(cut, layers, 1, sizeof(float *));
  for (int l = 0; l < layers; l++) {
    const int64_t rows = workspace->max_rows, cols = network->layers[l].outputs;
    const bool sloped = workspace->training && l < layers - 1;
    float *activation = carve(cut, rows, cols, sizeof(float));
    float *slope = sloped ? carve(cut, rows, cols, sizeof(float)) : NULL;
    if (cut->base == NULL)
      continue;
    workspace->activation[l] = activation;
    workspace->slope[l] = slope;
  }
}

static tn_norm_buffers carve_norm(carver *cut, const tn_network *network, const tn_workspace *workspace, int layer) {
  const int64_t rows = workspace->max_rows, cols = network->layers[layer].outputs;
  const bool over_batch = network->norm == TN_NORM_BATCH;
  tn_norm_buffers norm = {0};
  if (workspace->training)
    norm.normal = carve(cut, rows, cols, sizeof(float));
  if (over_batch) {
    norm.mean = carve(cut, 1, cols, sizeof(float));
    norm.variance = carve(cut, 1, cols, sizeof(float));
  }
  if (over_batch || workspace->training)
    norm.inverse = carve(cut, 1, over_batch ? cols : rows, sizeof(float));
  return norm;
}

static void carve_norms(carver *cut, const tn_network *network, tn_workspace *workspace) {
  if (network->norm == TN_NORM_NONE)
    return;
  workspace->norms = carve(cut, network->layer_count, 1, sizeof(tn_norm_buffers));
  for (int l = 0; l < network->layer_count - 1; l++) {
    const tn_norm_buffers norm = carve_norm(cut, network, workspace, l);
    if (cut->base != NULL)
      workspace->norms[l] = norm;
  }
  if (!workspace->training)
    return;
  workspace->norm_sums = carve(cut, 2, widest_hidden(network), sizeof(double));
  workspace->norm_means = carve(cut, 2, widest_hidden(network), sizeof(float));
}

static void carve_all(carver *cut, const tn_network *network, tn_workspace *workspace) {
  workspace->input = carve(cut, workspace->max_rows, network->inputs, sizeof(float));
  carve_layers(cut, network, workspace);
  for (int i = 0; i < 2 && workspace->training; i++)
    workspace->delta[i] = carve(cut, workspace->max_rows, widest_hidden(network), sizeof(float));
  workspace->factor = carve(cut, 1, tn_network_widest(network), sizeof(float));
  carve_norms(cut, network, workspace);
}

int64_t tn_workspace_bytes(const tn_network *network, int64_t max_rows, bool training) {
  tn_workspace workspace = {.max_rows = max_rows, .training = training};
  carver count = {0};
  carve_all(&count, network, &workspace);
  if (count.used < 0)
    return INT64_MAX;
  if (tn_connect_is_used(network))
    count.used += tn_connect_bytes(network, max_rows, training);
  if (training && network->learns_rates)
    count.used += tn_learned_bytes(network, max_rows);
  return count.used + (training && tn_thin_is_possible(network) ? tn_thin_bytes(network) : 0);
}

static tn_status allocate(tn_workspace *workspace, const tn_network *network) {
  carver cut = {0};
  carve_all(&cut, network, workspace);
  TN_TRY(tn_alloc(&workspace->block, cut.used < 0 ? INT64_MAX : cut.used, 1, "the activations of a batch"));
  cut = (carver){.base = workspace->block};
  carve_all(&cut, network, workspace);
  if (tn_connect_is_used(network))
    TN_TRY(tn_connect_create(&workspace->connect, network, workspace->max_rows, workspace->training));
  if (workspace->training && network->learns_rates)
    TN_TRY(tn_learned_create(&workspace->learned, network, workspace->max_rows));
  return workspace->training && tn_thin_is_possible(network) ? tn_thin_create(&workspace->thin, network) : TN_OK;
}

tn_status tn_workspace_create(tn_workspace **workspace, const tn_network *network, int64_t max_rows, bool training) {
  TN_TRY(tn_alloc(workspace, 1, sizeof **workspace, "a workspace"));
  (*workspace)->max_rows = max_rows;
  (*workspace)->training = training;
  const tn_status status = allocate(*workspace, network);
  if (status == TN_OK)
    return TN_OK;
  tn_workspace_destroy(workspace);
  return tn_fail_in(status, "%lld rows at a time (a smaller train.batch_size needs less)", (long long)max_rows);
}

void tn_workspace_destroy(tn_workspace **workspace) {
  if (*workspace == NULL)
    return;
  tn_thin_destroy(&(*workspace)->thin);
  tn_connect_destroy(&(*workspace)->connect);
  tn_learned_destroy(&(*workspace)->learned);
  tn_free(&(*workspace)->block);
  tn_free(workspace);
}
