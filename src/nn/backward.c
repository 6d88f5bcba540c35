#include "math/gemm.h"
#include "math/kernels.h"
#include "nn/connect.h"
#include "nn/learned.h"
#include "nn/network.h"
#include "nn/norm.h"
#include "nn/pass.h"
#include "nn/thin.h"

#include <string.h>

float *tn_pass_delta(const tn_network *network, int layer, const tn_workspace *workspace) {
  return layer == network->layer_count - 1 ? workspace->activation[layer] : workspace->delta[layer % 2];
}

void tn_pass_bias_gradient(const tn_network *network, int layer, const tn_workspace *workspace, int64_t rows,
                           float *gradient, bool accumulate) {
  const tn_layer *shape = &network->layers[layer];
  tn_kernel_column_sums(rows, shape->outputs, tn_pass_delta(network, layer, workspace),
                        gradient + network->tensors[shape->bias].offset, accumulate);
}

/* The slope holds f'(z) r / (1 - rate), so dropout of units enters the way back here, and only here. */
static void multiply_by_slope(const tn_network *network, int layer, const tn_workspace *workspace, int64_t rows) {
  if (layer > 0)
    tn_kernel_multiply(rows * network->layers[layer].inputs, tn_pass_delta(network, layer - 1, workspace),
                       workspace->slope[layer - 1]);
}

void tn_pass_products(const tn_network *network, int layer, const float *parameters, tn_workspace *workspace,
                      int64_t rows, float *gradient, bool accumulate) {
  const tn_layer *shape = &network->layers[layer];
  const int64_t weight = network->tensors[shape->weight].offset;
  const float *a = layer == 0 ? workspace->input : workspace->activation[layer - 1];
  const float *d = tn_pass_delta(network, layer, workspace);
  tn_gemm_weight_gradient(rows, shape->inputs, shape->outputs, a, d, gradient + weight, accumulate);
  float *e = layer == 0 ? tn_learned_input_delta(workspace->learned) : tn_pass_delta(network, layer - 1, workspace);
  if (e != NULL) {
    tn_gemm_input_gradient(rows, shape->inputs, shape->outputs, d, parameters + weight, e);
    tn_learned_backward(workspace->learned, layer, rows, e, gradient, accumulate);
  }
  multiply_by_slope(network, layer, workspace, rows);
}

/* Weights that are dropped have a part in their products. */
static void connected_backward(const tn_network *network, int layer, const float *parameters, tn_workspace *workspace,
                               int64_t rows, float *gradient, bool accumulate) {
  const float *a = layer == 0 ? workspace->input : workspace->activation[layer - 1];
  tn_connect_backward(workspace->connect, layer, parameters, rows, a, layer == 0 ? NULL : workspace->slope[layer - 1],
                      tn_pass_delta(network, layer, workspace), gradient, accumulate,
                      layer == 0 ? NULL : tn_pass_delta(network, layer - 1, workspace));
  multiply_by_slope(network, layer, workspace, rows);
}

static void layer_backward(const tn_network *network, int layer, const float *parameters, tn_workspace *workspace,
                           int64_t rows, float *gradient, bool accumulate) {
  if (workspace->connect != NULL) {
    connected_backward(network, layer, parameters, workspace, rows, gradient, accumulate);
    return;
  }
  tn_pass_bias_gradient(network, layer, workspace, rows, gradient, accumulate);
  if (network->layers[layer].gain != TN_NO_TENSOR)
    tn_norm_backward(network, layer, parameters, workspace, rows, tn_pass_delta(network, layer, workspace), gradient,
                     accumulate);
  tn_pass_products(network, layer, parameters, workspace, rows, gradient, accumulate);
}

static void backward(const tn_network *network, const float *parameters, tn_workspace *workspace, int64_t rows,
                     float *gradient, bool accumulate) {
  for (int l = network->layer_count - 1; l >= 0; l--)
    layer_backward(network, l, parameters, workspace, rows, gradient, accumulate);
}

void tn_network_backward(const tn_network *network, const float *parameters, tn_workspace *workspace, int64_t rows,
                         float *gradient, bool accumulate) {
  tn_thin *thin = workspace->thin;
  const tn_network *thinned = thin == NULL ? NULL : tn_thin_drawn(thin);
  if (thinned == NULL) {
    backward(network, parameters, workspace, rows, gradient, accumulate);
    return;
  }
  backward(thinned, tn_thin_parameters(thin), workspace, rows, tn_thin_gradient(thin), false);
  tn_thin_spread(thin, gradient, accumulate);
}

/* Where a thinned network's gradient stood before. */
static void clear_gaps(const tn_network *network, float *block) {
  for (int t = 0; t < network->tensor_count; t++) {
    const tn_tensor *tensor = &network->tensors[t];
    const int64_t end = tensor->offset + tn_tensor_size(tensor);
    const int64_t next = t + 1 < network->tensor_count ? tensor[1].offset : network->block_size;
    memset(block + end, 0, (size_t)(next - end) * sizeof *block);
  }
}

void tn_network_backward_kept(const tn_network *network, const float *parameters, tn_workspace *workspace, int64_t rows,
                              float *gradient, tn_kept *kept) {
  const tn_thin *thin = workspace->thin;
  const tn_network *thinned = thin == NULL ? NULL : tn_thin_drawn(thin);
  if (thinned != NULL) {
    backward(thinned, tn_thin_parameters(thin), workspace, rows, gradient, false);
  } else {
    backward(network, parameters, workspace, rows, gradient, false);
    clear_gaps(network, gradient);
  }
  tn_kept_copy(kept, thinned == NULL ? NULL : tn_thin_kept(thin));
}
