/* The [dropout] section: rates that belong to nothing, and forms that have no form for each other. */
#include "base/config_table.h"
#include "base/log.h"

static tn_status check_hidden_rates(const tn_config *config) {
  const tn_real_list *rates = &config->dropout.hidden;
  const int layers = config->model.hidden.count;
  const tn_option *option = tn_config_find_name("dropout.hidden");
  if (rates->count == 0 || rates->count == layers)
    return TN_OK;
  if (rates->count == 1 && (layers > 0 || rates->values[0] == 0))
    return TN_OK;
  char value[64];
  tn_config_show(config, "dropout.hidden", value);
  if (layers == 0)
    return tn_config_fail(config, option,
                          "dropout.hidden = %s, but model.hidden is empty and a linear model has no hidden units to "
                          "drop: remove it, or write model.hidden = UNITS (dropout.input drops inputs)",
                          value);
  return tn_config_fail(config, option,
                        "dropout.hidden = %s has %d rates for %d hidden layer%s (model.hidden): write one rate for "
                        "all, or %d",
                        value, rates->count, layers, layers == 1 ? "" : "s", layers);
}

double tn_config_hidden_rate(const tn_dropout_config *dropout, int layer) {
  const tn_real_list *rates = &dropout->hidden;
  return rates->count == 0 ? 0 : rates->values[rates->count == 1 ? 0 : layer];
}

/* A rate between 0 and the smallest that masks can have would be 0 in them. */
static tn_status check_least_rate(const tn_config *config, const char *name, double rate) {
  char value[64];
  if (rate <= 0 || rate >= TN_DROP_RATE_MIN)
    return TN_OK;
  return tn_config_fail(config, tn_config_find_name(name),
                        "%s = %s has the rate %g, which counts as 0, as do all below %.12g (2^-17): write 0, or at "
                        "least that",
                        name, tn_config_show(config, name, value), rate, TN_DROP_RATE_MIN);
}

static tn_status check_least_rates(const tn_config *config) {
  const tn_real_list *hidden = &config->dropout.hidden;
  TN_TRY(check_least_rate(config, "dropout.input", config->dropout.input));
  for (int i = 0; i < hidden->count; i++)
    TN_TRY(check_least_rate(config, "dropout.hidden", hidden->values[i]));
  return TN_OK;
}

static double highest_rate(const tn_dropout_config *dropout) {
  double highest = dropout->input;
  for (int i = 0; i < dropout->hidden.count; i++)
    highest = dropout->hidden.values[i] > highest ? dropout->hidden.values[i] : highest;
  return highest;
}

/* Standout's probabilities come from the units' inputs. */
static tn_status check_standout(const tn_config *config) {
  const tn_dropout_config *dropout = &config->dropout;
  char value[64];
  if (dropout->kind != TN_STANDOUT)
    return TN_OK;
  for (int i = 0; i < dropout->hidden.count; i++)
    if (dropout->hidden.values[i] > 0)
      return tn_config_fail(config, tn_config_find_name("dropout.hidden"),
                            "dropout.hidden = %s has no effect with dropout.kind = standout, where a unit's input sets "
                            "how often it is dropped: remove it (dropout.standout_beta moves all probabilities)",
                            tn_config_show(config, "dropout.hidden", value));
  if (config->model.hidden.count == 0)
    return tn_config_fail(config, tn_config_find_name("dropout.kind"),
                          "dropout.kind = standout, but model.hidden is empty and a linear model has no hidden units: "
                          "write model.hidden = UNITS, or another kind");
  return TN_OK;
}

/* What alpha dropout sets units to, and scales them by, is derived from selu. It has no part in what stands before an
 * input that is dropped. */
static tn_status check_alpha(const tn_config *config) {
  const tn_dropout_config *dropout = &config->dropout;
  bool acts_behind_layers = false;
  for (int i = 0; i < dropout->hidden.count; i++)
    acts_behind_layers = acts_behind_layers || dropout->hidden.values[i] > 0;
  if (dropout->kind != TN_ALPHA || !acts_behind_layers || config->model.activation == TN_SELU)
    return TN_OK;
  return tn_config_fail(config, tn_config_find_name("dropout.kind"),
                        "dropout.kind = alpha with model.activation = %s: it keeps the mean and variance that selu "
                        "gives to units: write model.activation = selu, or another dropout.kind",
                        tn_config_word("model.activation", (int)config->model.activation));
}

static tn_status check_schedule(const tn_config *config) {
  const tn_dropout_config *dropout = &config->dropout;
  if (dropout->schedule == TN_RATE_CONSTANT || highest_rate(dropout) > 0)
    return TN_OK;
  return tn_config_fail(config, tn_config_find_name("dropout.schedule"),
                        "dropout.schedule = %s, but all rates are 0: write dropout.input or dropout.hidden, or remove "
                        "it",
                        tn_config_word("dropout.schedule", (int)dropout->schedule));
}

