#include "base/config_table.h"

#include <stdlib.h>
#include <string.h>

typedef struct checked {
  const tn_config *config, *defaults;
} checked;

static bool differs(const checked *c, const char *name) {
  return !tn_option_equal(tn_config_find_name(name), c->config, c->defaults);
}

const char *tn_config_show(const tn_config *config, const char *name, char shown[64]) {
  tn_text text = tn_text_over(shown, 64);
  tn_option_write(tn_config_find_name(name), config, &text);
  return shown;
}

/* A key that means something only together with some words of another key. */
typedef struct dependence {
  const char *key, *on;
  unsigned words; /* bit i: word i */
} dependence;

#define WORD(value) (1u << (value))
#define ANY_MONITOR (WORD(TN_MONITOR_VALID_LOSS) | WORD(TN_MONITOR_VALID_ACCURACY) | WORD(TN_MONITOR_TRAIN_LOSS))

#define OF_UNITS (WORD(TN_BERNOULLI) | WORD(TN_GAUSSIAN) | WORD(TN_ALPHA))

static const dependence dependences[] = {
    {"train.momentum", "train.optimizer", WORD(TN_SGD) | WORD(TN_RMSPROP)},
    {"train.nesterov", "train.optimizer", WORD(TN_SGD)},
    {"train.beta1", "train.optimizer", WORD(TN_ADAM) | WORD(TN_ADAMW)},
    {"train.beta2", "train.optimizer", WORD(TN_ADAM) | WORD(TN_ADAMW)},
    {"train.rho", "train.optimizer", WORD(TN_RMSPROP)},
    {"train.epsilon", "train.optimizer", WORD(TN_ADAM) | WORD(TN_ADAMW) | WORD(TN_RMSPROP) | WORD(TN_ADAGRAD)},
    {"dropout.temperature", "dropout.rate", WORD(TN_RATES_LEARNED)},
    {"dropout.length_scale", "dropout.rate", WORD(TN_RATES_LEARNED)},
    {"dropout.entropy_weight", "dropout.rate", WORD(TN_RATES_LEARNED)},
    {"augment.label_smoothing", "model.loss", WORD(TN_SOFTMAX_CROSS_ENTROPY) | WORD(TN_SIGMOID_CROSS_ENTROPY)},
    {"train.class_weights", "model.loss", WORD(TN_SOFTMAX_CROSS_ENTROPY)},
    {"train.nonfinite_limit", "train.on_nonfinite", WORD(TN_NONFINITE_SKIP)},
    {"dropout.group", "dropout.kind", OF_UNITS},
    {"dropout.block", "dropout.kind", OF_UNITS},
    {"dropout.mask", "dropout.kind", OF_UNITS | WORD(TN_DROPCONNECT)},
    {"dropout.standout_alpha", "dropout.kind", WORD(TN_STANDOUT)},
    {"dropout.standout_beta", "dropout.kind", WORD(TN_STANDOUT)},
    {"dropout.schedule_steps", "dropout.schedule", WORD(TN_RATE_CURRICULUM) | WORD(TN_RATE_ANNEAL)},
    {"schedule.step_epochs", "schedule.kind", WORD(TN_SCHEDULE_STEP)},
    {"schedule.factor", "schedule.kind",
     WORD(TN_SCHEDULE_STEP) | WORD(TN_SCHEDULE_EXPONENTIAL) | WORD(TN_SCHEDULE_PLATEAU)},
    {"schedule.patience", "schedule.kind", WORD(TN_SCHEDULE_PLATEAU)},
    {"schedule.min_learning_rate", "schedule.kind",
     WORD(TN_SCHEDULE_STEP) | WORD(TN_SCHEDULE_COSINE) | WORD(TN_SCHEDULE_EXPONENTIAL) | WORD(TN_SCHEDULE_PLATEAU)},
    {"early_stopping.patience", "early_stopping.monitor", ANY_MONITOR},
    {"early_stopping.restore_best", "early_stopping.monitor", ANY_MONITOR},
    {"parallel.exact_fraction_bits", "parallel.reduction", WORD(TN_REDUCTION_EXACT)},
};

/* "sgd or rmsprop" */
static void add_alternatives(const dependence *d, tn_text *text) {
  const char *const *words = tn_config_find_name(d->on)->words;
  bool first = true;
  for (int i = 0; words[i]; i++) {
    if (!(d->words & WORD(i)))
      continue;
    const bool last = (d->words >> (i + 1)) == 0;
    tn_text_add(text, "%s%s", first ? "" : last ? " or " : ", ", words[i]);
    first = false;
  }
}

