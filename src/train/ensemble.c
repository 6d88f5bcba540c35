#include "train/ensemble.h"

#include "base/memory.h"
#include "nn/dropout.h"
#include "train/evaluate.h"

static tn_status check_alike(const tn_loaded *first, const tn_loaded *other) {
  const tn_network *a = first->checkpoint->network, *b = other->checkpoint->network;
  if (a->inputs == b->inputs && a->outputs == b->outputs && a->loss == b->loss)
    return TN_OK;
  return tn_fail(TN_ERR_USAGE,
                 "%s: has %lld inputs, %lld outputs and the loss %s, but %s has %lld, %lld and %s: leave one of them "
                 "out, only networks that agree in these can predict together",
                 other->path, (long long)b->inputs, (long long)b->outputs, tn_config_word("model.loss", (int)b->loss),
                 first->path, (long long)a->inputs, (long long)a->outputs, tn_config_word("model.loss", (int)a->loss));
}

/* Samples are networks of the kind that was in training when the checkpoint was written. */
static tn_status check_dropout(const tn_loaded *loaded) {
  const tn_network *network = loaded->checkpoint->network;
  const int64_t step = loaded->checkpoint->progress.step;
  if (tn_dropout_acts(network, step))
    return TN_OK;
  if (network->rate_schedule == TN_RATE_CONSTANT)
    return tn_fail(TN_ERR_USAGE,
                   "%s: --mc needs a network that was trained with dropout: this one has rate 0 everywhere",
                   loaded->path);
  return tn_fail(
      TN_ERR_USAGE,
      "%s: --mc needs a network in training with dropout, but by dropout.schedule = %s the rates are 0 after "
      "its %lld steps: every sample would be the same; take a %s checkpoint, or leave out --mc",
      loaded->path, tn_config_word("dropout.schedule", (int)network->rate_schedule), (long long)step,
      network->rate_schedule == TN_RATE_ANNEAL ? "former" : "later");
}

static tn_status check_network(const tn_ensemble *ensemble, const tn_loaded *network) {
  if (ensemble->samples > 0)
    TN_TRY(check_dropout(network));
  return check_alike(&ensemble->networks[0], network);
}

static tn_status check_count(int count, int64_t samples) {
  if (count < 1)
    return tn_fail(TN_ERR_USAGE, "no checkpoint is named");
  if (samples < 0 || samples >= TN_REPLICAS_MAX)
    return tn_fail(TN_ERR_USAGE, "--mc %lld: expected a number of samples from 1 to %d", (long long)samples,
                   TN_REPLICAS_MAX - 1);
  return TN_OK;
}

static tn_status allocate(tn_ensemble *ensemble) {
  TN_TRY(tn_alloc(&ensemble->networks, ensemble->count, sizeof *ensemble->networks, "the networks"));
  return tn_alloc(&ensemble->workspaces, ensemble->count, sizeof(tn_workspace *), "the networks' workspaces");
}

/* The buffers of all networks, when all of them are there. */
static tn_status create_buffers(tn_ensemble *ensemble) {
  const tn_network *network = tn_ensemble_network(ensemble);
  for (int i = 0; i < ensemble->count; i++)
    TN_TRY(
        tn_workspace_create(&ensemble->workspaces[i], ensemble->networks[i].checkpoint->network, TN_BLOCK_ROWS, false));
  return tn_mixture_create(&ensemble->mixture, network->loss, network->outputs, TN_BLOCK_ROWS);
}

tn_status tn_ensemble_open(tn_ensemble *ensemble, const tn_comm *comm, const char *const *paths, int count,
                           int64_t samples) {
  *ensemble = (tn_ensemble){.comm = comm, .samples = samples};
  TN_TRY(check_count(count, samples));
  ensemble->count = count;
  TN_TRY(tn_comm_agree(comm, allocate(ensemble)));
  for (int i = 0; i < count; i++) {
    TN_TRY(tn_loaded_open(&ensemble->networks[i], comm, paths[i]));
    TN_TRY(check_network(ensemble, &ensemble->networks[i]));
  }
  return tn_comm_agree(comm, create_buffers(ensemble));
}

void tn_ensemble_close(tn_ensemble *ensemble) {
  for (int i = 0; i < ensemble->count; i++) {
    if (ensemble->networks)
      tn_loaded_close(&ensemble->networks[i]);
    if (ensemble->workspaces)
      tn_workspace_destroy(&ensemble->workspaces[i]);
  }
  tn_free(&ensemble->networks);
  tn_free(&ensemble->workspaces);
  tn_mixture_destroy(&ensemble->mixture);
  tn_row_stream_close(&ensemble->stream);
}

tn_status tn_ensemble_open_rows(tn_ensemble *ensemble, const char *file, const char *x_path, const char *y_path) {
  return tn_row_stream_open(&ensemble->stream, ensemble->comm, tn_ensemble_network(ensemble), file, x_path, y_path,
                            TN_BLOCK_ROWS);
}

/* One pass; sample < 0: without dropout. The input is made anew for each, since input dropout changes it. */
static void add_member(tn_ensemble *ensemble, int index, int64_t sample, tn_range rows) {
  const tn_loaded *loaded = &ensemble->networks[index];
  const tn_checkpoint *checkpoint = loaded->checkpoint;
  tn_workspace *workspace = ensemble->workspaces[index];
  const tn_mask_source masks = {.seed = (uint64_t)loaded->config->train.seed,
                                .stream = TN_STREAM_MC,
                                .replica = (uint32_t)(sample < 0 ? 0 : sample),
                                .step = (uint64_t)checkpoint->progress.step,
                                .first_row = (uint64_t)rows.first};
  tn_row_stream_input(&ensemble->stream, checkpoint, rows.count, workspace->input);
  tn_mixture_add(&ensemble->mixture, tn_network_forward(checkpoint->network, checkpoint->parameters, workspace,
                                                        rows.count, sample < 0 ? NULL : &masks));
}

tn_status tn_ensemble_run(tn_ensemble *ensemble, tn_range rows, tn_targets *targets) {
  TN_TRY(tn_row_stream_read(&ensemble->stream, rows.first, rows.count, targets));
  tn_mixture_begin(&ensemble->mixture, rows.count);
  for (int i = 0; i < ensemble->count; i++) {
    if (ensemble->samples == 0)
      add_member(ensemble, i, -1, rows);
    for (int64_t sample = 0; sample < ensemble->samples; sample++)
      add_member(ensemble, i, sample, rows);
  }
  tn_mixture_finish(&ensemble->mixture);
  return TN_OK;
}

const tn_network *tn_ensemble_network(const tn_ensemble *ensemble) {
  return ensemble->networks[0].checkpoint->network;
}

const tn_config *tn_ensemble_config(const tn_ensemble *ensemble) {
  return ensemble->networks[0].config;
}

bool tn_ensemble_is_mean(const tn_ensemble *ensemble) {
  return ensemble->samples > 0 || ensemble->count > 1;
}
