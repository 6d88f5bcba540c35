#include "io/checkpoint_layout.h"
#include "io/sealed.h"

#include <stdio.h>

/* The first `count` tensors of a block, each below `root`. */
static tn_status store_block(const tn_h5_file *file, const char *root, const tn_network *network, int count,
                             const float *block) {
  for (int i = 0; i < count; i++) {
    const tn_tensor *tensor = &network->tensors[i];
    char path[TN_CHECKPOINT_PATH];
    int64_t shape[2];
    snprintf(path, sizeof path, "%s/%s", root, tensor->name);
    const int rank = tn_tensor_shape(tensor, shape);
    TN_TRY(tn_h5_store_array(file, path, TN_H5_FLOAT32, rank, shape, block + tensor->offset));
  }
  return TN_OK;
}

static tn_status store_model(const tn_h5_file *file, const tn_network *network, const float *parameters) {
  TN_TRY(store_block(file, "/model", network, network->tensor_count, parameters));
  for (int i = 0; i < network->layer_count; i++) {
    const tn_layer *layer = &network->layers[i];
    const char *activation = tn_config_word("model.activation", (int)layer->activation);
    char path[TN_CHECKPOINT_PATH];
    snprintf(path, sizeof path, "/model/layer%d", i + 1);
    TN_TRY(tn_h5_store_text(file, path, "activation", activation ? activation : "unknown"));
    TN_TRY(tn_h5_store_real(file, path, "rate", layer->rate));
  }
  return TN_OK;
}

static tn_status store_input(const tn_h5_file *file, const tn_checkpoint *checkpoint) {
  const int64_t inputs = checkpoint->network->inputs;
  TN_TRY(tn_h5_store_array(file, "/input/scale", TN_H5_FLOAT32, 1, &inputs, checkpoint->input_scale));
  return tn_h5_store_array(file, "/input/shift", TN_H5_FLOAT32, 1, &inputs, checkpoint->input_shift);
}

static tn_status store_states(const tn_h5_file *file, const tn_checkpoint *checkpoint) {
  TN_TRY(tn_h5_store_group(file, "/optimizer"));
  for (int i = 0; i < checkpoint->state_count; i++) {
    char root[TN_CHECKPOINT_PATH / 2];
    snprintf(root, sizeof root, "/optimizer/%.*s", TN_STATE_NAME_SIZE - 1, checkpoint->state_names[i]);
    TN_TRY(store_block(file, root, checkpoint->network, tn_network_trained_tensors(checkpoint->network),
                       checkpoint->states[i]));
  }
  return TN_OK;
}

static tn_status store_progress(const tn_h5_file *file, const tn_progress *progress) {
  TN_PROGRESS_FIELD_TABLE(fields);
  TN_TRY(tn_h5_store_group(file, "/progress"));
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    const void *value = (const char *)progress + fields[i].offset;
    if (fields[i].kind == TN_H5_INT64)
      TN_TRY(tn_h5_store_int(file, "/progress", fields[i].name, *(const int64_t *)value));
    else
      TN_TRY(tn_h5_store_real(file, "/progress", fields[i].name, *(const double *)value));
  }
  return TN_OK;
}

static tn_status store_all(const tn_h5_file *file, const tn_checkpoint *checkpoint) {
  TN_TRY(tn_h5_store_text(file, "/", "config", checkpoint->config_text));
  TN_TRY(tn_h5_store_text(file, "/", "digest", checkpoint->digest));
  TN_TRY(store_model(file, checkpoint->network, checkpoint->parameters));
  TN_TRY(store_input(file, checkpoint));
  TN_TRY(store_states(file, checkpoint));
  return store_progress(file, &checkpoint->progress);
}

tn_status tn_checkpoint_write(tn_folder *folder, const char *name, tn_checkpoint *checkpoint) {
  tn_checkpoint_digest(checkpoint->network, checkpoint->parameters, checkpoint->digest);
  const tn_h5_report report = tn_h5_silence();
  tn_h5_file file;
  tn_status status = tn_sealed_create(&file, name, TN_CHECKPOINT_FORMAT, TN_CHECKPOINT_VERSION);
  if (status == TN_OK)
    status = store_all(&file, checkpoint);
  if (status == TN_OK)
    status = tn_sealed_write(&file, folder, name);
  tn_sealed_close(&file);
  tn_h5_restore(report);
  return status;
}