static tn_status check_dependence(const checked *c, const dependence *d) {
  int word;
  memcpy(&word, tn_option_field(tn_config_find_name(d->on), c->config), sizeof word);
  if ((d->words & WORD(word)) || !differs(c, d->key))
    return TN_OK;
  char value[64], alternatives[256];
  tn_text text = tn_text_over(alternatives, sizeof alternatives);
  add_alternatives(d, &text);
  return tn_config_fail(
      c->config, tn_config_find_name(d->key), "%s = %s has no effect with %s = %s: remove it, or write %s = %s", d->key,
      tn_config_show(c->config, d->key, value), d->on, tn_config_word(d->on, word), d->on, alternatives);
}

static tn_status check_dependences(const checked *c) {
  for (size_t i = 0; i < sizeof dependences / sizeof dependences[0]; i++)
    TN_TRY(check_dependence(c, &dependences[i]));
  return TN_OK;
}

/* Features without targets, or the other way round. */
static tn_status check_pair(const tn_config *config, const char *given, const char *missing) {
  const char *present = tn_option_field(tn_config_find_name(given), config);
  const char *absent = tn_option_field(tn_config_find_name(missing), config);
  if (!*present || *absent)
    return TN_OK;
  return tn_config_fail(config, tn_config_find_name(given),
                        "%s = %.200s stands without %s: write both data set paths, or neither", given, present,
                        missing);
}

static tn_status check_data(const checked *c) {
  const tn_data_config *data = &c->config->data;
  TN_TRY(check_pair(c->config, "data.valid_x", "data.valid_y"));
  TN_TRY(check_pair(c->config, "data.valid_y", "data.valid_x"));
  TN_TRY(check_pair(c->config, "data.test_x", "data.test_y"));
  TN_TRY(check_pair(c->config, "data.test_y", "data.test_x"));
  if (data->valid_fraction > 0 && data->valid_x[0])
    return tn_config_fail(c->config, tn_config_find_name("data.valid_fraction"),
                          "data.valid_fraction = %g holds out training rows although data.valid_x = %.200s names "
                          "validation rows: remove one of the two",
                          data->valid_fraction, data->valid_x);
  if (data->file[0] && !(data->train_x[0] && data->train_y[0]))
    return tn_config_fail(c->config, tn_config_find_name(data->train_x[0] ? "data.train_y" : "data.train_x"),
                          "data.%s is empty: write the path of a data set in %.200s, e.g. /train/%s",
                          data->train_x[0] ? "train_y" : "train_x", data->file, data->train_x[0] ? "y" : "x");
  return TN_OK;
}

static tn_status check_class_weights(const checked *c) {
  const tn_class_weights *weights = &c->config->train.class_weights;
  const int64_t outputs = c->config->model.outputs;
  const tn_option *option = tn_config_find_name("train.class_weights");
  if (weights->mode != TN_CLASS_WEIGHTS_LIST)
    return TN_OK;
  if (outputs > 0 && weights->list.count != outputs)
    return tn_config_fail(c->config, option,
                          "train.class_weights has %d values for model.outputs = %lld classes: write one a class",
                          weights->list.count, (long long)outputs);
  for (int i = 0; i < weights->list.count; i++)
    if (weights->list.values[i] > 0)
      return TN_OK;
  return tn_config_fail(c->config, option, "train.class_weights are all 0, so no row counts: write one above 0");
}

/* A key of the normalisation where nothing is normalised by it. */
static tn_status check_norm_key(const checked *c, const char *name, bool used, const char *remedy) {
  char value[64];
  if (used || !differs(c, name))
    return TN_OK;
  return tn_config_fail(c->config, tn_config_find_name(name), "%s = %s has no effect: remove it, or write %s", name,
                        tn_config_show(c->config, name, value), remedy);
}

/* One unit less its mean is 0, whatever it was. */
static tn_status check_norm_units(const checked *c) {
  const tn_int_list *hidden = &c->config->model.hidden;
  for (int i = 0; i < hidden->count; i++)
    if (hidden->values[i] == 1)
      return tn_config_fail(c->config, tn_config_find_name("model.layer_norm"),
                            "model.layer_norm = yes, but hidden layer %d has 1 unit (model.hidden), which would always "
                            "be normalised to 0: write 2 or more units, or model.batch_norm = yes",
                            i + 1);
  return TN_OK;
}

