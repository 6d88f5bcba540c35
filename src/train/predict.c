/* tn_predict: the network's output for every row of a data file of any size. */
#include "base/memory.h"
#include "io/outfile.h"
#include "train/evaluate.h"
#include "train/loaded.h"

#include <math.h>
#include <string.h>
#include <thinnet/eval.h>

/* Blocks that a rank computes between two writes. */
#define CHUNK_BLOCKS 8
#define CHUNK_ROWS   (CHUNK_BLOCKS * TN_BLOCK_ROWS)

/* The arrays that may be written, and their dataset's number in the file; -1: not written. */
enum { OUT_OUTPUT, OUT_CLASS, OUT_STD, OUT_ENTROPY, OUT_INFORMATION, OUT_COUNT };

static const char *const out_paths[OUT_COUNT] = {"/output", "/class", "/output_std", "/predictive_entropy",
                                                 "/mutual_information"};

typedef struct prediction {
  const tn_comm *comm;
  const tn_loaded *loaded;
  tn_row_stream stream;
  int64_t samples;
  int64_t rows, outputs;
  bool has_classes;
  tn_workspace *workspace;
  double *sum, *square_sum;                      /* (block, outputs) over the samples */
  double *entropy_sum;                           /* (block) */
  void *chunk;                                   /* CHUNK_ROWS rows of all arrays */
  int64_t offsets[OUT_COUNT], widths[OUT_COUNT]; /* bytes into the chunk; 4-byte values a row, 0: not written */
  int64_t chunk_bytes;
  tn_outfile *out; /* rank 0 */
  int datasets[OUT_COUNT];
} prediction;

static void lay_out(prediction *p) {
  const bool sampled = p->samples > 0;
  const int64_t widths[OUT_COUNT] = {[OUT_OUTPUT] = p->outputs,
                                     [OUT_CLASS] = p->has_classes,
                                     [OUT_STD] = sampled ? p->outputs : 0,
                                     [OUT_ENTROPY] = sampled && p->has_classes,
                                     [OUT_INFORMATION] = sampled && p->has_classes};
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
  TN_TRY(tn_workspace_create(&p->workspace, p->loaded->checkpoint->network, TN_BLOCK_ROWS, false));
  TN_TRY(tn_alloc(&p->sum, TN_BLOCK_ROWS * p->outputs, sizeof(double), "sums of outputs"));
  TN_TRY(tn_alloc(&p->square_sum, TN_BLOCK_ROWS * p->outputs, sizeof(double), "sums of squared outputs"));
  TN_TRY(tn_alloc(&p->entropy_sum, TN_BLOCK_ROWS, sizeof(double), "sums of entropies"));
  TN_TRY(tn_alloc(&p->chunk, p->chunk_bytes, 1, "a chunk of predictions"));
  return tn_comm_rank(p->comm) == 0 ? create_file(p, out_path, overwrite) : TN_OK;
}

static void destroy(prediction *p) {
  tn_workspace_destroy(&p->workspace);
  tn_free(&p->sum);
  tn_free(&p->square_sum);
  tn_free(&p->entropy_sum);
  tn_free(&p->chunk);
  tn_outfile_abandon(&p->out);
}

static float *values_at(prediction *p, int array, int64_t row) {
  unsigned char *bytes = p->chunk;
  return (float *)(void *)(bytes + p->offsets[array]) + row * p->widths[array];
}

static double entropy(int64_t classes, const double *probabilities) {
  double sum = 0.0;
  for (int64_t k = 0; k < classes; k++)
    if (probabilities[k] > 0.0)
      sum -= probabilities[k] * log(probabilities[k]);
  return sum;
}

static void add_sample(prediction *p, int64_t rows, const float *output) {
  for (int64_t i = 0; i < rows; i++) {
    double sample_entropy = 0.0;
    for (int64_t k = 0; k < p->outputs; k++) {
      const double value = (double)output[i * p->outputs + k];
      p->sum[i * p->outputs + k] += value;
      p->square_sum[i * p->outputs + k] += value * value;
      if (p->has_classes && value > 0.0)
        sample_entropy -= value * log(value);
    }
    p->entropy_sum[i] += sample_entropy;
  }
}

static int32_t find_class(int64_t outputs, const float *output) {
  int64_t best = 0;
  for (int64_t k = 1; k < outputs; k++)
    if (output[k] > output[best])
      best = k;
  return (int32_t)best;
}

