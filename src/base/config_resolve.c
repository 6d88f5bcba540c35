#include "base/config_table.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void tn_config_defaults(tn_config *config) {
  int count;
  const tn_option *options = tn_config_options(&count);
  memset(config, 0, sizeof *config);
  for (int i = 0; i < count; i++)
    tn_option_read(&options[i], config, options[i].fallback); /* cannot fail: a test reads every row's default */
}

/* Makes the path of `name` absolute in `path`, which it fills with zeros to its end. */
static tn_status resolve_path(const tn_config *config, const char *name, char path[TN_PATH_MAX]) {
  const tn_option *option = tn_config_find_name(name);
  const char *given = tn_option_field(option, config);
  memset(path, 0, TN_PATH_MAX);
  tn_text text = tn_text_over(path, TN_PATH_MAX);
  if (given[0] && given[0] != '/') {
    if (!getcwd(path, TN_PATH_MAX))
      return tn_fail_errno(TN_ERR_CONFIG, errno,
                           "%s = %.200s is relative to the working directory, which cannot be found: write an absolute "
                           "path, or start elsewhere",
                           name, given);
    text.length = strlen(path);
    tn_text_add(&text, text.length > 1 ? "/" : "");
    while (strncmp(given, "./", 2) == 0)
      given += 2 + strspn(given + 2, "/");
  }
  tn_text_add(&text, "%s", given);
  if (text.cut)
    return tn_config_fail(config, option, "%s = %.200s becomes longer than %d bytes as an absolute path: shorten it",
                          name, given, TN_PATH_MAX - 1);
  return TN_OK;
}

static void resolve_rates(tn_real_list *rates, int layers) {
  if (rates->count > 1)
    return;
  const double rate = rates->count == 1 ? rates->values[0] : 0;
  rates->count = layers;
  rates->values[0] = 0;
  for (int i = 0; i < layers; i++)
    rates->values[i] = rate;
}

tn_status tn_config_resolve(tn_config *config) {
  char file[TN_PATH_MAX], dir[TN_PATH_MAX];
  TN_TRY(resolve_path(config, "data.file", file));
  TN_TRY(resolve_path(config, "output.dir", dir));
  memcpy(config->data.file, file, sizeof file);
  memcpy(config->output.dir, dir, sizeof dir);
  tn_train_config *train = &config->train;
  if (train->learning_rate < 0)
    train->learning_rate = tn_config_usual_learning_rate(train->optimizer);
  if (train->weight_decay < 0)
    train->weight_decay = tn_config_usual_weight_decay(train->optimizer);
  resolve_rates(&config->dropout.hidden, config->model.hidden.count);
  return TN_OK;
}
