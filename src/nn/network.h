/* A multi-layer perceptron: its shape, the one block its parameters live in, and its two passes. */
#ifndef TN_NN_NETWORK_H
#define TN_NN_NETWORK_H

#include "base/error.h"
#include "math/random.h"

#include <thinnet/config.h>

#include <stdbool.h>
#include <stdint.h>

/* What a tensor is for. L1, L2, weight decay and max-norm are for weights alone; whatever is no weight begins at its
 * `start`. A statistic is no parameter: the optimiser leaves it alone, it has no part in the gradient's norm and no
 * state, and it follows what the batches find (tn_optimizer_track). */
typedef enum tn_tensor_role { TN_WEIGHT, TN_BIAS, TN_GAIN, TN_RATE_LOGIT, TN_STATISTIC } tn_tensor_role;

/* Tensors start on cache lines: 16 floats of 64 bytes. */
#define TN_OFFSET_STEP 16

/* One parameter array inside the block. Offsets are multiples of TN_OFFSET_STEP; the gaps hold zeros for ever. */
typedef struct tn_tensor {
  char name[40]; /* "layer1/weight": its place below /model in a checkpoint; room for any int */
  tn_tensor_role role;
  int layer;
  int64_t rows, cols; /* weight: (inputs, outputs); rate logit: (1, 1); all others: (1, outputs) */
  int64_t offset;     /* floats from the start of the block */
  float start;        /* its initial value; a weight's is drawn */
} tn_tensor;

static inline int64_t tn_tensor_size(const tn_tensor *tensor) {
  return tensor->rows * tensor->cols;
}

/* True of all that the optimiser changes. */
static inline bool tn_tensor_is_trained(const tn_tensor *tensor) {
  return tensor->role != TN_STATISTIC;
}

typedef struct tn_layer {
  int64_t inputs, outputs;
  tn_activation activation; /* linear for the last layer: the loss applies softmax or sigmoid */
  double rate;              /* dropout behind this layer; 0 for the last */
  int weight, bias;         /* indices of its tensors */
  /* of a normalised layer (nn/norm.h), else TN_NO_TENSOR; batch normalisation alone has the running ones */
  int gain, running_mean, running_variance;
  int logit;         /* of its rate, where that is learned; else TN_NO_TENSOR */
  double l2, square; /* where the rate before this layer is learned: its weights' own l2, and |W|^2 */
} tn_layer;

#define TN_NO_TENSOR (-1)

/* What the hidden layers are normalised over. */
typedef enum tn_norm_kind { TN_NORM_NONE, TN_NORM_BATCH, TN_NORM_LAYER } tn_norm_kind;
/* See nn/learned.h */
typedef struct tn_rate_prior {
  double temperature, length_scale, entropy_weight;
  int64_t rows; /* of the training set; 0 where nothing is trained */
} tn_rate_prior;

typedef struct tn_network {
  int64_t inputs, outputs;
  int layer_count;
  tn_layer *layers;  /* layers[0] is layer1 of the files, the first hidden layer */
  double input_rate; /* rates are those of the configuration, or learned; tn_dropout_rate gives a step's */
  bool learns_rates;
  int input_logit; /* of the input's rate, where that is learned; else TN_NO_TENSOR */
  tn_rate_prior learned;
  tn_dropout_kind kind;
  tn_mask mask;
  int64_t group;
  tn_image_shape image; /* of the input, where block is not 1 */
  int64_t block;        /* at the input: the side of patches; 1: single units; below 0: whole channels */
  double standout_alpha, standout_beta; /* kind = standout */
  tn_rate_schedule rate_schedule;
  int64_t schedule_steps; /* its time constant */
  tn_loss loss;
  tn_norm_kind norm;
  double norm_epsilon;
  int tensor_count;
  tn_tensor *tensors;        /* by their offsets: statistics stand behind all that is trained */
  double statistic_momentum; /* what a statistic keeps of itself in a step */
  int64_t parameter_count;   /* true number of parameters */
  int64_t statistic_count;   /* and of values that are none */
  int64_t trained_size;      /* floats of the block before the first statistic, gaps included */
  int64_t block_size;        /* floats in the block, gaps included */
} tn_network;

/* model->outputs is at least 1 and dropout->hidden holds one rate a hidden layer (or one for all, or none: 0).
 * TN_ERR_CONFIG where shapes are impossible. Local. The caller owns *network. */
tn_status tn_network_create(tn_network **network, const tn_model_config *model, const tn_dropout_config *dropout,
                            int64_t inputs);

/* Tensors that are trained: the first ones of the list. */
int tn_network_trained_tensors(const tn_network *network);

void tn_network_destroy(tn_network **network);

/* Units of a place: 0 is the input, l stands behind layer l. And those of the widest place. */
int64_t tn_network_units(const tn_network *network, int place);
int64_t tn_network_widest(const tn_network *network);

