#include "base/config_table.h"

#include <math.h>

/* A row's key is a field of the same name: section.key of the file is config.section.key of the struct.
 * NOLINTBEGIN(bugprone-macro-parentheses): names of members take none */
#define KEY(section_, key_)                                                                                            \
  .section = #section_, .key = #key_, .offset = offsetof(tn_config, section_.key_),                                    \
  .size = sizeof(((tn_config *)0)->section_.key_)
/* NOLINTEND(bugprone-macro-parentheses) */

#define TEXT(fallback_)               .type = TN_OPTION_STRING, .fallback = (fallback_)
#define SWITCH(fallback_)             .type = TN_OPTION_BOOL, .fallback = (fallback_)
#define CHOICE(fallback_, words_)     .type = TN_OPTION_CHOICE, .fallback = (fallback_), .words = (words_)
#define WHOLE(fallback_, low_, high_) .type = TN_OPTION_INT, .fallback = (fallback_), .whole = {(low_), (high_)}

/* Numbers: any; low <= x; low < x; low <= x < 1; and 0 < x <= 1 */
#define ANY_REAL(fallback_) .type = TN_OPTION_REAL, .fallback = (fallback_), .real = {-INFINITY, INFINITY, false, false}
#define REAL_FROM(fallback_, low_)                                                                                     \
  .type = TN_OPTION_REAL, .fallback = (fallback_), .real = {(low_), INFINITY, false, false}
#define REAL_ABOVE(fallback_, low_)                                                                                    \
  .type = TN_OPTION_REAL, .fallback = (fallback_), .real = {(low_), INFINITY, true, false}
#define FRACTION(fallback_) .type = TN_OPTION_REAL, .fallback = (fallback_), .real = {0, 1, false, true}
#define FACTOR(fallback_)   .type = TN_OPTION_REAL, .fallback = (fallback_), .real = {0, 1, true, false}

#define FREE      .resume = TN_RESUME_FREE
#define MAY_GROW  .resume = TN_RESUME_MAY_GROW
#define MAY_ADOPT .resume = TN_RESUME_MAY_ADOPT

/* Limits that are not plain sense come from elsewhere: BLAS takes 32-bit dimensions, a place of a random word holds
 * 32 bits of step, epoch and row and 21 of the replica. */
#define STEPS_MAX    4294967295
#define REPLICAS_MAX (1 << 21)

/* So that the product of three sides can be counted. */
#define IMAGE_SIDE_MAX 65535

static const char *const shuffle_words[] = {
    [TN_SHUFFLE_GLOBAL] = "global", [TN_SHUFFLE_SHARD] = "shard", [TN_SHUFFLE_NONE] = "none", NULL};
static const char *const placement_words[] = {[TN_PLACEMENT_NODE] = "node", [TN_PLACEMENT_RANK] = "rank", NULL};
static const char *const activation_words[] = {
    [TN_RELU] = "relu", [TN_SIGMOID] = "sigmoid", [TN_TANH] = "tanh",     [TN_LEAKY_RELU] = "leaky_relu",
    [TN_GELU] = "gelu", [TN_SELU] = "selu",       [TN_LINEAR] = "linear", NULL};
static const char *const loss_words[] = {[TN_SOFTMAX_CROSS_ENTROPY] = "softmax_cross_entropy",
                                         [TN_SIGMOID_CROSS_ENTROPY] = "sigmoid_cross_entropy",
                                         [TN_MSE] = "mse",
                                         [TN_MAE] = "mae",
                                         [TN_HUBER] = "huber",
                                         NULL};
static const char *const init_words[] = {[TN_INIT_AUTO] = "auto",
                                         [TN_HE_NORMAL] = "he_normal",
                                         [TN_HE_UNIFORM] = "he_uniform",
                                         [TN_GLOROT_NORMAL] = "glorot_normal",
                                         [TN_GLOROT_UNIFORM] = "glorot_uniform",
                                         [TN_LECUN_NORMAL] = "lecun_normal",
                                         NULL};
static const char *const dropout_kind_words[] = {
    [TN_BERNOULLI] = "bernoulli",     [TN_GAUSSIAN] = "gaussian", [TN_ALPHA] = "alpha",
    [TN_DROPCONNECT] = "dropconnect", [TN_STANDOUT] = "standout", NULL};
static const char *const mask_words[] = {[TN_MASK_SAMPLE] = "sample", [TN_MASK_BATCH] = "batch", NULL};
static const char *const rate_schedule_words[] = {
    [TN_RATE_CONSTANT] = "constant", [TN_RATE_CURRICULUM] = "curriculum", [TN_RATE_ANNEAL] = "anneal", NULL};
