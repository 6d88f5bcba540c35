/* A checkpoint's parameters for a run: tensor by tensor, by their names. */
#include "train/run.h"

#include <math.h>
#include <string.h>

static const tn_tensor *find(const tn_network *network, const char *name) {
  for (int t = 0; t < network->tensor_count; t++)
    if (strcmp(network->tensors[t].name, name) == 0)
      return &network->tensors[t];
  return NULL;
}

/* The keys that decide whether a network has a tensor. */
static const char *keys_of(const tn_tensor *tensor) {
  switch (tensor->role) {
  case TN_RATE_LOGIT:
    return "dropout.rate, dropout.input and dropout.hidden";
  case TN_GAIN:
    return "model.batch_norm and model.layer_norm";
  case TN_STATISTIC:
    return "model.batch_norm";
  case TN_WEIGHT:
  case TN_BIAS:
    break;
  }
  return "model.hidden";
}

/* The key that decides about a weight's shape. Other tensors follow it in the list and have its columns. */
static const char *key_of_shape(const tn_network *mine, const tn_network *other, const tn_tensor *weight) {
  if (mine->inputs != other->inputs && weight->layer == 0)
    return "data.train_x";
  const bool is_last = weight->layer == mine->layer_count - 1 && mine->layer_count == other->layer_count;
  return is_last ? "model.outputs" : "model.hidden";
}

/* A learned rate that only one of two runs has does not keep the one from starting with the other's weights. */
static bool may_lack(const tn_tensor *tensor, bool same_run) {
  return !same_run && tensor->role == TN_RATE_LOGIT;
}

static tn_status check_mine(const tn_network *mine, const tn_network *other, const tn_tensor *tensor, bool same_run,
                            const char *what) {
  const tn_tensor *there = find(other, tensor->name);
  if (there ? there->rows == tensor->rows && there->cols == tensor->cols : may_lack(tensor, same_run))
    return TN_OK;
  if (!there)
    return tn_fail(TN_ERR_CONFIG,
                   "%s: holds no /model/%s (%lld x %lld), which this network has: write %s as in the run of that "
                   "checkpoint",
                   what, tensor->name, (long long)tensor->rows, (long long)tensor->cols, keys_of(tensor));
  return tn_fail(TN_ERR_CONFIG,
                 "%s: /model/%s is %lld x %lld, but %lld x %lld in this network: write %s as in the run of that "
                 "checkpoint",
                 what, tensor->name, (long long)there->rows, (long long)there->cols, (long long)tensor->rows,
                 (long long)tensor->cols, key_of_shape(mine, other, tensor));
}

static tn_status check_theirs(const tn_network *mine, const tn_tensor *tensor, bool same_run, const char *what) {
  if (find(mine, tensor->name) || may_lack(tensor, same_run))
    return TN_OK;
  return tn_fail(TN_ERR_CONFIG,
                 "%s: holds /model/%s (%lld x %lld), which this network does not have: write %s as in the run of that "
                 "checkpoint",
                 what, tensor->name, (long long)tensor->rows, (long long)tensor->cols, keys_of(tensor));
}

static tn_status check(const tn_network *mine, const tn_network *other, bool same_run, const char *what) {
  for (int t = 0; t < mine->tensor_count; t++)
    TN_TRY(check_mine(mine, other, &mine->tensors[t], same_run, what));
  for (int t = 0; t < other->tensor_count; t++)
    TN_TRY(check_theirs(mine, &other->tensors[t], same_run, what));
  return TN_OK;
}

/* What the checkpoint lacks begins at its start, as configured. */
static void take(tn_run *run, const tn_checkpoint *checkpoint) {
  const tn_network *mine = run->network;
  memset(run->parameters, 0, (size_t)mine->block_size * sizeof(float));
  for (int t = 0; t < mine->tensor_count; t++) {
    const tn_tensor *tensor = &mine->tensors[t];
    const tn_tensor *there = find(checkpoint->network, tensor->name);
    const float *values = there ? checkpoint->parameters + there->offset : &tensor->start;
    memcpy(run->parameters + tensor->offset, values, (size_t)tn_tensor_size(tensor) * sizeof(float));
  }
}

static double rate_of(float logit) {
  return 1.0 / (1.0 + exp(-(double)logit));
}

static void say_rates(const tn_run *run, const tn_checkpoint *checkpoint, const char *what) {
  const tn_network *mine = run->network;
  const tn_network *other = checkpoint->network;
  for (int t = 0; t < mine->tensor_count; t++)
    if (!find(other, mine->tensors[t].name))
      tn_run_say(run, "%s: holds no /model/%s: this rate starts at %.4g, as configured", what, mine->tensors[t].name,
                 rate_of(mine->tensors[t].start));
  for (int t = 0; t < other->tensor_count; t++)
    if (!find(mine, other->tensors[t].name))
      tn_run_say(run, "%s: /model/%s, a learned rate of %.4g, is left: this run does not learn it", what,
                 other->tensors[t].name, rate_of(checkpoint->parameters[other->tensors[t].offset]));
}

tn_status tn_run_adopt(tn_run *run, const tn_checkpoint *checkpoint, bool same_run, const char *what) {
  TN_TRY(check(run->network, checkpoint->network, same_run, what));
  take(run, checkpoint);
  say_rates(run, checkpoint, what);
  return TN_OK;
}
