/* Thinned networks: where all rows of a batch share one Bernoulli mask (mask = batch), what is dropped need not be
 * computed. The kept units form a smaller dense network without dropout; its passes are the plain ones, and its
 * gradient goes back to the places of the full block (batchwise dropout, Graham et al. 2015, arXiv 1502.02478).
 * Private to the passes: forward.c and backward.c use it through the workspace. */
#ifndef TN_NN_THIN_H
#define TN_NN_THIN_H

#include "nn/kept.h"

typedef struct tn_thin tn_thin;

/* True where a network's masks are such that it can be thinned. Normalised layers are not: layer normalisation is over
 * all units, and batch normalisation's running statistics are of all units, dropped or not. */
bool tn_thin_is_possible(const tn_network *network);

/* The network outlives *thin. TN_ERR_MEMORY. Local. */
tn_status tn_thin_create(tn_thin **thin, const tn_network *network);
void tn_thin_destroy(tn_thin **thin);

/* Bytes tn_thin_create would allocate for a network that can be thinned. */
int64_t tn_thin_bytes(const tn_network *network);

/* Draws the masks of a batch, picks the kept units' weights out of `parameters` and their inputs out of the rows of
 * `input` (rows, inputs), in place. Returns the thinned network, whose block is tn_thin_parameters; NULL, with nothing
 * changed, where the plain passes are to be taken: no dropout, a batch too small for it to pay, or a layer without a
 * kept unit. The choice depends on shapes, rates and masks alone. Local; allocates nothing. */
const tn_network *tn_thin_draw(tn_thin *thin, const float *parameters, float *input, int64_t rows,
                               const tn_mask_source *masks);

/* The network of the last draw and the units that it keeps, NULL where it gave none, and its blocks. */
const tn_network *tn_thin_drawn(const tn_thin *thin);
const tn_kept *tn_thin_kept(const tn_thin *thin);
const float *tn_thin_parameters(const tn_thin *thin);
float *tn_thin_gradient(tn_thin *thin);

/* Writes the drawn network's gradient to its places in the full one's block, zeros elsewhere; adds it where
 * `accumulate`. */
void tn_thin_spread(const tn_thin *thin, float *gradient, bool accumulate);

#endif
