#include "math/gemm.h"
#include "math/kernels.h"
#include "nn/connect.h"
#include "nn/network.h"
#include "nn/norm.h"
#include "nn/thin.h"

#include <string.h>

/* From d = dLoss/dz of a layer, whose input a is what the forward pass left there, dropout applied: the gradient of its
 * weights, and e = dLoss/da, where e is not NULL. */
static void layer_products(const tn_network *network, int layer, const float *parameters, int64_t rows, const float *a,
                           const float *d, float *gradient, bool accumulate, float *e) {
  const tn_layer *shape = &network->layers[layer];
  const int64_t weight = network->tensors[shape->weight].offset;
  tn_gemm_weight_gradient(rows, shape->inputs, shape->outputs, a, d, gradient + weight, accumulate);
  if (e != NULL)
    tn_gemm_input_gradient(rows, shape->inputs, shape->outputs, d, parameters + weight, e);
}

/* d is dLoss/d(what is activated); a normalised layer turns it into dLoss/dz. e becomes the same of the layer below.
 * The slope holds f'(z) r / (1 - rate), so dropout of units enters here, and only here; that of weights in the
 * products. */
static void layer_backward(const tn_network *network, int layer, const float *parameters, tn_workspace *workspace,
                           int64_t rows, float *d, float *gradient, bool accumulate, float *e) {
  const tn_layer *shape = &network->layers[layer];
  const float *a = layer == 0 ? workspace->input : workspace->activation[layer - 1];
  const float *slope = layer == 0 ? NULL : workspace->slope[layer - 1];
  if (workspace->connect != NULL) {
    tn_connect_backward(workspace->connect, layer, parameters, rows, a, slope, d, gradient, accumulate, e);
  } else {
    tn_kernel_column_sums(rows, shape->outputs, d, gradient + network->tensors[shape->bias].offset, accumulate);
    if (shape->gain != TN_NO_TENSOR)
      tn_norm_backward(network, layer, parameters, workspace, rows, d, gradient, accumulate);
    layer_products(network, layer, parameters, rows, a, d, gradient, accumulate, e);
  }
  if (e != NULL)
    tn_kernel_multiply(rows * shape->inputs, e, slope);
}

static void backward(const tn_network *network, const float *parameters, tn_workspace *workspace, int64_t rows,
                     float *gradient, bool accumulate) {
  const int last = network->layer_count - 1;
  float *d = workspace->activation[last];
  for (int l = last; l >= 0; l--) {
    float *e = l == 0 ? NULL : workspace->delta[l % 2];
    layer_backward(network, l, parameters, workspace, rows, d, gradient, accumulate, e);
    d = e;
  }
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
    const int64_t end = tensor->offset + tensor->rows * tensor->cols;
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
