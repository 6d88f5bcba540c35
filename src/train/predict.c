/* tn_predict: the output of networks for every row of a data file of any size. */
#include "base/memory.h"
#include "io/outfile.h"
#include "train/ensemble.h"
#include "train/evaluate.h"

#include <string.h>
#include <thinnet/eval.h>

/* Blocks that a rank owns between two writes, at most: a round has as many of them as ranks. */
#define CHUNK_BLOCKS 8
#define CHUNK_ROWS   (CHUNK_BLOCKS * TN_BLOCK_ROWS)

/* The arrays that may be written, and their dataset's number in the file; -1: not written. */
enum { OUT_OUTPUT, OUT_CLASS, OUT_STD, OUT_ENTROPY, OUT_INFORMATION, OUT_COUNT };

static const char *const out_paths[OUT_COUNT] = {"/output", "/class", "/output_std", "/predictive_entropy",
                                                 "/mutual_information"};

typedef struct prediction {
  const tn_comm *comm;
  tn_ensemble ensemble;
  int64_t rows, outputs;
  void *chunk;                                   /* CHUNK_ROWS rows of all arrays */
  int64_t chunk_first;                           /* row of the file */
  int64_t offsets[OUT_COUNT], widths[OUT_COUNT]; /* bytes into the chunk; 4-byte values a row, 0: not written */
  int64_t chunk_bytes;
  tn_outfile *out; /* rank 0 */
  int datasets[OUT_COUNT];
} prediction;

static void lay_out(prediction *p) {
  const bool is_mean = tn_ensemble_is_mean(&p->ensemble);
  const tn_loss loss = tn_ensemble_network(&p->ensemble)->loss;
  const bool has_entropy = tn_loss_has_accuracy(loss); /* of probabilities */
  const int64_t widths[OUT_COUNT] = {[OUT_OUTPUT] = p->outputs,
                                     [OUT_CLASS] = loss == TN_SOFTMAX_CROSS_ENTROPY,
                                     [OUT_STD] = is_mean ? p->outputs : 0,
                                     [OUT_ENTROPY] = has_entropy,
                                     [OUT_INFORMATION] = is_mean && has_entropy};
  p->chunk_bytes = 0;
  for (int i = 0; i < OUT_COUNT; i++) {
    p->widths[i] = widths[i];
    p->offsets[i] = p->chunk_bytes;
    p->chunk_bytes += CHUNK_ROWS * widths[i] * (int64_t)sizeof(float);
  }
}

static tn_status create_file(prediction *p, const char *path, bool overwrite) {
  tn_out_dataset datasets[OUT_COUNT];
  int count = 0;
  for (int i = 0; i < OUT_COUNT; i++) {
    if (p->widths[i] == 0)
      continue;
    const bool is_matrix = i == OUT_OUTPUT || i == OUT_STD;
    datasets[count] = (tn_out_dataset){.path = out_paths[i],
                                       .type = i == OUT_CLASS ? TN_OUT_I32 : TN_OUT_F32,
                                       .rank = is_matrix ? 2 : 1,
                                       .rows = p->rows,
                                       .cols = p->widths[i]};
    p->datasets[i] = count++;
  }
  return tn_outfile_create(&p->out, path, datasets, count, overwrite);
}

static tn_status create(prediction *p, const char *out_path, bool overwrite) {
  lay_out(p);
  TN_TRY(tn_alloc(&p->chunk, p->chunk_bytes, 1, "a chunk of predictions"));
  return tn_comm_rank(p->comm) == 0 ? create_file(p, out_path, overwrite) : TN_OK;
}

static float *values_at(prediction *p, int array, int64_t row) {
  unsigned char *bytes = p->chunk;
  return (float *)(void *)(bytes + p->offsets[array]) + row * p->widths[array];
}

/* The values of a row, as floats, into row `to` of an array that is written. */
static void store(prediction *p, int array, int64_t to, const double *values) {
  float *out = values_at(p, array, to);
  for (int64_t k = 0; k < p->widths[array]; k++)
    out[k] = (float)values[k];
}

/* Row i of a block into row `to` of the chunk. */
static void store_row(prediction *p, const tn_mixture *mixture, int64_t i, int64_t to) {
  store(p, OUT_OUTPUT, to, mixture->mean + i * p->outputs);
  store(p, OUT_STD, to, mixture->deviation + i * p->outputs);
  store(p, OUT_ENTROPY, to, mixture->entropy + i);
  store(p, OUT_INFORMATION, to, mixture->information + i);
  if (p->widths[OUT_CLASS]) {
    const int32_t class = (int32_t)tn_mixture_class(mixture, i);
    memcpy(values_at(p, OUT_CLASS, to), &class, sizeof class);
  }
}

