/* tn_eval: loss and accuracy of a checkpoint over a data file of any size. */
#include "train/evaluate.h"
#include "train/loaded.h"

#include <math.h>
#include <thinnet/eval.h>

static const char *first_given(const char *a, const char *b, const char *c) {
  if (a && a[0])
    return a;
  return b && b[0] ? b : c;
}

static tn_status choose_data(const tn_config *config, const tn_eval_options *options, tn_eval_options *chosen) {
  if (!options->data_file && !options->x_path && !config->data.test_x[0])
    return tn_fail(TN_ERR_USAGE,
                   "the run's configuration names no test data (data.test_x, data.test_y): name a file, and -x and "
                   "-y for the datasets in it");
  *chosen = (tn_eval_options){.data_file = first_given(options->data_file, config->data.file, NULL),
                              .x_path = first_given(options->x_path, config->data.test_x, "/test/x"),
                              .y_path = first_given(options->y_path, config->data.test_y, "/test/y")};
  if (!chosen->data_file)
    return tn_fail(TN_ERR_USAGE, "the network was trained from arrays in memory: name a data file");
  return TN_OK;
}

static tn_status evaluate(const tn_comm *comm, const tn_loaded *loaded, const tn_eval_options *data,
                          tn_loss_sums *sums) {
  tn_row_stream stream;
  tn_evaluator evaluator;
  TN_TRY(tn_row_stream_open(&stream, comm, loaded, data->data_file, data->x_path, data->y_path, TN_BLOCK_ROWS));
  const tn_network *network = loaded->checkpoint->network;
  tn_status status = tn_comm_agree(comm, tn_evaluator_create(&evaluator, comm, network, stream.source.rows));
  if (status == TN_OK)
    status = tn_evaluator_run(&evaluator, loaded->checkpoint->parameters, tn_row_stream_fetch, &stream, sums);
  tn_evaluator_destroy(&evaluator);
  tn_row_stream_close(&stream);
  return status;
}

tn_status tn_eval(tn_comm *comm, const char *checkpoint_path, const tn_eval_options *options, tn_eval_result *result) {
  const tn_eval_options nothing = {0};
  tn_loaded loaded;
  tn_eval_options data = {0};
  tn_loss_sums sums = {0};
  TN_TRY(tn_loaded_open(&loaded, comm, checkpoint_path));
  tn_status status = choose_data(loaded.config, options ? options : &nothing, &data);
  if (status == TN_OK)
    status = evaluate(comm, &loaded, &data, &sums);
  if (status == TN_OK)
    *result = (tn_eval_result){.rows = sums.rows,
                               .loss = sums.loss / sums.weight,
                               .accuracy = tn_loss_has_accuracy(loaded.config->model.loss) ? sums.correct / sums.weight
                                                                                           : (double)NAN};
  tn_loaded_close(&loaded);
  return status;
}