static tn_status check_norm(const checked *c) {
  const tn_model_config *model = &c->config->model;
  const bool any = model->batch_norm || model->layer_norm;
  const tn_option *option = tn_config_find_name(model->batch_norm ? "model.batch_norm" : "model.layer_norm");
  TN_TRY(check_norm_key(c, "model.batch_norm_sync", model->batch_norm, "model.batch_norm = yes"));
  TN_TRY(check_norm_key(c, "model.norm_momentum", model->batch_norm, "model.batch_norm = yes"));
  TN_TRY(check_norm_key(c, "model.norm_epsilon", any, "model.batch_norm = yes or model.layer_norm = yes"));
  if (model->batch_norm && model->layer_norm)
    return tn_config_fail(c->config, option,
                          "model.batch_norm = yes and model.layer_norm = yes: a layer is normalised over the rows or "
                          "over its units: write one of the two");
  if (any && model->hidden.count == 0)
    return tn_config_fail(c->config, option,
                          "%s.%s = yes, but model.hidden is empty and outputs are not normalised: remove it, or write "
                          "model.hidden = UNITS",
                          option->section, option->key);
  if (any && c->config->dropout.kind == TN_DROPCONNECT)
    return tn_config_fail(c->config, option,
                          "%s.%s = yes with dropout.kind = dropconnect: the bias that it drops with the weights stands "
                          "behind the normalisation: write another dropout.kind",
                          option->section, option->key);
  if (model->layer_norm)
    TN_TRY(check_norm_units(c));
  if (model->batch_norm && !model->batch_norm_sync && c->config->train.batch_size == 1)
    return tn_config_fail(c->config, option,
                          "model.batch_norm = yes with train.batch_size = 1: one row has no variance: write a larger "
                          "train.batch_size, model.batch_norm_sync = yes with at least 2 replicas, or model.layer_norm "
                          "= yes");
  return TN_OK;
}

static tn_status check_model(const checked *c) {
  const tn_model_config *model = &c->config->model;
  if (model->loss == TN_SOFTMAX_CROSS_ENTROPY && model->outputs == 1)
    return tn_config_fail(c->config, tn_config_find_name("model.outputs"),
                          "model.outputs = 1 with model.loss = softmax_cross_entropy is always sure of its one class: "
                          "write model.outputs = 0 (as many as the data have), or model.loss = sigmoid_cross_entropy");
  TN_TRY(check_norm(c));
  return check_class_weights(c);
}

static tn_status check_steps(const checked *c) {
  const tn_train_config *train = &c->config->train;
  if (train->nesterov && train->momentum <= 0)
    return tn_config_fail(c->config, tn_config_find_name("train.nesterov"),
                          "train.nesterov = yes has no effect with train.momentum = 0: remove it, or write e.g. "
                          "train.momentum = 0.9");
  if (train->batch_size > UINT32_MAX / train->accumulate)
    return tn_config_fail(c->config, tn_config_find_name("train.accumulate"),
                          "train.accumulate = %lld x train.batch_size = %lld rows are more than the 2^32 - 1 that a "
                          "replica's step can number: write a smaller one",
                          (long long)train->accumulate, (long long)train->batch_size);
  return TN_OK;
}

static tn_status check_schedule(const checked *c) {
  const tn_schedule_config *schedule = &c->config->schedule;
  const tn_train_config *train = &c->config->train;
  const double rate = train->learning_rate < 0 ? tn_config_usual_learning_rate(train->optimizer) : train->learning_rate;
  /* scaling by replicas raises the learning rate by what is not known here */
  if (schedule->scale_with_replicas == TN_SCALE_NONE && schedule->min_learning_rate > rate)
    return tn_config_fail(c->config, tn_config_find_name("schedule.min_learning_rate"),
                          "schedule.min_learning_rate = %g is above train.learning_rate = %g, which could never fall: "
                          "write a smaller one",
                          schedule->min_learning_rate, rate);
  return TN_OK;
}

