/* The configuration of a run: every key of the INI file as a typed field. */
#ifndef THINNET_CONFIG_H
#define THINNET_CONFIG_H

#include <thinnet/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TN_PATH_MAX          1024
#define TN_LAYERS_MAX        64
#define TN_UNITS_MAX         (1 << 24) /* of a layer */
#define TN_CLASS_WEIGHTS_MAX 1024

typedef struct tn_int_list {
  int count;
  int64_t values[TN_LAYERS_MAX];
} tn_int_list;

typedef struct tn_real_list {
  int count;
  double values[TN_CLASS_WEIGHTS_MAX];
} tn_real_list;

/* Images whose rows, columns and channels follow each other in a row of features, channels last. */
typedef struct tn_image_shape {
  int64_t rows, cols, channels; /* all 0: none */
} tn_image_shape;

typedef enum tn_shuffle { TN_SHUFFLE_GLOBAL, TN_SHUFFLE_SHARD, TN_SHUFFLE_NONE } tn_shuffle;
typedef enum tn_placement { TN_PLACEMENT_NODE, TN_PLACEMENT_RANK } tn_placement;
typedef enum tn_activation { TN_RELU, TN_SIGMOID, TN_TANH, TN_LEAKY_RELU, TN_GELU, TN_SELU, TN_LINEAR } tn_activation;
typedef enum tn_loss { TN_SOFTMAX_CROSS_ENTROPY, TN_SIGMOID_CROSS_ENTROPY, TN_MSE, TN_MAE, TN_HUBER } tn_loss;
typedef enum tn_init {
  TN_INIT_AUTO,
  TN_HE_NORMAL,
  TN_HE_UNIFORM,
  TN_GLOROT_NORMAL,
  TN_GLOROT_UNIFORM,
  TN_LECUN_NORMAL
} tn_init;
typedef enum tn_dropout_kind { TN_BERNOULLI, TN_GAUSSIAN, TN_ALPHA, TN_DROPCONNECT, TN_STANDOUT } tn_dropout_kind;
typedef enum tn_mask { TN_MASK_SAMPLE, TN_MASK_BATCH } tn_mask;
typedef enum tn_rate_choice { TN_RATES_FIXED, TN_RATES_LEARNED } tn_rate_choice;
typedef enum tn_replica_masks { TN_MASKS_OWN, TN_MASKS_SAME } tn_replica_masks;
typedef enum tn_rate_schedule { TN_RATE_CONSTANT, TN_RATE_CURRICULUM, TN_RATE_ANNEAL } tn_rate_schedule;
typedef enum tn_class_weighting {
  TN_CLASS_WEIGHTS_NONE,
  TN_CLASS_WEIGHTS_BALANCED,
  TN_CLASS_WEIGHTS_LIST
} tn_class_weighting;
typedef enum tn_optimizer_kind { TN_ADAM, TN_SGD, TN_RMSPROP, TN_ADAMW, TN_ADAGRAD } tn_optimizer_kind;
typedef enum tn_nonfinite_policy { TN_NONFINITE_STOP, TN_NONFINITE_SKIP } tn_nonfinite_policy;
typedef enum tn_schedule_kind {
  TN_SCHEDULE_CONSTANT,
  TN_SCHEDULE_STEP,
  TN_SCHEDULE_COSINE,
  TN_SCHEDULE_EXPONENTIAL,
  TN_SCHEDULE_PLATEAU
} tn_schedule_kind;
typedef enum tn_replica_scaling { TN_SCALE_NONE, TN_SCALE_LINEAR, TN_SCALE_SQRT } tn_replica_scaling;
typedef enum tn_monitor {
  TN_MONITOR_NONE,
  TN_MONITOR_VALID_LOSS,
  TN_MONITOR_VALID_ACCURACY,
  TN_MONITOR_TRAIN_LOSS
} tn_monitor;
typedef enum tn_node_stage { TN_NODE_STAGE_AUTO, TN_NODE_STAGE_ON, TN_NODE_STAGE_OFF } tn_node_stage;
typedef enum tn_reduction { TN_REDUCTION_FLOAT, TN_REDUCTION_EXACT } tn_reduction;
typedef enum tn_progress_mode {
  TN_PROGRESS_AUTO,
  TN_PROGRESS_BAR,
  TN_PROGRESS_LINES,
  TN_PROGRESS_NONE
} tn_progress_mode;

