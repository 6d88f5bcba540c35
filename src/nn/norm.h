/* Normalised hidden layers. With the weights W and the bias b of a layer,
 *
 *     z = a W ;  u = (z - mean) / sqrt(variance + epsilon) ;  h = f(gain u + b) ,
 *
 * and dropout comes behind, as ever. There is no bias before the normalisation: the batch's mean would take it away
 * again (Ioffe and Szegedy 2015, section 3.2), and layer normalisation is written with one behind it (Ba et al. 2016,
 * equation 4). gain starts at 1.
 *
 * model.batch_norm (Ioffe and Szegedy 2015): mean and variance of each unit over the rows of a batch in training, and
 * over the past in evaluation, from the statistics running_mean and running_variance. These begin at 0 and 1, and a
 * step moves them by 1 - momentum towards the mean, over all batches of the step, of the batches' means and of their
 * variances, the latter as estimates of the data's, m / (m - 1) times the mean square distance (algorithm 2 of the
 * paper, and PyTorch; Keras leaves the factor out). The mean over batches counts rows; their weights (class_weights,
 * data.train_weight) count in the loss alone, as in Keras. A batch of one row has no variance: it is normalised by the
 * running statistics, as in evaluation, and leaves them as they are (PyTorch refuses it, Keras makes all its u 0).
 *
 * model.layer_norm (Ba et al. 2016): mean and variance of each row over the layer's units, in training and evaluation
 * alike. There are no statistics.
 *
 * Where dropout stands before a normalised layer, its inputs have a larger variance in training than in evaluation,
 * which running_variance cannot follow (Li et al. 2018, arXiv 1801.05134): rates above some 0.5 cost accuracy then.
 *
 * Private to the passes. All functions are local, and allocate nothing. */
#ifndef TN_NN_NORM_H
#define TN_NN_NORM_H

#include "nn/network.h"

/* After the product: z (rows, outputs) in workspace->activation becomes gain u. */
void tn_norm_forward(const tn_network *network, int layer, const float *parameters, tn_workspace *workspace,
                     int64_t rows);

/* On the way back: d (rows, outputs), dLoss/d(gain u), becomes dLoss/dz. The gradient of the gain is written or added,
 * and in the place of each statistic what the batch found, times rows / max_rows (see tn_optimizer_track). */
void tn_norm_backward(const tn_network *network, int layer, const float *parameters, tn_workspace *workspace,
                      int64_t rows, float *d, float *gradient, bool accumulate);

/* Both passes of batch normalisation in two parts, for a batch whose rows are spread over several workspaces: what is
 * summed over rows in the first part is added up, and given to the second with the number of all rows. sums has
 * 2 x outputs values, to which each first part adds its own. */
void tn_norm_forward_sums(const tn_network *network, int layer, const tn_workspace *workspace, int64_t rows,
                          double *sums);
void tn_norm_forward_by(const tn_network *network, int layer, const float *parameters, tn_workspace *workspace,
                        int64_t rows, int64_t all_rows, const double *sums);
void tn_norm_backward_sums(const tn_network *network, int layer, const tn_workspace *workspace, int64_t rows,
                           const float *d, double *sums);
void tn_norm_backward_by(const tn_network *network, int layer, const float *parameters, tn_workspace *workspace,
                         int64_t rows, int64_t all_rows, const double *sums, float *d);

/* Of a workspace's own rows: writes or adds the gradient of the gain, from the sums of tn_norm_backward_sums, and the
 * statistics. */
void tn_norm_gradient(const tn_network *network, int layer, const tn_workspace *workspace, int64_t rows,
                      const double *sums, float *gradient, bool accumulate);

#endif
