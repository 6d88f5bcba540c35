#include "network_fixture.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

void spec_configure(const network_spec *spec, tn_model_config *model, tn_dropout_config *dropout) {
  *model = (tn_model_config){.hidden.count = spec->hidden_count,
                             .outputs = spec->outputs,
                             .activation = spec->activation,
                             .loss = spec->loss,
                             .batch_norm = spec->norm == TN_NORM_BATCH,
                             .layer_norm = spec->norm == TN_NORM_LAYER,
                             .norm_momentum = 0.75,
                             .norm_epsilon = 0.01};
  for (int i = 0; i < spec->hidden_count; i++)
    model->hidden.values[i] = spec->hidden[i];
  *dropout = (tn_dropout_config){.input = spec->input_rate,
                                 .hidden = {.count = 1, .values = {spec->rate}},
                                 .kind = spec->kind,
                                 .mask = spec->mask,
                                 .group = spec->group > 0 ? spec->group : 1,
                                 .shape = spec->image,
                                 .block = spec->block != 0 ? spec->block : 1,
                                 .standout_alpha = spec->standout_alpha,
                                 .standout_beta = spec->standout_beta,
                                 .schedule = spec->schedule,
                                 .schedule_steps = spec->schedule_steps,
                                 .rate = spec->rates,
                                 .temperature = 0.1,
                                 .entropy_weight = 1};
}

tn_network *network_make(const network_spec *spec) {
  static tn_model_config model;
  static tn_dropout_config dropout;
  spec_configure(spec, &model, &dropout);
  tn_network *network = NULL;
  assert_int_equal(tn_network_create(&network, &model, &dropout, spec->inputs), TN_OK);
  return network;
}

tn_workspace *workspace_make(const tn_network *network, int64_t max_rows, bool training) {
  tn_workspace *workspace = NULL;
  assert_int_equal(tn_workspace_create(&workspace, network, max_rows, training), TN_OK);
  return workspace;
}

float *floats_make(int64_t count) {
  float *values = NULL;
  assert_int_equal(tn_alloc(&values, count, sizeof *values, "numbers of a test"), TN_OK);
  return values;
}

float *block_make(const tn_network *network) {
  return floats_make(network->block_size);
}

float *weights_make(const tn_network *network) {
  float *block = block_make(network);
  for (int t = 0; t < network->tensor_count; t++) {
    const tn_tensor *tensor = &network->tensors[t];
    const double start = (double)tensor->start; /* a variance is around 1 */
    fill_uniform((uint64_t)t + 77, start - 0.8, start + 0.8, tensor->rows * tensor->cols, block + tensor->offset);
  }
  return block;
}

/* Steele et al. 2014 (SplitMix64). */
static uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

void fill_uniform(uint64_t seed, double low, double high, int64_t count, float *values) {
  for (int64_t i = 0; i < count; i++)
    values[i] = (float)(low + (high - low) * 0x1p-53 * (double)(mix(mix(seed) + (uint64_t)i) >> 11));
}

bool gaps_are_zero(const tn_network *network, const float *block) {
  for (int t = 0; t < network->tensor_count; t++) {
    const tn_tensor *tensor = &network->tensors[t];
    const int64_t end = t + 1 < network->tensor_count ? tensor[1].offset : network->block_size;
    for (int64_t i = tensor->offset + tensor->rows * tensor->cols; i < end; i++)
      if (block[i] != 0)
        return false;
  }
  return true;
}