/* Means, deviations and entropies of row i of the block, into row `to` of the chunk. */
static void finish_row(prediction *p, int64_t i, int64_t to) {
  const double count = p->samples > 0 ? (double)p->samples : 1.0;
  double *mean = p->sum + i * p->outputs;
  for (int64_t k = 0; k < p->outputs; k++) {
    mean[k] /= count;
    values_at(p, OUT_OUTPUT, to)[k] = (float)mean[k];
    if (p->widths[OUT_STD]) {
      const double variance = p->square_sum[i * p->outputs + k] / count - mean[k] * mean[k];
      values_at(p, OUT_STD, to)[k] = (float)sqrt(variance > 0.0 ? variance : 0.0);
    }
  }
  if (p->widths[OUT_CLASS]) {
    const int32_t class = find_class(p->outputs, values_at(p, OUT_OUTPUT, to));
    memcpy(values_at(p, OUT_CLASS, to), &class, sizeof class);
  }
  if (p->widths[OUT_ENTROPY]) {
    const double total = entropy(p->outputs, mean);
    const double information = total - p->entropy_sum[i] / count;
    *values_at(p, OUT_ENTROPY, to) = (float)total;
    *values_at(p, OUT_INFORMATION, to) = (float)(information > 0.0 ? information : 0.0);
  }
}

/* One pass through the network; sample < 0: without dropout. The input is fetched anew, since input dropout changes it.
 */
static tn_status run_sample(prediction *p, tn_range rows, int64_t sample) {
  const tn_network *network = p->loaded->checkpoint->network;
  const tn_mask_source masks = {.seed = (uint64_t)p->loaded->config->train.seed,
                                .stream = TN_STREAM_MC,
                                .replica = (uint32_t)(sample < 0 ? 0 : sample),
                                .first_row = (uint64_t)rows.first};
  tn_targets targets;
  TN_TRY(tn_row_stream_fetch(&p->stream, rows.first, rows.count, p->workspace->input, &targets));
  float *z = tn_network_forward(network, p->loaded->checkpoint->parameters, p->workspace, rows.count,
                                sample < 0 ? NULL : &masks);
  tn_loss_output(network->loss, rows.count, p->outputs, z);
  add_sample(p, rows.count, z);
  return TN_OK;
}

static tn_status run_block(prediction *p, tn_range rows, int64_t to) {
  memset(p->sum, 0, (size_t)(TN_BLOCK_ROWS * p->outputs) * sizeof *p->sum);
  memset(p->square_sum, 0, (size_t)(TN_BLOCK_ROWS * p->outputs) * sizeof *p->square_sum);
  memset(p->entropy_sum, 0, TN_BLOCK_ROWS * sizeof *p->entropy_sum);
  if (p->samples == 0)
    TN_TRY(run_sample(p, rows, -1));
  for (int64_t sample = 0; sample < p->samples; sample++)
    TN_TRY(run_sample(p, rows, sample));
  for (int64_t i = 0; i < rows.count; i++)
    finish_row(p, i, to + i);
  return TN_OK;
}

/* Rows of chunk `index` of the file; count 0 behind its end. */
static tn_range chunk_rows(const prediction *p, int64_t index) {
  const int64_t first = index * CHUNK_ROWS < p->rows ? index * CHUNK_ROWS : p->rows;
  const int64_t rest = p->rows - first;
  return (tn_range){.first = first, .count = rest < CHUNK_ROWS ? rest : CHUNK_ROWS};
}

static tn_status run_chunk(prediction *p, tn_range rows) {
  for (int64_t done = 0; done < rows.count; done += TN_BLOCK_ROWS) {
    const int64_t rest = rows.count - done;
    const tn_range block = {.first = rows.first + done, .count = rest < TN_BLOCK_ROWS ? rest : TN_BLOCK_ROWS};
    TN_TRY(run_block(p, block, done));
  }
  return TN_OK;
}

static tn_status write_chunk(prediction *p, tn_range rows) {
  for (int i = 0; i < OUT_COUNT; i++)
    if (p->widths[i] > 0)
      TN_TRY(tn_outfile_write(p->out, p->datasets[i], rows.first, rows.count, values_at(p, i, 0)));
  return TN_OK;
}