/* dropout.block and dropout.shape have a sense together, and where the input is dropped. */
static tn_status check_image(const tn_config *config, const char *block) {
  const tn_dropout_config *dropout = &config->dropout;
  const tn_option *option = tn_config_find_name("dropout.block");
  const bool has_block = dropout->block != 1, has_shape = dropout->shape.rows > 0;
  if (has_shape && !has_block)
    return tn_config_fail(
        config, tn_config_find_name("dropout.shape"),
        "dropout.shape has no effect with dropout.block = 1: remove it, or write the side of patches, "
        "or channel, as dropout.block");
  if (has_block && !has_shape)
    return tn_config_fail(config, option,
                          "dropout.block = %s needs the shape of the input's images: write dropout.shape = "
                          "ROWSxCOLSxCHANNELS",
                          block);
  if (has_block && dropout->input <= 0)
    return tn_config_fail(config, option,
                          "dropout.block = %s has no effect with dropout.input = 0: remove it, or write the share of "
                          "the input to drop",
                          block);
  return TN_OK;
}

/* Whether the shape fits the features is the network's to say. */
static tn_status check_block(const tn_config *config) {
  const tn_dropout_config *dropout = &config->dropout;
  const tn_image_shape *shape = &dropout->shape;
  const tn_option *option = tn_config_find_name("dropout.block");
  char block[64];
  TN_TRY(check_image(config, tn_config_show(config, "dropout.block", block)));
  if (dropout->block < 0 && shape->channels == 1)
    return tn_config_fail(config, option,
                          "dropout.block = channel would drop whole images, which have one channel (dropout.shape): "
                          "write the side of patches");
  if (dropout->block <= 1)
    return TN_OK;
  if (dropout->block >= shape->rows || dropout->block >= shape->cols)
    return tn_config_fail(config, option,
                          "dropout.block = %s is no smaller than the images of dropout.shape, %lld x %lld, which would "
                          "be dropped from side to side: write a smaller one",
                          block, (long long)shape->rows, (long long)shape->cols);
  if (dropout->kind != TN_BERNOULLI)
    return tn_config_fail(config, option,
                          "dropout.block = %s drops patches, for which dropout.kind = %s has no form: write bernoulli, "
                          "or block = channel",
                          block, tn_config_word("dropout.kind", (int)dropout->kind));
  return TN_OK;
}

/* Learned rates have masks of their own. */
static tn_status check_learned(const tn_config *config) {
  const tn_dropout_config *dropout = &config->dropout;
  const tn_option *option = tn_config_find_name("dropout.rate");
  if (dropout->rate == TN_RATES_FIXED)
    return TN_OK;
  if (highest_rate(dropout) <= 0)
    return tn_config_fail(config, option,
                          "dropout.rate = learned, but all rates are 0: write in dropout.input or dropout.hidden where "
                          "they start");
  if (dropout->schedule != TN_RATE_CONSTANT)
    return tn_config_fail(config, option,
                          "dropout.rate = learned and dropout.schedule = %s both change the rates: remove one of them",
                          tn_config_word("dropout.schedule", (int)dropout->schedule));
  if (dropout->kind != TN_BERNOULLI)
    return tn_config_fail(config, option,
                          "dropout.rate = learned has no form for dropout.kind = %s: write bernoulli, or rate = fixed",
                          tn_config_word("dropout.kind", (int)dropout->kind));
  if (dropout->block != 1)
    return tn_config_fail(config, option,
                          "dropout.rate = learned has no form for dropout.block: remove it, or write rate = fixed");
  return TN_OK;
}

/* A group as wide as a layer would drop all of it. How wide the input is, is the network's to say. */
static tn_status check_group(const tn_config *config) {
  const tn_dropout_config *dropout = &config->dropout;
  const tn_int_list *units = &config->model.hidden;
  for (int i = 0; i < units->count; i++)
    if (dropout->group > 1 && dropout->group >= units->values[i] && tn_config_hidden_rate(dropout, i) > 0)
      return tn_config_fail(config, tn_config_find_name("dropout.group"),
                            "dropout.group = %lld is no smaller than hidden layer %d, %lld units (model.hidden), which "
                            "would be dropped as a whole: write a smaller one",
                            (long long)dropout->group, i + 1, (long long)units->values[i]);
  return TN_OK;
}

static void name_key(const tn_config *config, const char *name, tn_text *text) {
  char value[64];
  tn_text_add(text, "%s%s = %s", text->length > 0 ? ", " : "", name, tn_config_show(config, name, value));
}

void tn_config_warn_dropout(const tn_config *config) {
  const tn_dropout_config *dropout = &config->dropout;
  char keys[256];
  tn_text text = tn_text_over(keys, sizeof keys);
  if (highest_rate(dropout) > 0 || dropout->kind == TN_STANDOUT)
    return;
  if (dropout->kind != TN_BERNOULLI)
    name_key(config, "dropout.kind", &text);
  if (dropout->mask != TN_MASK_SAMPLE)
    name_key(config, "dropout.mask", &text);
  if (dropout->replica_masks != TN_MASKS_OWN)
    name_key(config, "dropout.replica_masks", &text);
  if (dropout->group != 1)
    name_key(config, "dropout.group", &text);
  if (text.length > 0)
    tn_warn("nothing is dropped, since dropout.input and dropout.hidden are 0: without effect are %s", keys);
}

tn_status tn_config_check_dropout(const tn_config *config) {
  TN_TRY(check_least_rates(config));
  TN_TRY(check_learned(config));
  TN_TRY(check_hidden_rates(config));
  TN_TRY(check_standout(config));
  TN_TRY(check_alpha(config));
  TN_TRY(check_schedule(config));
  TN_TRY(check_group(config));
  return check_block(config);
}