typedef struct tn_data_config {
  char file[TN_PATH_MAX];
  char train_x[TN_PATH_MAX], train_y[TN_PATH_MAX];
  int64_t train_rows; /* the first so many of them; 0: all */
  char valid_x[TN_PATH_MAX], valid_y[TN_PATH_MAX];
  double valid_fraction;
  char test_x[TN_PATH_MAX], test_y[TN_PATH_MAX];
  char train_weight[TN_PATH_MAX];
  double scale, shift;
  bool standardize;
  tn_shuffle shuffle;
  tn_placement placement;
} tn_data_config;

typedef struct tn_model_config {
  tn_int_list hidden; /* units of each hidden layer, the first one first; empty: a linear model */
  int64_t outputs;    /* 0 until the data have been seen */
  tn_activation activation;
  tn_loss loss;
  tn_init init;
  bool batch_norm, batch_norm_sync, layer_norm; /* of the hidden layers */
  double norm_momentum, norm_epsilon;
} tn_model_config;

typedef struct tn_dropout_config {
  double input;        /* probability of DROPPING an input */
  tn_real_list hidden; /* one rate for all hidden layers, or one each */
  tn_dropout_kind kind;
  tn_mask mask;
  tn_replica_masks replica_masks; /* same: all replicas draw those of replica 0 */
  int64_t group;
  tn_image_shape shape; /* of a row of features, for `block` */
  int64_t block;        /* side of the dropped patches of the input; 1: single inputs; below 0: whole channels */
  double standout_alpha, standout_beta;
  tn_rate_schedule schedule;                        /* of all rates */
  int64_t schedule_steps;                           /* its time constant */
  tn_rate_choice rate;                              /* learned: input and hidden say where the rates above 0 start */
  double temperature, length_scale, entropy_weight; /* of learned rates */
} tn_dropout_config;

typedef struct tn_regularization_config {
  double l1, l2;
  double max_norm; /* 0: off */
} tn_regularization_config;

/* Training rows alone, changed anew at each step. */
typedef struct tn_augment_config {
  double noise;         /* deviation; 0: off, as is each of these */
  tn_image_shape shape; /* of the images in the rows */
  double shift;         /* pixels */
  double rotate;        /* degrees */
  double mixup;         /* alpha of Beta(alpha, alpha) */
  double label_smoothing;
} tn_augment_config;

typedef struct tn_class_weights {
  tn_class_weighting mode;
  tn_real_list list; /* of mode TN_CLASS_WEIGHTS_LIST: one weight a class */
} tn_class_weights;

typedef struct tn_train_config {
  int64_t epochs, batch_size;
  tn_class_weights class_weights;
  int64_t seed;
  tn_optimizer_kind optimizer;
  double learning_rate; /* below 0 ("auto"): the optimiser's usual */
  double momentum;
  bool nesterov;
  double beta1, beta2, rho, epsilon;
  double weight_decay; /* below 0 ("auto"): the optimiser's usual */
  double clip_norm;    /* 0: off */
  int64_t accumulate, max_steps;
  double time_limit; /* seconds; 0: off; below 0 ("auto"): until shortly before the Slurm job ends */
  tn_nonfinite_policy on_nonfinite;
  int64_t nonfinite_limit; /* steps of the run that may be skipped */
} tn_train_config;

typedef struct tn_schedule_config {
  tn_schedule_kind kind;
  int64_t warmup_steps, step_epochs;
  double factor;
  int64_t patience;
  double min_learning_rate;
  tn_replica_scaling scale_with_replicas;
} tn_schedule_config;

typedef struct tn_early_stopping_config {
  tn_monitor monitor;
  int64_t patience; /* epochs; 0: off */
  double min_delta;
  bool restore_best;
} tn_early_stopping_config;

typedef struct tn_parallel_config {
  int64_t replicas; /* 0: one a rank */
  tn_reduction reduction;
  int64_t exact_fraction_bits; /* below 0 ("auto"): derived from the replicas */
  tn_node_stage node_stage;
  int64_t threads;        /* threads a rank */
  double stall_warning_s; /* seconds in one collective until a warning; 0: off */
  double stall_abort_s;   /* seconds in one collective without a change until the run ends; 0: off */
} tn_parallel_config;