/* Rank 0 takes the chunks of a round in rank order, also those behind a write that failed: their senders wait. */
static tn_status collect_round(prediction *p, int64_t first_chunk) {
  tn_status status = TN_OK;
  if (tn_comm_rank(p->comm) != 0) {
    if (chunk_rows(p, first_chunk + tn_comm_rank(p->comm)).count > 0)
      tn_comm_send(p->comm, p->chunk, p->chunk_bytes, 0);
    return TN_OK;
  }
  for (int rank = 0; rank < tn_comm_size(p->comm); rank++) {
    const tn_range rows = chunk_rows(p, first_chunk + rank);
    if (rows.count == 0)
      break;
    if (rank > 0)
      tn_comm_receive(p->comm, p->chunk, p->chunk_bytes, rank);
    if (status == TN_OK)
      status = write_chunk(p, rows);
  }
  return status;
}

/* Round by round: every rank computes a chunk, rank 0 writes them. */
static tn_status run_rounds(prediction *p) {
  const int size = tn_comm_size(p->comm);
  for (int64_t chunk = 0; chunk * CHUNK_ROWS < p->rows; chunk += size) {
    const tn_range rows = chunk_rows(p, chunk + tn_comm_rank(p->comm));
    TN_TRY(tn_comm_agree(p->comm, run_chunk(p, rows)));
    TN_TRY(tn_comm_agree(p->comm, collect_round(p, chunk)));
  }
  return tn_comm_agree(p->comm, p->out ? tn_outfile_commit(&p->out) : TN_OK);
}

static tn_status predict(prediction *p, const char *data_path, const char *x_path, const char *out_path,
                         bool overwrite) {
  TN_TRY(tn_row_stream_open(&p->stream, p->comm, p->loaded, data_path, x_path, NULL, TN_BLOCK_ROWS));
  const tn_network *network = p->loaded->checkpoint->network;
  p->rows = p->stream.source.rows;
  p->outputs = network->outputs;
  p->has_classes = network->loss == TN_SOFTMAX_CROSS_ENTROPY;
  tn_status status = tn_comm_agree(p->comm, create(p, out_path, overwrite));
  if (status == TN_OK)
    status = run_rounds(p);
  destroy(p);
  tn_row_stream_close(&p->stream);
  return status;
}

static tn_status check_samples(const tn_loaded *loaded, int64_t samples) {
  const tn_network *network = loaded->checkpoint->network;
  if (samples < 0 || samples >= TN_REPLICAS_MAX)
    return tn_fail(TN_ERR_USAGE, "--mc %lld: expected a number of samples from 1 to %d", (long long)samples,
                   TN_REPLICAS_MAX - 1);
  double highest = network->input_rate;
  for (int i = 0; i < network->layer_count; i++)
    highest = highest > network->layers[i].rate ? highest : network->layers[i].rate;
  if (samples > 0 && highest == 0.0)
    return tn_fail(TN_ERR_USAGE, "--mc needs a network that was trained with dropout: this one has rate 0 everywhere");
  return TN_OK;
}

/* Rank 0 judges, since it is the one that writes. */
static tn_status check_paths(const tn_comm *comm, const char *checkpoint_path, const char *data_path,
                             const char *out_path) {
  if (tn_comm_rank(comm) != 0)
    return TN_OK;
  TN_TRY(tn_outfile_check_input(out_path, checkpoint_path));
  return tn_outfile_check_input(out_path, data_path);
}

tn_status tn_predict(tn_comm *comm, const char *checkpoint_path, const char *data_path, const char *out_path,
                     const tn_predict_options *options, int64_t *rows) {
  const tn_predict_options nothing = {0};
  const tn_predict_options *given = options ? options : &nothing;
  tn_loaded loaded;
  TN_TRY(tn_comm_agree(comm, check_paths(comm, checkpoint_path, data_path, out_path)));
  TN_TRY(tn_loaded_open(&loaded, comm, checkpoint_path));
  const char *test_x = loaded.config->data.test_x[0] ? loaded.config->data.test_x : "/test/x";
  prediction p = {.comm = comm, .loaded = &loaded, .samples = given->mc_samples};
  tn_status status = check_samples(&loaded, given->mc_samples);
  if (status == TN_OK)
    status = predict(&p, data_path, given->x_path ? given->x_path : test_x, out_path, given->overwrite);
  if (rows)
    *rows = p.rows;
  tn_loaded_close(&loaded);
  return status;
}
