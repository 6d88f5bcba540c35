#include "math/gemm.h"
#include "math/kernels.h"
#include "nn/network.h"
#include "nn/thin.h"

#include <string.h>

/* d: dLoss/dz of this layer. Its input is what the forward pass left there, dropout applied. */
static void layer_gradient(const tn_network *network, int layer, const tn_workspace *workspace, int64_t rows,
                           const float *d, float *gradient, bool accumulate) {
  const tn_layer *shape = &network->layers[layer];
  const float *a = layer == 0 ? workspace->input : workspace->activation[layer - 1];
  tn_gemm_weight_gradient(rows, shape->inputs, shape->outputs, a, d, gradient + network->tensors[shape->weight].offset,
                          accumulate);
  tn_kernel_column_sums(rows, shape->outputs, d, gradient + network->tensors[shape->bias].offset, accumulate);
}

/* e: dLoss/dz of the layer below. The slope holds f'(z) r / (1 - rate), so dropout enters here, and only here. */
static void layer_delta(const tn_network *network, int layer, const float *parameters, const tn_workspace *workspace,
                        int64_t rows, const float *d, float *e) {
  const tn_layer *shape = &network->layers[layer];
  tn_gemm_input_gradient(rows, shape->inputs, shape->outputs, d, parameters + network->tensors[shape->weight].offset,
                         e);
  tn_kernel_multiply(rows * shape->inputs, e, workspace->slope[layer - 1]);
}

static void backward(const tn_network *network, const float *parameters, tn_workspace *workspace, int64_t rows,
                     float *gradient, bool accumulate) {
  const int last = network->layer_count - 1;
  const float *d = workspace->activation[last];
  for (int l = last; l >= 0; l--) {
    layer_gradient(network, l, workspace, rows, d, gradient, accumulate);
    if (l == 0)
      break;
    float *e = workspace->delta[l % 2];
    layer_delta(network, l, parameters, workspace, rows, d, e);
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
