/* Small networks, and numbers to fill them with, for the tests of src/nn. */
#ifndef TN_TESTS_NETWORK_FIXTURE_H
#define TN_TESTS_NETWORK_FIXTURE_H

#include "nn/network.h"

#define FIXTURE_HIDDEN_MAX 3

typedef struct network_spec {
  int64_t inputs, outputs;
  int hidden_count;
  int64_t hidden[FIXTURE_HIDDEN_MAX];
  tn_activation activation;
  tn_loss loss;
  tn_norm_kind norm;
  double input_rate, rate;
  tn_dropout_kind kind;
  tn_mask mask;
  int64_t group; /* 0: 1 */
  tn_image_shape image;
  int64_t block; /* 0: 1 */
  double standout_alpha, standout_beta;
  tn_rate_schedule schedule;
  int64_t schedule_steps;
  tn_rate_choice rates;
} network_spec;

/* The configuration sections of a spec. */
void spec_configure(const network_spec *spec, tn_model_config *model, tn_dropout_config *dropout);

/* These fail the test where memory is out or the spec is impossible. */
tn_network *network_make(const network_spec *spec);
tn_workspace *workspace_make(const tn_network *network, int64_t max_rows, bool training);
float *floats_make(int64_t count);              /* zeros, aligned; freed with tn_free */
float *block_make(const tn_network *network);   /* zeros */
float *weights_make(const tn_network *network); /* a block of weights and biases around 0, gaps zero */

/* values[i] uniform in [low, high): a pure function of (seed, i), with nothing of src/math in it. */
void fill_uniform(uint64_t seed, double low, double high, int64_t count, float *values);

/* True where all floats of a block that belong to no tensor are zero. */
bool gaps_are_zero(const tn_network *network, const float *block);

#endif