typedef struct tn_output_config {
  char dir[TN_PATH_MAX]; /* empty: runs/NAME of the configuration file */
  int64_t checkpoint_every_epochs, checkpoint_every_steps;
  double checkpoint_every_seconds;
  int64_t keep, step_metrics_every;
  tn_progress_mode progress;
} tn_output_config;

#define TN_CONFIG_KEYS_MAX 96

/* Where the values came from, for messages alone: two configurations that differ only here are the same. */
typedef struct tn_config_origin {
  char file[TN_PATH_MAX];       /* the file read last */
  int line[TN_CONFIG_KEYS_MAX]; /* of each key in it; 0: none, below 0: an override */
} tn_config_origin;

/* Plain data without pointers: copied by assignment. About 30 kB; keep it off deep stacks. */
typedef struct tn_config {
  tn_data_config data;
  tn_model_config model;
  tn_dropout_config dropout;
  tn_regularization_config regularization;
  tn_augment_config augment;
  tn_train_config train;
  tn_schedule_config schedule;
  tn_early_stopping_config early_stopping;
  tn_parallel_config parallel;
  tn_output_config output;
  tn_config_origin origin;
} tn_config;

/* All functions of this header are local (not collective); those that return a tn_status say why in
 * tn_error_message(), naming file, line and key, and leave *config untouched when they fail. */

/* Sets every key to its default. */
void tn_config_defaults(tn_config *config);

/* Reads an INI file over what *config holds. Sections may reopen. Lines that start with ; or #, and what follows a
 * blank and ; or #, are comments. A value goes on in indented lines that are no "key = value" (lists, and text in
 * double quotes); a line has at most 198 bytes without its comment. Text with blanks at its ends, quotes or comment
 * characters stands in double quotes, in one piece or several: "a \"b\" #c"; \xHH in them is any byte.
 * TN_ERR_CONFIG: an unknown key or section (the nearest that exists is named), a bad value, a value out of range, a
 * repeated key, a line too long, a file that cannot be read. Contradictions are tn_config_check's. */
tn_status tn_config_read(tn_config *config, const char *path);

/* The same from a string; `name` stands for the file in messages. */
tn_status tn_config_read_text(tn_config *config, const char *text, const char *name);

/* Applies one override "section.key=value" (the -s of the command); the last one wins. */
tn_status tn_config_set(tn_config *config, const char *assignment);

/* Finds contradictions between keys, judged by values that differ from the default; knows nothing of data. */
tn_status tn_config_check(const tn_config *config);

/* Replaces "auto" by what is used: learning rate, weight decay, one dropout rate for each hidden layer, absolute
 * paths (against the working directory). model.init stays "auto", which is a rule that each layer follows by itself;
 * keys that depend on data or ranks (outputs, replicas, exact_fraction_bits) are the run's.
 * TN_ERR_CONFIG where the working directory is gone or a path grows too long. */
tn_status tn_config_resolve(tn_config *config);

/* The configuration as INI text with every key, to be freed with free(). NULL: out of memory. */
char *tn_config_format(const tn_config *config);

/* The table for a person: every key with type, range, default and meaning. */
void tn_config_describe(FILE *stream);

/* Number of keys whose values differ; lists them, comma-separated, in keys (NULL where size is 0). Local. */
int tn_config_differences(const tn_config *one, const tn_config *other, char *keys, size_t size);

/* Compares two resolved configurations of the same run. Lists into `keys` (at most `size` bytes, ", " between them;
 * NULL where size is 0), with both values, the keys whose change a resume does not allow: all but where the rows are
 * (data.file, the paths of its data sets, data.placement), train.max_steps, time_limit, on_nonfinite and
 * nonfinite_limit, parallel.node_stage, threads, stall_warning_s and stall_abort_s, [output], and a larger
 * train.epochs. Where `now` leaves model.outputs, parallel.replicas or parallel.exact_fraction_bits to the run (their
 * defaults), a resume takes the stored value: no conflict. Returns their number. Local. */
int tn_config_resume_conflicts(const tn_config *stored, const tn_config *now, char *keys, size_t size);

/* What "auto" stands for: the optimiser's usual learning rate and weight decay (Keras's defaults). */
double tn_config_usual_learning_rate(tn_optimizer_kind kind);
double tn_config_usual_weight_decay(tn_optimizer_kind kind);

/* The word of a choice as it stands in the INI file, e.g. "relu": key is "section.key". NULL: no such value. */
const char *tn_config_word(const char *key, int value);

#ifdef __cplusplus
}
#endif
#endif
