/* What a person reads before the training starts. */
#include "base/text.h"
#include "train/run.h"
#include "train/sync.h"

#include <inttypes.h>

static int64_t memory_bytes(const tn_run *run) {
  const tn_run_data *data = &run->data;
  const int64_t block = run->network->block_size * (int64_t)sizeof(float);
  const int64_t shared = (block + tn_optimizer_bytes(run->network, &run->config.train)) / tn_team_size(run->team);
  const int64_t rows = tn_row_arrays_bytes(&data->train_source, data->train_rows.count, data->weighted);
  const int64_t valid =
      data->valid.rows > 0 ? tn_row_arrays_bytes(data->valid.source, data->valid_rows.count, false) : 0;
  const int64_t epoch_rows =
      data->epoch_rows.block ? tn_row_arrays_bytes(&data->train_source, data->epoch_rows.count, data->weighted) : 0;
  return rows + valid + epoch_rows + shared +
         tn_reducer_bytes(run->config.parallel.reduction, run->network->block_size) +
         tn_workspace_bytes(run->network, run->workspace->max_rows, true) + tn_sync_bytes(run) +
         tn_workspace_bytes(run->network, TN_BLOCK_ROWS, false);
}

static int64_t parameters_of_layer(const tn_network *network, int layer) {
  int64_t count = 0;
  for (int t = 0; t < network->tensor_count; t++) {
    const tn_tensor *tensor = &network->tensors[t];
    if (tensor->layer == layer && tn_tensor_is_trained(tensor))
      count += tn_tensor_size(tensor);
  }
  return count;
}

static const char *norm_word(tn_norm_kind norm) {
  switch (norm) {
  case TN_NORM_BATCH:
    return "batch norm, ";
  case TN_NORM_LAYER:
    return "layer norm, ";
  case TN_NORM_NONE:
    break;
  }
  return "";
}

static void say_layer(const tn_run *run, int index) {
  const tn_layer *layer = &run->network->layers[index];
  const bool is_last = index == run->network->layer_count - 1;
  char name[32];
  char shape[48];
  char what[48];
  char dropout[32] = "";
  snprintf(name, sizeof name, "layer%d", index + 1);
  snprintf(shape, sizeof shape, "%" PRId64 " -> %" PRId64, layer->inputs, layer->outputs);
  snprintf(what, sizeof what, "%s%s", is_last ? "" : norm_word(run->network->norm),
           is_last ? tn_config_word("model.loss", (int)run->network->loss)
                   : tn_config_word("model.activation", (int)layer->activation));
  if (layer->rate > 0.0)
    snprintf(dropout, sizeof dropout, "dropout %g", layer->rate);
  else if (run->network->kind == TN_STANDOUT && !is_last)
    snprintf(dropout, sizeof dropout, "standout");
  tn_run_say(run, "  %-8s %-16s %-24s %12" PRId64 "  %s", name, shape, what, parameters_of_layer(run->network, index),
             dropout);
}

void tn_run_summarize(const tn_run *run) {
  const tn_network *network = run->network;
  const tn_config *config = &run->config;
  tn_run_say(run, "network");
  if (network->input_rate > 0.0)
    tn_run_say(run, "  %-8s %-16" PRId64 " %-24s %12s  dropout %g", "input", network->inputs, "", "",
               network->input_rate);
  for (int i = 0; i < network->layer_count; i++)
    say_layer(run, i);
  if (network->learns_rates)
    tn_run_say(run, "  these rates are where the learned ones start, or go on");
  if (network->rate_schedule != TN_RATE_CONSTANT)
    tn_run_say(run, "  dropout's rates by schedule %s, time constant %" PRId64 " steps",
               tn_config_word("dropout.schedule", (int)network->rate_schedule), network->schedule_steps);
  tn_run_say(run, "  %" PRId64 " parameters; %.1f MB a rank%s", network->parameter_count,
             (double)memory_bytes(run) / 1e6,
             config->data.placement == TN_PLACEMENT_NODE ? ", the data once a node among them" : "");
  tn_run_say(run, "data       %" PRId64 " training rows, %" PRId64 " validation rows, %" PRId64 " features",
             run->data.train.rows, run->data.valid.rows, network->inputs);
  tn_run_say(run, "training   %" PRId64 " epochs of %" PRId64 " steps, %s, learning rate %g, %s reduction",
             config->train.epochs, run->steps_per_epoch,
             tn_config_word("train.optimizer", (int)config->train.optimizer), config->train.learning_rate,
             tn_config_word("parallel.reduction", (int)config->parallel.reduction));
  tn_run_say(run,
             "parallel   ranks %d, replicas %" PRId64 ", rows of a global batch %" PRId64 ", threads a rank %" PRId64,
             tn_comm_size(run->comm), config->parallel.replicas,
             config->parallel.replicas * config->train.batch_size * config->train.accumulate, config->parallel.threads);
}

void tn_run_say_rates(const tn_run *run) {
  const tn_network *network = run->network;
  char line[1024];
  tn_text text = tn_text_over(line, sizeof line);
  if (network->input_logit != TN_NO_TENSOR)
    tn_text_add(&text, " input %.4g", network->input_rate);
  for (int i = 0; i < network->layer_count; i++)
    if (network->layers[i].logit != TN_NO_TENSOR)
      tn_text_add(&text, " layer%d %.4g", i + 1, network->layers[i].rate);
  if (network->learns_rates)
    tn_run_say(run, "learned rates:%s", line);
}