/* The tensor that a value of the block belongs to, or stands behind. */
const tn_tensor *tn_network_tensor_at(const tn_network *network, int64_t index);

/* Fills a block with initial weights from TN_STREAM_INIT, and every other tensor with its start. "auto": he_normal for
 * relu, leaky_relu and gelu, lecun_normal for selu, glorot_uniform otherwise; the last layer is always taken as linear,
 * hence glorot_uniform under auto. He et al. 2015: normal with variance 2 / inputs (Keras truncates at two deviations,
 * here it is not truncated), uniform within sqrt(6 / inputs). Glorot and Bengio 2010: variance 2 / (inputs + outputs).
 * LeCun et al. 1998, and Klambauer et al. 2017 for selu: variance 1 / inputs. */
void tn_network_initialize(const tn_network *network, tn_init init, uint64_t seed, float *parameters);

/* Which masks a pass draws. Row i of the batch uses the place of row first_row + i; with mask = batch in training all
 * rows use the place of first_row. */
typedef struct tn_mask_source {
  uint64_t seed;
  tn_stream stream; /* TN_STREAM_MASK or TN_STREAM_MC */
  uint32_t replica; /* or sample */
  uint64_t step;    /* for TN_STREAM_MC: of the checkpoint; only the rates depend on it then */
  uint64_t first_row;
} tn_mask_source;

/* What a normalised layer needs on its way back, and batch normalisation's statistics of the batch. */
typedef struct tn_norm_buffers {
  float *normal;          /* u (max_rows, outputs); NULL in evaluation */
  float *mean, *variance; /* (outputs); NULL with layer normalisation */
  float *inverse;         /* 1 / sqrt(variance + epsilon): (outputs), or (max_rows) with layer normalisation */
} tn_norm_buffers;

/* Buffers of the passes: for each layer `activation` (max_rows, outputs) and, in training, `slope` of the same shape
 * (NULL for the last layer, which is linear). input (max_rows, inputs) is filled by the caller before a forward pass.
 */
typedef struct tn_workspace {
  int64_t max_rows;
  bool training;
  float *input;
  float **activation;
  float **slope;
  float *delta[2]; /* training only: (max_rows, widest hidden layer) */
  float *factor;   /* (widest layer or input) */
  /* Of normalised layers; NULL where there are none. Sums and means over rows are scratch of 2 x the widest of them. */
  tn_norm_buffers *norms;
  double *norm_sums;
  float *norm_means;
  /* Training with mask = batch: the passes take the thinned network where that pays (nn/thin.h). Activations then stand
   * closer together, without the dropped units. NULL: the plain passes, whose result is the same within rounding. */
  struct tn_thin *thin;
  struct tn_connect *connect; /* kind = dropconnect (nn/connect.h); else NULL */
  struct tn_learned *learned; /* training with learned rates (nn/learned.h); else NULL */
  void *block;                /* the one allocation all of these point into */
} tn_workspace;

/* TN_ERR_MEMORY names the rows asked for. Local; the caller owns *workspace. */
tn_status tn_workspace_create(tn_workspace **workspace, const tn_network *network, int64_t max_rows, bool training);
void tn_workspace_destroy(tn_workspace **workspace);

/* Bytes of buffers tn_workspace_create would allocate; INT64_MAX where they are more than can be counted. Local. */
int64_t tn_workspace_bytes(const tn_network *network, int64_t max_rows, bool training);

/* Forward pass over the first `rows` rows (0 to max_rows) of workspace->input, which input dropout changes in place.
 * masks NULL: no dropout (evaluation). Allocates nothing. Local. Returns the last layer's z (rows, outputs) with its
 * bias added, inside the workspace: logits, or values. */
float *tn_network_forward(const tn_network *network, const float *parameters, tn_workspace *workspace, int64_t rows,
                          const tn_mask_source *masks);

/* Backward pass after a forward pass of a training workspace whose returned z has been replaced by dLoss/dz (the loss
 * functions do that). Writes, or adds where accumulate, the gradient of the SUM over rows into `gradient` (a block,
 * whose gaps are left alone). rows = 0 gives a gradient of zeros. Allocates nothing. Local. */
void tn_network_backward(const tn_network *network, const float *parameters, tn_workspace *workspace, int64_t rows,
                         float *gradient, bool accumulate);

/* The same for one batch, but the gradient of a network that was thinned stays as it is: `gradient` then has the layout
 * of the smaller network, and *kept says which that is; or that the block is whole, with zeros in its gaps. */
struct tn_kept;
void tn_network_backward_kept(const tn_network *network, const float *parameters, tn_workspace *workspace, int64_t rows,
                              float *gradient, struct tn_kept *kept);

#endif
