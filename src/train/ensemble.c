#include "train/ensemble.h"

#include "base/log.h"
#include "base/memory.h"
#include "nn/dropout.h"
#include "train/evaluate.h"

#include <string.h>

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
  TN_TRY(tn_mixture_create(&ensemble->part, network->loss, network->outputs, TN_BLOCK_ROWS));
  TN_TRY(tn_mixture_create(&ensemble->whole, network->loss, network->outputs, TN_BLOCK_ROWS));
  if (!tn_ensemble_is_mean(ensemble) || tn_comm_size(ensemble->comm) == 1)
    return TN_OK;
  return tn_alloc(&ensemble->parts, TN_SPREAD_PARTS_MAX * ensemble->part.sum_count, sizeof(double),
                  "sums of outputs for other ranks");
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
  tn_free(&ensemble->parts);
  tn_mixture_destroy(&ensemble->part);
  tn_mixture_destroy(&ensemble->whole);
  tn_row_stream_close(&ensemble->stream);
}

tn_status tn_ensemble_open_rows(tn_ensemble *ensemble, const char *file, const char *x_path, const char *y_path) {
  return tn_row_stream_open(&ensemble->stream, ensemble->comm, tn_ensemble_network(ensemble), file, x_path, y_path,
                            TN_BLOCK_ROWS);
}

/* One pass; sample < 0: without dropout. The input is made anew for each, since input dropout changes it. */
static void add_member(tn_ensemble *ensemble, int64_t index, int64_t sample, tn_range rows) {
  const tn_loaded *loaded = &ensemble->networks[index];
  const tn_checkpoint *checkpoint = loaded->checkpoint;
  tn_workspace *workspace = ensemble->workspaces[index];
  const tn_mask_source masks = {.seed = (uint64_t)loaded->config->train.seed,
                                .stream = TN_STREAM_MC,
                                .replica = (uint32_t)(sample < 0 ? 0 : sample),
                                .step = (uint64_t)checkpoint->progress.step,
                                .first_row = (uint64_t)rows.first};
  tn_row_stream_input(&ensemble->stream, checkpoint, rows.count, workspace->input);
  tn_mixture_add(&ensemble->part, tn_network_forward(checkpoint->network, checkpoint->parameters, workspace, rows.count,
                                                     sample < 0 ? NULL : &masks));
}

/* Members are the samples of the first network, then those of the next. */
static void run_part(tn_ensemble *ensemble, tn_range members, tn_range rows) {
  const int64_t samples = ensemble->samples;
  tn_mixture_begin(&ensemble->part, rows.count);
  for (int64_t m = members.first; m < members.first + members.count; m++) {
    if (samples == 0)
      add_member(ensemble, m, -1, rows);
    else
      add_member(ensemble, m / samples, m % samples, rows);
  }
}

/* A stretch of the work, and what is done with it. */
typedef struct run {
  tn_ensemble *ensemble;
  const tn_spread *spread;
  int64_t first; /* row of the file */
  int rank;
  tn_ensemble_use *use;
  void *context;
  tn_targets targets; /* of the block that was read last */
} run;

static tn_range rows_of(const run *r, int64_t block) {
  tn_range rows = tn_block_rows(r->spread->rows, block);
  rows.first += r->first;
  return rows;
}

static double *sums_at(const tn_ensemble *ensemble, int64_t index) {
  return ensemble->parts + index * ensemble->part.sum_count;
}

static tn_status use_block(run *r, int64_t block) {
  tn_mixture *whole = &r->ensemble->whole;
  tn_mixture_finish(whole);
  for (int64_t row = 0; row < whole->rows; row++)
    r->ensemble->nonfinite_rows += !tn_mixture_is_finite(whole, row);
  return r->use(r->context, rows_of(r, block), whole, &r->targets);
}

/* This rank's parts of a block: added up where it owns the block, which is used once it is whole, and else kept for the
 * owner. */