static tn_status check_monitor(const checked *c) {
  const tn_config *config = c->config;
  const tn_monitor monitor = config->early_stopping.monitor;
  const bool of_valid = monitor == TN_MONITOR_VALID_LOSS || monitor == TN_MONITOR_VALID_ACCURACY;
  /* Without a file the rows are a program's arrays, of which the configuration knows nothing. */
  const bool has_valid = !config->data.file[0] || config->data.valid_x[0] || config->data.valid_fraction > 0;
  const bool has_accuracy =
      config->model.loss == TN_SOFTMAX_CROSS_ENTROPY || config->model.loss == TN_SIGMOID_CROSS_ENTROPY;
  const tn_option *option = tn_config_find_name("early_stopping.monitor");
  if (of_valid && !has_valid)
    return tn_config_fail(config, option,
                          "early_stopping.monitor = %s, but there are no validation rows: write data.valid_x and "
                          "data.valid_y, or e.g. data.valid_fraction = 0.1, or monitor = train_loss",
                          tn_config_word("early_stopping.monitor", (int)monitor));
  if (monitor == TN_MONITOR_VALID_ACCURACY && !has_accuracy)
    return tn_config_fail(config, option,
                          "early_stopping.monitor = valid_accuracy, but model.loss = %s has no accuracy: write monitor "
                          "= valid_loss",
                          tn_config_word("model.loss", (int)config->model.loss));
  if (differs(c, "early_stopping.min_delta") && monitor == TN_MONITOR_NONE &&
      config->schedule.kind != TN_SCHEDULE_PLATEAU)
    return tn_config_fail(config, tn_config_find_name("early_stopping.min_delta"),
                          "early_stopping.min_delta = %g has no effect: remove it, or write early_stopping.monitor = "
                          "valid_loss, or schedule.kind = plateau",
                          config->early_stopping.min_delta);
  return TN_OK;
}

static tn_status check_moved_images(const checked *c) {
  const tn_augment_config *augment = &c->config->augment;
  const tn_image_shape *shape = &augment->shape;
  const char *moved = augment->shift > 0 ? "augment.shift" : augment->rotate > 0 ? "augment.rotate" : NULL;
  char value[64];
  if (shape->rows > 0 && !moved)
    return tn_config_fail(c->config, tn_config_find_name("augment.shape"),
                          "augment.shape = %s has no effect without augment.shift and augment.rotate: remove it, or "
                          "write e.g. augment.shift = 2",
                          tn_config_show(c->config, "augment.shape", value));
  if (shape->rows == 0 && moved)
    return tn_config_fail(c->config, tn_config_find_name(moved),
                          "%s = %s needs the shape of the images: write e.g. augment.shape = 28x28x1", moved,
                          tn_config_show(c->config, moved, value));
  if (moved && (augment->shift >= (double)shape->rows || augment->shift >= (double)shape->cols))
    return tn_config_fail(c->config, tn_config_find_name("augment.shift"),
                          "augment.shift = %g moves images of augment.shape = %s out of sight: write less than %lld",
                          augment->shift, tn_config_show(c->config, "augment.shape", value),
                          (long long)(shape->rows < shape->cols ? shape->rows : shape->cols));
  return TN_OK;
}

/* Both say how a row is an image. */
static tn_status check_shapes(const checked *c) {
  const tn_image_shape *moved = &c->config->augment.shape, *dropped = &c->config->dropout.shape;
  char augment[64], dropout[64];
  if (moved->rows == 0 || dropped->rows == 0 ||
      (moved->rows == dropped->rows && moved->cols == dropped->cols && moved->channels == dropped->channels))
    return TN_OK;
  return tn_config_fail(c->config, tn_config_find_name("augment.shape"),
                        "augment.shape = %s and dropout.shape = %s are two different images of one row: write the same "
                        "in both",
                        tn_config_show(c->config, "augment.shape", augment),
                        tn_config_show(c->config, "dropout.shape", dropout));
}

static tn_status check_augment(const checked *c) {
  const tn_augment_config *augment = &c->config->augment;
  if (augment->mixup > 0 && c->config->train.batch_size == 1)
    return tn_config_fail(
        c->config, tn_config_find_name("augment.mixup"),
        "augment.mixup = %g has no effect with train.batch_size = 1, since rows are mixed with others "
        "of their batch: remove it, or write a larger batch",
        augment->mixup);
  TN_TRY(check_shapes(c));
  return check_moved_images(c);
}

static tn_status check_all(const checked *c) {
  TN_TRY(check_dependences(c));
  TN_TRY(check_data(c));
  TN_TRY(check_model(c));
  TN_TRY(tn_config_check_dropout(c->config));
  TN_TRY(check_augment(c));
  TN_TRY(check_steps(c));
  TN_TRY(check_schedule(c));
  return check_monitor(c);
}

tn_status tn_config_check(const tn_config *config) {
  tn_config *defaults = malloc(sizeof *defaults);
  if (!defaults)
    return tn_fail(TN_ERR_MEMORY, "out of memory: the default configuration needs %zu bytes", sizeof *defaults);
  tn_config_defaults(defaults);
  const checked both = {config, defaults};
  const tn_status status = check_all(&both);
  free(defaults);
  return status;
}
