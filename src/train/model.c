/* A trained network in memory. */
#include "base/memory.h"
#include "io/checkpoint.h"
#include "math/kernels.h"
#include "nn/loss.h"
#include "train/evaluate.h"

#include <string.h>
#include <thinnet/model.h>

struct tn_model {
  tn_checkpoint *checkpoint;
  tn_workspace *workspace;
};

static tn_status load(tn_model *model, const char *path) {
  TN_TRY(tn_checkpoint_read(&model->checkpoint, path));
  return tn_workspace_create(&model->workspace, model->checkpoint->network, TN_BLOCK_ROWS, false);
}

tn_status tn_model_load(tn_model **model, const char *checkpoint_path) {
  TN_TRY(tn_alloc(model, 1, sizeof **model, "a model"));
  const tn_status status = load(*model, checkpoint_path);
  if (status != TN_OK)
    tn_model_destroy(model);
  return status;
}

void tn_model_destroy(tn_model **model) {
  if (!*model)
    return;
  tn_workspace_destroy(&(*model)->workspace);
  tn_checkpoint_destroy(&(*model)->checkpoint);
  tn_free(model);
}

int64_t tn_model_inputs(const tn_model *model) {
  return model->checkpoint->network->inputs;
}

int64_t tn_model_outputs(const tn_model *model) {
  return model->checkpoint->network->outputs;
}

const char *tn_model_digest(const tn_model *model) {
  return model->checkpoint->digest;
}

static void predict_block(const tn_model *model, int64_t rows, const float *x, float *y) {
  const tn_checkpoint *checkpoint = model->checkpoint;
  const tn_network *network = checkpoint->network;
  for (int64_t i = 0; i < rows; i++)
    tn_kernel_convert(TN_F32, network->inputs, x + i * network->inputs, checkpoint->input_scale,
                      checkpoint->input_shift, model->workspace->input + i * network->inputs);
  float *z = tn_network_forward(network, checkpoint->parameters, model->workspace, rows, NULL);
  tn_loss_output(network->loss, rows, network->outputs, z);
  memcpy(y, z, (size_t)(rows * network->outputs) * sizeof *y);
}

tn_status tn_model_predict(tn_model *model, int64_t rows, const float *x, float *y) {
  if (rows < 0 || (rows > 0 && (!x || !y)))
    return tn_fail(TN_ERR_USAGE, "tn_model_predict: needs rows >= 0 and arrays for them");
  for (int64_t first = 0; first < rows; first += TN_BLOCK_ROWS) {
    const int64_t rest = rows - first;
    predict_block(model, rest < TN_BLOCK_ROWS ? rest : TN_BLOCK_ROWS, x + first * tn_model_inputs(model),
                  y + first * tn_model_outputs(model));
  }
  return TN_OK;
}