static tn_status store_block(void *context, tn_range rows, const tn_mixture *mixture, const tn_targets *targets) {
  (void)targets;
  prediction *p = context;
  for (int64_t i = 0; i < rows.count; i++)
    store_row(p, mixture, i, rows.first - p->chunk_first + i);
  return TN_OK;
}

/* The rows of the file that a rank has in its chunk: those of the blocks that it owns in the round from row `first` on.
 */
static tn_range chunk_rows(const tn_spread *round, int64_t first, int rank) {
  const tn_range owned = tn_spread_owned(round, rank);
  const int64_t start = owned.first * TN_BLOCK_ROWS, end = (owned.first + owned.count) * TN_BLOCK_ROWS;
  return (tn_range){.first = first + start, .count = (end < round->rows ? end : round->rows) - start};
}

static tn_status write_chunk(prediction *p, tn_range rows) {
  for (int i = 0; i < OUT_COUNT; i++)
    if (p->widths[i] > 0)
      TN_TRY(tn_outfile_write(p->out, p->datasets[i], rows.first, rows.count, values_at(p, i, 0)));
  return TN_OK;
}

/* Rank 0 takes the chunks of a round in rank order, also those behind a write that failed: their senders wait. */
static tn_status collect_round(prediction *p, const tn_spread *round, int64_t first) {
  tn_status status = TN_OK;
  if (tn_comm_rank(p->comm) != 0) {
    if (tn_spread_owned(round, tn_comm_rank(p->comm)).count > 0)
      tn_comm_send(p->comm, p->chunk, p->chunk_bytes, 0);
    return TN_OK;
  }
  for (int rank = 0; rank < tn_comm_size(p->comm); rank++) {
    if (tn_spread_owned(round, rank).count == 0)
      continue;
    if (rank > 0)
      tn_comm_receive(p->comm, p->chunk, p->chunk_bytes, rank);
    if (status == TN_OK)
      status = write_chunk(p, chunk_rows(round, first, rank));
  }
  return status;
}

/* Round by round: every rank computes a chunk, rank 0 writes them. */
static tn_status run_rounds(prediction *p) {
  const int64_t round_rows = (int64_t)tn_comm_size(p->comm) * CHUNK_ROWS;
  for (int64_t first = 0; first < p->rows; first += round_rows) {
    const int64_t rest = p->rows - first;
    const tn_spread round = tn_ensemble_spread(&p->ensemble, rest < round_rows ? rest : round_rows);
    p->chunk_first = chunk_rows(&round, first, tn_comm_rank(p->comm)).first;
    TN_TRY(tn_ensemble_run(&p->ensemble, &round, first, store_block, p));
    TN_TRY(tn_comm_agree(p->comm, collect_round(p, &round, first)));
  }
  return tn_comm_agree(p->comm, p->out ? tn_outfile_commit(&p->out) : TN_OK);
}

static tn_status predict(prediction *p, const char *data_path, const char *x_path, const char *out_path,
                         bool overwrite) {
  const char *test_x = tn_ensemble_config(&p->ensemble)->data.test_x;
  TN_TRY(tn_ensemble_open_rows(&p->ensemble, data_path, x_path ? x_path : (test_x[0] ? test_x : "/test/x"), NULL));
  p->rows = p->ensemble.stream.source.rows;
  p->outputs = tn_ensemble_network(&p->ensemble)->outputs;
  tn_status status = tn_comm_agree(p->comm, create(p, out_path, overwrite));
  if (status == TN_OK)
    status = run_rounds(p);
  if (status == TN_OK)
    tn_ensemble_warn_nonfinite(&p->ensemble);
  tn_free(&p->chunk);
  tn_outfile_abandon(&p->out);
  return status;
}

/* Rank 0 judges, since it is the one that writes. */
static tn_status check_paths(const tn_comm *comm, const char *const *checkpoints, int count, const char *data_path,
                             const char *out_path) {
  if (tn_comm_rank(comm) != 0)
    return TN_OK;
  for (int i = 0; i < count; i++)
    TN_TRY(tn_outfile_check_input(out_path, checkpoints[i]));
  return tn_outfile_check_input(out_path, data_path);
}

tn_status tn_predict(tn_comm *comm, const char *const *checkpoints, int count, const char *data_path,
                     const char *out_path, const tn_predict_options *options, int64_t *rows) {
  const tn_predict_options nothing = {0};
  const tn_predict_options *given = options ? options : &nothing;
  prediction p = {.comm = comm};
  TN_TRY(tn_comm_agree(comm, check_paths(comm, checkpoints, count, data_path, out_path)));
  tn_status status = tn_ensemble_open(&p.ensemble, comm, checkpoints, count, given->mc_samples);
  if (status == TN_OK)
    status = predict(&p, data_path, given->x_path, out_path, given->overwrite);
  if (rows)
    *rows = p.rows;
  tn_ensemble_close(&p.ensemble);
  return status;
}