static tn_status run_block(run *r, int64_t block) {
  tn_ensemble *ensemble = r->ensemble;
  const tn_range rows = rows_of(r, block), parts = tn_spread_parts(r->spread, r->rank, block);
  const bool is_owner = parts.first == 0;
  TN_TRY(tn_row_stream_read(&ensemble->stream, rows.first, rows.count, &r->targets));
  if (is_owner)
    tn_mixture_begin(&ensemble->whole, rows.count);
  for (int64_t part = parts.first; part < parts.first + parts.count; part++) {
    run_part(ensemble, tn_spread_members(r->spread, part), rows);
    const tn_mixture *found = &ensemble->part;
    if (is_owner)
      tn_mixture_add_sums(&ensemble->whole, found->sums, found->members, found->z);
    else
      memcpy(sums_at(ensemble, part - parts.first), found->sums, (size_t)found->sum_count * sizeof(double));
  }
  return is_owner && parts.count == r->spread->parts ? use_block(r, block) : TN_OK;
}

static tn_status run_blocks(run *r) {
  for (int64_t block = tn_spread_start(r->spread, r->rank).block; block < r->spread->blocks; block++) {
    if (tn_spread_parts(r->spread, r->rank, block).count == 0)
      break;
    TN_TRY(run_block(r, block));
  }
  return TN_OK;
}

static void send_parts(const run *r, int64_t block) {
  const tn_range parts = tn_spread_parts(r->spread, r->rank, block);
  const int64_t bytes = r->ensemble->part.sum_count * (int64_t)sizeof(double);
  if (parts.first > 0 && parts.count > 0)
    tn_comm_send(r->ensemble->comm, sums_at(r->ensemble, 0), parts.count * bytes, tn_spread_owner(r->spread, block));
}

/* The parts of the last block that this rank owns, which those behind it have computed. */
static tn_status receive_parts(run *r, int64_t block) {
  tn_ensemble *ensemble = r->ensemble;
  const int64_t bytes = ensemble->part.sum_count * (int64_t)sizeof(double);
  int64_t done = tn_spread_parts(r->spread, r->rank, block).count;
  if (done == r->spread->parts)
    return TN_OK;
  for (int from = r->rank + 1; done < r->spread->parts; from++) {
    const tn_range parts = tn_spread_parts(r->spread, from, block);
    if (parts.count > 0)
      tn_comm_receive(ensemble->comm, sums_at(ensemble, 0), parts.count * bytes, from);
    for (int64_t i = 0; i < parts.count; i++)
      tn_mixture_add_sums(&ensemble->whole, sums_at(ensemble, i), tn_spread_members(r->spread, parts.first + i).count,
                          NULL);
    done += parts.count;
  }
  return use_block(r, block);
}

/* Everybody sends before it receives, and only to ranks before it: rank 0 waits for nobody who waits for it. */
static tn_status exchange_parts(run *r) {
  const tn_range owned = tn_spread_owned(r->spread, r->rank);
  const int64_t start = tn_spread_start(r->spread, r->rank).block;
  if (start < r->spread->blocks)
    send_parts(r, start);
  return owned.count > 0 ? receive_parts(r, owned.first + owned.count - 1) : TN_OK;
}

tn_spread tn_ensemble_spread(const tn_ensemble *ensemble, int64_t rows) {
  return tn_spread_of(rows, ensemble->count * (ensemble->samples > 0 ? ensemble->samples : 1),
                      tn_comm_size(ensemble->comm));
}

tn_status tn_ensemble_run(tn_ensemble *ensemble, const tn_spread *spread, int64_t first, tn_ensemble_use *use,
                          void *context) {
  run r = {.ensemble = ensemble,
           .spread = spread,
           .first = first,
           .rank = tn_comm_rank(ensemble->comm),
           .use = use,
           .context = context};
  TN_TRY(tn_comm_agree(ensemble->comm, run_blocks(&r)));
  return tn_comm_agree(ensemble->comm, exchange_parts(&r));
}

int64_t tn_ensemble_warn_nonfinite(const tn_ensemble *ensemble) {
  int64_t rows = ensemble->nonfinite_rows;
  tn_comm_sum_int64(ensemble->comm, &rows, 1);
  if (rows > 0 && tn_comm_rank(ensemble->comm) == 0)
    tn_warn("%s: %s: the outputs of %lld of %lld rows are not finite: look for huge features in these rows, and for "
            "huge weights in the network",
            ensemble->stream.source.x->file, ensemble->stream.source.x->path, (long long)rows,
            (long long)ensemble->stream.source.rows);
  return rows;
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
