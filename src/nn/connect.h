/* DropConnect (Wan et al. 2013): weights are dropped instead of units. With M a mask over the weights of a layer and
 * over its bias, drawn for each row (mask = sample, as in the paper) or for a replica's batch (mask = batch),
 *     z = a (M * W) + m * b ,   M, m ~ Bernoulli(1 - rate) / (1 - rate) ,
 * elementwise products; the gradients of W and b have the same factors. The rate of a place belongs to the weights that
 * lead away from it: dropping a unit is dropping them all. Evaluation takes the mean weights, W and b. A Monte-Carlo
 * sample draws z from the normal distribution with the moments that such masks give it (the paper's section 3.2),
 *     z ~ Normal(a W + b, rate / (1 - rate) ((a * a) (W * W) + b * b)) ,
 * for each row and unit of every layer. Private to the passes: forward.c and backward.c use it through the workspace.
 */
#ifndef TN_NN_CONNECT_H
#define TN_NN_CONNECT_H

#include "nn/network.h"

typedef struct tn_connect tn_connect;

/* True where a network's masks are over weights. */
bool tn_connect_is_used(const tn_network *network);

/* For workspaces of max_rows rows. The network outlives *connect. TN_ERR_MEMORY; TN_ERR_CONFIG where a layer has more
 * weights than a row's random words reach. Local. */
tn_status tn_connect_create(tn_connect **connect, const tn_network *network, int64_t max_rows, bool training);
void tn_connect_destroy(tn_connect **connect);

/* Bytes tn_connect_create would allocate. */
int64_t tn_connect_bytes(const tn_network *network, int64_t max_rows, bool training);

/* z (rows, outputs) of a layer from its input a (rows, inputs), but for the bias, which is returned: it is to be added
 * to each row (zeros, where each row had a masked bias of its own). Local; allocates nothing. */
const float *tn_connect_forward(tn_connect *connect, int layer, const float *parameters, int64_t rows, const float *a,
                                const tn_mask_source *masks, float *z);

/* After a forward pass in training: writes, or adds, the gradient of weight and bias, from d = dLoss/dz (rows, outputs)
 * and the layer's input a. e (rows, inputs) becomes dLoss/da, or anything where `slope`, by which it is multiplied
 * next, is 0; e NULL: not wanted. */
void tn_connect_backward(tn_connect *connect, int layer, const float *parameters, int64_t rows, const float *a,
                         const float *slope, const float *d, float *gradient, bool accumulate, float *e);

#endif
