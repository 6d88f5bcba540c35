#include "nn/standout.h"

#include "math/kernels.h"

bool tn_standout_is_used(const tn_network *network, int layer) {
  return network->kind == TN_STANDOUT && layer > 0 && layer < network->layer_count;
}

const float *tn_standout_row(const tn_dropout *dropout, int64_t row, const float *bias, const float *z) {
  const tn_network *network = dropout->network;
  const float alpha = (float)network->standout_alpha, beta = (float)network->standout_beta;
  const bool draws = dropout->source != NULL;
  if (draws)
    tn_random_uniform(tn_dropout_place(dropout->source, dropout->layer, row), 0, dropout->units, dropout->factor);
  tn_kernel_standout(dropout->units, alpha, beta, bias, z, draws, dropout->factor);
  return dropout->factor;
}