static const char *const rate_words[] = {[TN_RATES_FIXED] = "fixed", [TN_RATES_LEARNED] = "learned", NULL};
static const char *const replica_masks_words[] = {[TN_MASKS_OWN] = "own", [TN_MASKS_SAME] = "same", NULL};
static const char *const weighting_words[] = {
    [TN_CLASS_WEIGHTS_NONE] = "none", [TN_CLASS_WEIGHTS_BALANCED] = "balanced", NULL};
static const char *const optimizer_words[] = {[TN_ADAM] = "adam",   [TN_SGD] = "sgd",         [TN_RMSPROP] = "rmsprop",
                                              [TN_ADAMW] = "adamw", [TN_ADAGRAD] = "adagrad", NULL};
static const char *const nonfinite_words[] = {[TN_NONFINITE_STOP] = "stop", [TN_NONFINITE_SKIP] = "skip", NULL};
static const char *const schedule_words[] = {
    [TN_SCHEDULE_CONSTANT] = "constant",       [TN_SCHEDULE_STEP] = "step",       [TN_SCHEDULE_COSINE] = "cosine",
    [TN_SCHEDULE_EXPONENTIAL] = "exponential", [TN_SCHEDULE_PLATEAU] = "plateau", NULL};
static const char *const scaling_words[] = {
    [TN_SCALE_NONE] = "none", [TN_SCALE_LINEAR] = "linear", [TN_SCALE_SQRT] = "sqrt", NULL};
static const char *const monitor_words[] = {[TN_MONITOR_NONE] = "none",
                                            [TN_MONITOR_VALID_LOSS] = "valid_loss",
                                            [TN_MONITOR_VALID_ACCURACY] = "valid_accuracy",
                                            [TN_MONITOR_TRAIN_LOSS] = "train_loss",
                                            NULL};
static const char *const reduction_words[] = {[TN_REDUCTION_FLOAT] = "float", [TN_REDUCTION_EXACT] = "exact", NULL};
static const char *const node_stage_words[] = {
    [TN_NODE_STAGE_AUTO] = "auto", [TN_NODE_STAGE_ON] = "on", [TN_NODE_STAGE_OFF] = "off", NULL};
static const char *const progress_words[] = {[TN_PROGRESS_AUTO] = "auto",
                                             [TN_PROGRESS_BAR] = "bar",
                                             [TN_PROGRESS_LINES] = "lines",
                                             [TN_PROGRESS_NONE] = "none",
                                             NULL};

