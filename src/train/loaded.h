/* A checkpoint, and a stream of rows for networks of its shape: what evaluation and prediction share. */
#ifndef TN_TRAIN_LOADED_H
#define TN_TRAIN_LOADED_H

#include "dist/comm.h"
#include "io/checkpoint.h"
#include "train/rows.h"

/* A checkpoint as every rank holds it, without its optimiser's state, and its configuration. */
typedef struct tn_loaded {
  const char *path; /* borrowed */
  tn_checkpoint *checkpoint;
  tn_config *config;
} tn_loaded;

/* Every rank reads the file; all must have read the same network. `path` is borrowed. Collective, agreed. */
tn_status tn_loaded_open(tn_loaded *loaded, const tn_comm *comm, const char *path);
void tn_loaded_close(tn_loaded *loaded);

/* Rows read block by block from a file. */
typedef struct tn_row_stream {
  tn_row_source source;
  tn_row_arrays arrays; /* one block of rows */
  void *block;
} tn_row_stream;

/* y_path NULL: no targets. block_rows: the most that tn_row_stream_read is asked for at a time. Collective, agreed:
 * all ranks must see the same number of rows, and features and targets must fit the network. */
tn_status tn_row_stream_open(tn_row_stream *stream, const tn_comm *comm, const tn_network *network, const char *file,
                             const char *x_path, const char *y_path, int64_t block_rows);
void tn_row_stream_close(tn_row_stream *stream);

/* Reads rows first..first+count-1, and points *targets at their targets. */
tn_status tn_row_stream_read(tn_row_stream *stream, int64_t first, int64_t count, tn_targets *targets);

/* The first `count` of the rows read last, as the checkpoint's network wants them: (count, inputs). */
void tn_row_stream_input(const tn_row_stream *stream, const tn_checkpoint *checkpoint, int64_t count, float *input);

#endif
