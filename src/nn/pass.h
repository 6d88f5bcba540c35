/* The passes of nn/network.h layer by layer, for several workspaces that advance together (train/sync.c). Not for
 * thinned networks and DropConnect. All functions are local, and allocate nothing. */
#ifndef TN_NN_PASS_H
#define TN_NN_PASS_H

#include "nn/network.h"

/* Forward, in this order: the input's dropout; then for each layer z = a W, its normalisation (nn/norm.h), and bias,
 * activation and dropout. masks NULL: none. */
void tn_pass_input(const tn_network *network, tn_workspace *workspace, int64_t rows, const tn_mask_source *masks);
void tn_pass_multiply(const tn_network *network, int layer, const float *parameters, tn_workspace *workspace,
                      int64_t rows);
void tn_pass_activate(const tn_network *network, int layer, const float *bias, tn_workspace *workspace, int64_t rows,
                      const tn_mask_source *masks);

/* Backward, from the last layer to the first: d = dLoss/d(what is activated) (rows, outputs), which stands in the
 * workspace (of the last layer where its z was); the gradient of the bias from it; when a normalised layer has turned d
 * into dLoss/dz, the gradient of the weights and the d of the layer below. */
float *tn_pass_delta(const tn_network *network, int layer, const tn_workspace *workspace);
void tn_pass_bias_gradient(const tn_network *network, int layer, const tn_workspace *workspace, int64_t rows,
                           float *gradient, bool accumulate);
void tn_pass_products(const tn_network *network, int layer, const float *parameters, tn_workspace *workspace,
                      int64_t rows, float *gradient, bool accumulate);

#endif