/* clang-format off */
static const tn_option options[] = {
    {KEY(data, file), TEXT(""), FREE, .meaning = "HDF5 file with the data sets below"},
    {KEY(data, train_x), TEXT("/train/x"), FREE, .meaning = "training features (N, D)"},
    {KEY(data, train_y), TEXT("/train/y"), FREE, .meaning = "training targets; classes (N), or values (N) or (N, K)"},
    {KEY(data, train_rows), WHOLE("0", 0, INT64_MAX), .meaning = "only the first so many training rows; 0 is all"},
    {KEY(data, valid_x), TEXT(""), FREE, .meaning = "validation features; empty is none"},
    {KEY(data, valid_y), TEXT(""), FREE, .meaning = "validation targets"},
    {KEY(data, valid_fraction), FRACTION("0"), .meaning = "share of the training rows held out for validation, drawn by the seed"},
    {KEY(data, test_x), TEXT(""), FREE, .meaning = "test features, used by thinnet eval alone"},
    {KEY(data, test_y), TEXT(""), FREE, .meaning = "test targets"},
    {KEY(data, train_weight), TEXT(""), FREE, .meaning = "weight of each training row (N); empty is 1"},
    {KEY(data, scale), ANY_REAL("1"), .meaning = "features are multiplied by this, e.g. 0.00392156862745098 for bytes"},
    {KEY(data, shift), ANY_REAL("0"), .meaning = "added to the features after scale"},
    {KEY(data, standardize), SWITCH("no"), .meaning = "shift and scale each feature to mean 0 and deviation 1 over the training rows"},
    {KEY(data, shuffle), CHOICE("global", shuffle_words), .meaning = "order of the rows, drawn anew each epoch over all rows, within each replica's shard, or as in the file"},
    {KEY(data, placement), CHOICE("node", placement_words), FREE, .meaning = "one copy of the data a node, or only a rank's share in each rank"},

    {KEY(model, hidden), .type = TN_OPTION_INTS, .fallback = "", .whole = {1, TN_UNITS_MAX}, .items = TN_LAYERS_MAX, .meaning = "units of each hidden layer, the first one first; empty is a linear model"},
    {KEY(model, outputs), WHOLE("0", 0, TN_UNITS_MAX), MAY_ADOPT, .meaning = "output units; 0 is what the training targets say"},
    {KEY(model, activation), CHOICE("relu", activation_words), .meaning = "of the hidden layers"},
    {KEY(model, loss), CHOICE("softmax_cross_entropy", loss_words), .meaning = "softmax for classes, sigmoid for targets in [0, 1], the others for values"},
    {KEY(model, init), CHOICE("auto", init_words), .meaning = "initial weights; auto is he_normal for relu, leaky_relu and gelu layers, lecun_normal for selu, glorot_uniform for others and the last"},
    {KEY(model, batch_norm), SWITCH("no"), .meaning = "normalise each hidden unit over the rows of a replica's batch, before the activation"},
    {KEY(model, batch_norm_sync), SWITCH("no"), .meaning = "over the rows of all replicas' batches instead; one more reduction a layer and direction"},
    {KEY(model, layer_norm), SWITCH("no"), .meaning = "normalise each row over a hidden layer's units, before the activation"},
    {KEY(model, norm_momentum), FRACTION("0.99"), .meaning = "what batch_norm's running mean and variance keep of themselves in a step (PyTorch's momentum is 1 minus this, and 0.1)"},
    {KEY(model, norm_epsilon), REAL_ABOVE("0.001", 0), .meaning = "added to the variance of batch_norm and layer_norm (PyTorch: 1e-5)"},

    {KEY(dropout, input), FRACTION("0"), .meaning = "probability of dropping an input"},
    {KEY(dropout, hidden), .type = TN_OPTION_REALS, .fallback = "0", .real = {0, 1, false, true}, .items = TN_LAYERS_MAX, .meaning = "probability of dropping a hidden unit; one for all hidden layers, or one for each"},
    {KEY(dropout, kind), CHOICE("bernoulli", dropout_kind_words), .meaning = "units are dropped, or multiplied by normal noise of the same variance, or set to what selu tends to, with mean and variance kept (alpha, for selu); or weights are dropped (dropconnect); or hidden units are kept the more often the larger their input is (standout)"},
    {KEY(dropout, mask), CHOICE("sample", mask_words), .meaning = "a mask for each row, or one for all rows of a replica's batch"},
    {KEY(dropout, replica_masks), CHOICE("own", replica_masks_words), .meaning = "each replica draws masks of its own; same, to see what that is worth: all draw the same"},
    {KEY(dropout, group), WHOLE("1", 1, TN_UNITS_MAX), .meaning = "neighbouring units that share their fate; fewer than any layer with a rate above 0 has, or than the inputs where they have one"},
    {KEY(dropout, shape), .type = TN_OPTION_SHAPE, .fallback = "", .whole = {1, TN_UNITS_MAX}, .meaning = "the features of a row as an image, for block: row by row, channels last"},
    {KEY(dropout, block), WHOLE("1", 1, TN_UNITS_MAX), .special = "channel", .meaning = "at the input, drops block x block patches of the image through all channels, or whole channels; 1 is single inputs"},
    {KEY(dropout, standout_alpha), ANY_REAL("1"), .meaning = "standout keeps a hidden unit of input z with probability sigmoid(standout_alpha x z + standout_beta)"},
    {KEY(dropout, standout_beta), ANY_REAL("0"), .meaning = "see standout_alpha; 0 keeps half of the units whose input is 0"},
    {KEY(dropout, schedule), CHOICE("constant", rate_schedule_words), .meaning = "of all rates: curriculum grows from 0, rate x (1 - exp(-step / schedule_steps)); anneal falls to 0, rate x exp(-step / schedule_steps)"},
    {KEY(dropout, schedule_steps), WHOLE("1000", 1, STEPS_MAX), .meaning = "time constant of the schedule, in steps of the run"},
    {KEY(dropout, rate), CHOICE("fixed", rate_words), .meaning = "fixed: the rates of dropout.input and dropout.hidden; learned: those above 0 start there, and are trained with the weights (concrete dropout)"},
    {KEY(dropout, temperature), REAL_ABOVE("0.1", 0), .meaning = "how far from 0 and 1 the masks of learned rates are"},
    {KEY(dropout, length_scale), REAL_FROM("0.0001", 0), .meaning = "of the prior over the weights, in the penalty of learned rates"},
    {KEY(dropout, entropy_weight), REAL_FROM("1", 0), .meaning = "of the masks' entropy in the penalty of learned rates; 1 is the variational bound of softmax_cross_entropy"},

    {KEY(regularization, l1), REAL_FROM("0", 0), .meaning = "adds l1 x sum |w| to the loss, weights only"},
    {KEY(regularization, l2), REAL_FROM("0", 0), .meaning = "adds l2 x sum w^2 to the loss, weights only"},
    {KEY(regularization, max_norm), REAL_FROM("0", 0), .meaning = "longest norm of a unit's incoming weights; 0 is off"},

    {KEY(augment, noise), REAL_FROM("0", 0), .meaning = "deviation of normal noise on the features, after scale and shift; 0 is off"},
    {KEY(augment, shape), .type = TN_OPTION_SHAPE, .fallback = "", .whole = {1, IMAGE_SIDE_MAX}, .meaning = "of the images in the rows, for shift and rotate"},
    {KEY(augment, shift), REAL_FROM("0", 0), .meaning = "pixels by which images move at most, to each side, whole or not; 0 is off"},
    {KEY(augment, rotate), .type = TN_OPTION_REAL, .fallback = "0", .real = {0, 180, false, false}, .meaning = "degrees by which images turn at most, to each side; 0 is off"},
    {KEY(augment, mixup), REAL_FROM("0", 0), .meaning = "rows are mixed in pairs, by shares from Beta(mixup, mixup); 0 is off"},
    {KEY(augment, label_smoothing), FRACTION("0"), .meaning = "share of a training row's class, or of its 0 and 1, that is spread evenly over all of them"},

    {KEY(train, epochs), WHOLE("10", 1, STEPS_MAX), MAY_GROW, .meaning = "passes over the training rows"},
    {KEY(train, batch_size), WHOLE("128", 1, INT32_MAX), .meaning = "rows that one replica reads at a time"},
    {KEY(train, class_weights), .type = TN_OPTION_WEIGHTING, .fallback = "none", .words = weighting_words, .real = {0, INFINITY, false, false}, .items = TN_CLASS_WEIGHTS_MAX, .meaning = "balanced weighs a class by rows / (classes x its rows); a list has one weight a class"},
    {KEY(train, seed), WHOLE("1", 0, INT64_MAX), .meaning = "of initial weights, shuffling, dropout and everything else drawn"},
    {KEY(train, optimizer), CHOICE("adam", optimizer_words), .meaning = "rule of the update"},
    {KEY(train, learning_rate), REAL_FROM("auto", 0), .special = "auto", .meaning = "of the update; auto is 0.001, for sgd 0.01"},
    {KEY(train, momentum), FRACTION("0"), .meaning = "of sgd and rmsprop"},
    {KEY(train, nesterov), SWITCH("no"), .meaning = "Nesterov's form of sgd's momentum"},
    {KEY(train, beta1), FRACTION("0.9"), .meaning = "decay of the mean gradient (adam, adamw)"},
    {KEY(train, beta2), FRACTION("0.999"), .meaning = "decay of the mean squared gradient (adam, adamw)"},
    {KEY(train, rho), FRACTION("0.9"), .meaning = "decay of the mean squared gradient (rmsprop)"},
    {KEY(train, epsilon), REAL_ABOVE("1e-07", 0), .meaning = "added to the divisor (all but sgd)"},
    {KEY(train, weight_decay), REAL_FROM("auto", 0), .special = "auto", .meaning = "weights shrink by this times the learning rate each step; auto is 0.004 for adamw, else 0"},
    {KEY(train, clip_norm), REAL_FROM("0", 0), .meaning = "longest norm of the whole gradient; 0 is off"},
    {KEY(train, accumulate), WHOLE("1", 1, INT32_MAX), .meaning = "batches that a replica reads for one step"},
    {KEY(train, max_steps), WHOLE("0", 0, STEPS_MAX), FREE, .meaning = "ends the training after so many steps; 0 is off"},
    {KEY(train, time_limit), REAL_FROM("0", 0), .special = "auto", FREE, .meaning = "seconds until the run stops with a checkpoint; 0 is off, auto stops in time before the Slurm job ends"},
    {KEY(train, on_nonfinite), CHOICE("stop", nonfinite_words), FREE, .meaning = "where a gradient or a loss is not finite: end the run, or leave out that step's update on all ranks"},
    {KEY(train, nonfinite_limit), WHOLE("10", 1, STEPS_MAX), FREE, .meaning = "steps of the run that skip may leave out; the next one ends it"},

    {KEY(schedule, kind), CHOICE("constant", schedule_words), .meaning = "how the learning rate changes; cosine ends at the last step that train.epochs and train.max_steps allow"},
    {KEY(schedule, warmup_steps), WHOLE("0", 0, STEPS_MAX), .meaning = "steps over which the learning rate rises from 0"},
    {KEY(schedule, step_epochs), WHOLE("10", 1, STEPS_MAX), .meaning = "epochs between two falls (step)"},
    {KEY(schedule, factor), FACTOR("0.1"), .meaning = "what the learning rate is multiplied by at each fall (step, plateau) or over an epoch (exponential)"},
    {KEY(schedule, patience), WHOLE("10", 1, STEPS_MAX), .meaning = "epochs without an improvement before a fall (plateau)"},
    {KEY(schedule, min_learning_rate), REAL_FROM("0", 0), .meaning = "the learning rate does not fall below this"},
    {KEY(schedule, scale_with_replicas), CHOICE("none", scaling_words), .meaning = "multiplies the learning rate by the replicas, or by their square root"},

    {KEY(early_stopping, monitor), CHOICE("none", monitor_words), .meaning = "what is watched; best.h5 is kept by it"},
    {KEY(early_stopping, patience), WHOLE("0", 0, STEPS_MAX), .meaning = "epochs without an improvement before training ends; 0 is off"},
    {KEY(early_stopping, min_delta), REAL_FROM("0", 0), .meaning = "a smaller change is no improvement"},
    {KEY(early_stopping, restore_best), SWITCH("no"), .meaning = "end with the best epoch's weights"},

    {KEY(parallel, replicas), WHOLE("0", 0, REPLICAS_MAX), MAY_ADOPT, .meaning = "copies of the network in training; 0 is one a rank"},
    {KEY(parallel, reduction), CHOICE("float", reduction_words), .meaning = "exact gives the same network at any number of ranks"},
    {KEY(parallel, exact_fraction_bits), WHOLE("auto", 0, 62), .special = "auto", MAY_ADOPT, .meaning = "binary places of the exact sums; auto derives them from the replicas"},
    {KEY(parallel, node_stage), CHOICE("auto", node_stage_words), FREE, .meaning = "the ranks of a node keep one copy of the weights in shared memory and divide sum and update; auto where that can be. With reduction = float on or off rounds the sum differently"},
    {KEY(parallel, threads), WHOLE("1", 1, 4096), FREE, .meaning = "threads a rank"},
    {KEY(parallel, stall_warning_s), REAL_FROM("30", 0), FREE, .meaning = "seconds that a rank waits for others before it warns and names them; 0 is off"},
    {KEY(parallel, stall_abort_s), REAL_FROM("1800", 0), FREE, .meaning = "seconds that a rank waits for others, of which nothing new is seen either, before the run ends; 0 is off"},

    {KEY(output, dir), TEXT(""), FREE, .meaning = "the run folder; empty is runs/NAME of the configuration file"},
    {KEY(output, checkpoint_every_epochs), WHOLE("1", 0, STEPS_MAX), FREE, .meaning = "epochs between two periodic checkpoints; 0 is off"},
    {KEY(output, checkpoint_every_steps), WHOLE("0", 0, STEPS_MAX), FREE, .meaning = "steps between two periodic checkpoints; 0 is off"},
    {KEY(output, checkpoint_every_seconds), REAL_FROM("0", 0), FREE, .meaning = "seconds between two periodic checkpoints; 0 is off"},
    {KEY(output, keep), WHOLE("2", 2, INT32_MAX), FREE, .meaning = "periodic checkpoints that stay"},
    {KEY(output, step_metrics_every), WHOLE("50", 0, STEPS_MAX), FREE, .meaning = "steps between two rows of step metrics; 0 is none"},
    {KEY(output, progress), CHOICE("auto", progress_words), FREE, .meaning = "of the epochs: auto is a bar on a terminal, lines elsewhere"},
};
/* clang-format on */

enum { OPTION_COUNT = sizeof options / sizeof options[0] };
_Static_assert(OPTION_COUNT <= TN_CONFIG_KEYS_MAX, "tn_config has too few lines to remember");

const tn_option *tn_config_options(int *count) {
  *count = OPTION_COUNT;
  return options;
}
