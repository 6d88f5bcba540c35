/* The prediction of several networks together, the "members" of an ensemble or the samples of Monte-Carlo dropout: the
 * mean of their outputs, and how far they differ. */
#ifndef TN_NN_MIXTURE_H
#define TN_NN_MIXTURE_H

#include "base/error.h"
#include "nn/loss.h"

#include <stdbool.h>

/* Arrays are (max_rows, outputs) or (max_rows). Between begin and finish they hold sums over the members; after finish:
 *
 *   mean         (1/M) sum_m y_m, y_m the output of member m: probabilities, or values
 *   deviation    sqrt((1/M) sum_m y_m^2 - mean^2)
 *   z            what one network would have had to put out for this mean: its own z where there is one member, else
 *                log mean (softmax), log mean - log(1 - mean) (sigmoid), mean (values). A loss that is taken of it is
 *                the loss of the mean prediction
 *   entropy      H(mean), the predictive entropy, in nats; softmax: H(y) = -sum_k y_k log y_k; sigmoid, each output of
 *                which is a class of its own: H(y) = -(1/outputs) sum_k (y_k log y_k + (1 - y_k) log(1 - y_k))
 *   information  H(mean) - (1/M) sum_m H(y_m), the mutual information between prediction and member (Houlsby et al.
 *                2011; Gal and Ghahramani 2016); sigmoid: the mean over outputs of each one's own
 * What the loss has not (entropy and information of values) is 0.
 */
typedef struct tn_mixture {
  tn_loss loss;
  int64_t outputs, max_rows;
  int64_t rows, members; /* of the present batch; members added so far */
  double *sums;          /* (sum_count): mean, deviation, rest and information are parts of it */
  int64_t sum_count;
  double *mean, *deviation;
  double *rest; /* sigmoid: 1 - mean without cancellation */
  double *entropy, *information;
  float *z;
  double *row; /* scratch: one row of a member, and its rest */
} tn_mixture;

/* TN_ERR_MEMORY. Local; tn_mixture_destroy also after an error. */
tn_status tn_mixture_create(tn_mixture *mixture, tn_loss loss, int64_t outputs, int64_t max_rows);
void tn_mixture_destroy(tn_mixture *mixture);

/* Starts a batch of `rows` rows, adds the z (rows, outputs) of one member after another, and makes what is described
 * above of them. The members are added in the order of the calls, so that the same order gives the same bits. What is
 * not finite stays so. Local; allocates nothing. */
void tn_mixture_begin(tn_mixture *mixture, int64_t rows);
void tn_mixture_add(tn_mixture *mixture, const float *z);
void tn_mixture_finish(tn_mixture *mixture);

/* Adds the sums of `members` members that another mixture of this shape has: its `sums`, and its z where that is one
 * member; it may be NULL where members are in already. Local. */
void tn_mixture_add_sums(tn_mixture *mixture, const double *sums, int64_t members, const float *z);

/* The class of row i: the first of those that have the greatest mean; -1 where the row is not finite. */
int64_t tn_mixture_class(const tn_mixture *mixture, int64_t row);

/* Whether all of a finished row's mean and z are finite. If they are, so is its loss. */
bool tn_mixture_is_finite(const tn_mixture *mixture, int64_t row);

#endif
