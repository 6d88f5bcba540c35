#include "train/loaded.h"

#include "base/memory.h"

#include <string.h>

static tn_status read_local(tn_loaded *loaded, const char *path) {
  TN_TRY(tn_checkpoint_read(&loaded->checkpoint, path));
  tn_checkpoint_forget_states(loaded->checkpoint);
  TN_TRY(tn_alloc(&loaded->config, 1, sizeof *loaded->config, "the checkpoint's configuration"));
  tn_config_defaults(loaded->config);
  return tn_config_read_text(loaded->config, loaded->checkpoint->config_text, path);
}

tn_status tn_loaded_open(tn_loaded *loaded, const tn_comm *comm, const char *path) {
  *loaded = (tn_loaded){.path = path};
  tn_status status = tn_comm_agree(comm, read_local(loaded, path));
  if (status == TN_OK) {
    const uint64_t hash = tn_hash64(loaded->checkpoint->digest, TN_DIGEST_SIZE, 0);
    status = tn_comm_check_equal(comm, &hash, 1, "the checkpoint's digest");
  }
  if (status != TN_OK)
    tn_loaded_close(loaded);
  return status;
}

void tn_loaded_close(tn_loaded *loaded) {
  tn_checkpoint_destroy(&loaded->checkpoint);
  tn_free(&loaded->config);
}

static tn_status check_fit(const tn_row_source *source, const tn_network *network) {
  if (source->inputs != network->inputs)
    return tn_fail(TN_ERR_DATA, "%s: dataset %s has %lld features, the network takes %lld", source->x->file,
                   source->x->path, (long long)source->inputs, (long long)network->inputs);
  if (source->value_cols > 0 && source->value_cols != network->outputs)
    return tn_fail(TN_ERR_DATA, "%s: dataset %s has %lld columns, the network has %lld outputs", source->y->file,
                   source->y->path, (long long)source->value_cols, (long long)network->outputs);
  return TN_OK;
}

static tn_status open_local(tn_row_stream *stream, const tn_network *network, const char *file, const char *x_path,
                            const char *y_path, int64_t block_rows) {
  TN_TRY(tn_row_source_open_file(&stream->source, file, x_path, y_path, NULL, network->loss));
  TN_TRY(check_fit(&stream->source, network));
  stream->source.class_count = network->outputs;
  return tn_row_arrays_allocate(&stream->arrays, &stream->block, &stream->source, block_rows, false);
}

tn_status tn_row_stream_open(tn_row_stream *stream, const tn_comm *comm, const tn_network *network, const char *file,
                             const char *x_path, const char *y_path, int64_t block_rows) {
  *stream = (tn_row_stream){0};
  tn_status status = tn_comm_agree(comm, open_local(stream, network, file, x_path, y_path, block_rows));
  if (status == TN_OK) {
    const uint64_t rows = (uint64_t)stream->source.rows;
    status = tn_comm_check_equal(comm, &rows, 1, "the number of rows");
  }
  if (status != TN_OK)
    tn_row_stream_close(stream);
  return status;
}

void tn_row_stream_close(tn_row_stream *stream) {
  tn_row_source_close(&stream->source);
  tn_free(&stream->block);
}

tn_status tn_row_stream_read(tn_row_stream *stream, int64_t first, int64_t count, tn_targets *targets) {
  TN_TRY(tn_row_source_read(&stream->source, first, count, &stream->arrays));
  *targets = (tn_targets){.labels = stream->arrays.labels, .values = stream->arrays.values};
  return TN_OK;
}

void tn_row_stream_input(const tn_row_stream *stream, const tn_checkpoint *checkpoint, int64_t count, float *input) {
  const tn_row_source *source = &stream->source;
  const int64_t row_bytes = source->inputs * tn_element_size(source->element);
  for (int64_t i = 0; i < count; i++)
    tn_kernel_convert(source->element, source->inputs, stream->arrays.features + i * row_bytes, checkpoint->input_scale,
                      checkpoint->input_shift, input + i * source->inputs);
}
