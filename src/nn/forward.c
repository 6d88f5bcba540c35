#include "math/gemm.h"
#include "math/kernels.h"
#include "nn/connect.h"
#include "nn/dropout.h"
#include "nn/learned.h"
#include "nn/network.h"
#include "nn/norm.h"
#include "nn/pass.h"
#include "nn/standout.h"
#include "nn/thin.h"

void tn_pass_input(const tn_network *network, tn_workspace *workspace, int64_t rows, const tn_mask_source *masks) {
  const tn_dropout dropout = tn_dropout_begin(network, masks, 0, workspace->factor);
  for (int64_t i = 0; i < rows; i++) {
    const float *factor = tn_dropout_row(&dropout, i);
    if (factor != NULL)
      tn_kernel_multiply(network->inputs, workspace->input + i * network->inputs, factor);
    tn_dropout_shift(&dropout, factor, workspace->input + i * network->inputs);
    tn_learned_note(workspace->learned, 0, i, factor, workspace->input + i * network->inputs);
  }
}

/* Bias, activation and dropout in one pass over z; the last layer has only a bias, and needs no slope. */
void tn_pass_activate(const tn_network *network, int layer, const float *bias, tn_workspace *workspace, int64_t rows,
                      const tn_mask_source *masks) {
  const tn_layer *shape = &network->layers[layer];
  float *z = workspace->activation[layer], *slope = workspace->slope[layer];
  const tn_dropout dropout = tn_dropout_begin(network, masks, layer + 1, workspace->factor);
  const bool stands_out = tn_standout_is_used(network, layer + 1);
  for (int64_t i = 0; i < rows; i++) {
    const int64_t at = i * shape->outputs;
    const float *factor = stands_out ? tn_standout_row(&dropout, i, bias, z + at) : tn_dropout_row(&dropout, i);
    if (slope != NULL)
      tn_kernel_activate_train(shape->activation, shape->outputs, bias, factor, z + at, slope + at);
    else
      tn_kernel_activate(shape->activation, shape->outputs, bias, factor, z + at);
    tn_dropout_shift(&dropout, factor, z + at);
    tn_learned_note(workspace->learned, layer + 1, i, factor, z + at);
  }
}

static const float *input_of(int layer, const tn_workspace *workspace) {
  return layer == 0 ? workspace->input : workspace->activation[layer - 1];
}

void tn_pass_multiply(const tn_network *network, int layer, const float *parameters, tn_workspace *workspace,
                      int64_t rows) {
  const tn_layer *shape = &network->layers[layer];
  tn_gemm_forward(rows, shape->inputs, shape->outputs, input_of(layer, workspace),
                  parameters + network->tensors[shape->weight].offset, workspace->activation[layer]);
}

/* z = a W of a layer; returns the bias, which is still to be added. */
static const float *multiply(const tn_network *network, int layer, const float *parameters, tn_workspace *workspace,
                             int64_t rows, const tn_mask_source *masks) {
  if (workspace->connect != NULL)
    return tn_connect_forward(workspace->connect, layer, parameters, rows, input_of(layer, workspace), masks,
                              workspace->activation[layer]);
  tn_pass_multiply(network, layer, parameters, workspace, rows);
  return parameters + network->tensors[network->layers[layer].bias].offset;
}

static float *forward(const tn_network *network, const float *parameters, tn_workspace *workspace, int64_t rows,
                      const tn_mask_source *masks) {
  tn_pass_input(network, workspace, rows, masks);
  for (int l = 0; l < network->layer_count; l++) {
    const float *bias = multiply(network, l, parameters, workspace, rows, masks);
    if (network->layers[l].gain != TN_NO_TENSOR)
      tn_norm_forward(network, l, parameters, workspace, rows);
    tn_pass_activate(network, l, bias, workspace, rows, masks);
  }
  return workspace->activation[network->layer_count - 1];
}

float *tn_network_forward(const tn_network *network, const float *parameters, tn_workspace *workspace, int64_t rows,
                          const tn_mask_source *masks) {
  tn_thin *thin = workspace->thin;
  const tn_network *thinned = thin == NULL ? NULL : tn_thin_draw(thin, parameters, workspace->input, rows, masks);
  if (thinned != NULL)
    return forward(thinned, tn_thin_parameters(thin), workspace, rows, NULL);
  return forward(network, parameters, workspace, rows, masks);
}
