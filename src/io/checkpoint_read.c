#include "base/memory.h"
#include "io/checkpoint_layout.h"
#include "io/sealed.h"
#include "nn/learned.h"

#include <stdio.h>
#include <string.h>

/* A copy of a stored text in a buffer of fixed size. */
static tn_status load_short_text(const tn_h5_file *file, const char *name, char *buffer, size_t size) {
  char *text = NULL;
  TN_TRY(tn_h5_load_text(file, "/", name, &text));
  tn_status status = TN_OK;
  if (strlen(text) >= size)
    status = tn_fail(TN_ERR_DAMAGED, "%s: attribute %s has more than %zu bytes", file->name, name, size - 1);
  else
    memcpy(buffer, text, strlen(text) + 1);
  tn_free(&text);
  return status;
}

static tn_status load_input(const tn_h5_file *file, tn_checkpoint *checkpoint, int64_t *inputs) {
  TN_TRY(tn_h5_load_shape(file, "/input/scale", TN_H5_FLOAT32, 1, inputs));
  TN_TRY(tn_alloc(&checkpoint->input_scale, *inputs, sizeof(float), "the input's scale"));
  TN_TRY(tn_alloc(&checkpoint->input_shift, *inputs, sizeof(float), "the input's shift"));
  TN_TRY(tn_h5_load_array(file, "/input/scale", TN_H5_FLOAT32, 1, inputs, checkpoint->input_scale));
  return tn_h5_load_array(file, "/input/shift", TN_H5_FLOAT32, 1, inputs, checkpoint->input_shift);
}

/* The network is the configuration's; nothing of its size is allocated here. */
static tn_status build_network(const tn_h5_file *file, tn_checkpoint *checkpoint, int64_t inputs) {
  tn_config *config = NULL;
  TN_TRY(tn_alloc(&config, 1, sizeof *config, "a configuration"));
  tn_config_defaults(config);
  tn_status status = tn_config_read_text(config, checkpoint->config_text, "its configuration");
  if (status == TN_OK)
    status = tn_network_create(&checkpoint->network, &config->model, &config->dropout, inputs);
  tn_free(&config);
  if (status == TN_ERR_CONFIG)
    return tn_fail_in(TN_ERR_DAMAGED, "%s", file->name);
  return status;
}

/* Before memory is taken for a network that the configuration alone speaks of. */
static tn_status check_network(const tn_h5_file *file, const tn_network *network) {
  const int64_t values = network->parameter_count + network->statistic_count;
  if (values > file->bytes / (int64_t)sizeof(float))
    return tn_fail(TN_ERR_DAMAGED, "%s: its configuration tells of %lld parameters, the file has no room for them",
                   file->name, (long long)values);
  return TN_OK;
}

/* A block, of which the file holds the first `count` tensors below `root`; the others are zeros. */
static tn_status load_block(const tn_h5_file *file, const char *root, const tn_network *network, int count,
                            float **block) {
  TN_TRY(tn_alloc(block, network->block_size, sizeof(float), "the parameters of a checkpoint"));
  for (int i = 0; i < count; i++) {
    const tn_tensor *tensor = &network->tensors[i];
    char path[TN_CHECKPOINT_PATH];
    int64_t shape[2];
    snprintf(path, sizeof path, "%s/%s", root, tensor->name);
    const int rank = tn_tensor_shape(tensor, shape);
    TN_TRY(tn_h5_load_array(file, path, TN_H5_FLOAT32, rank, shape, *block + tensor->offset));
  }
  return TN_OK;
}

static tn_status check_digest(const tn_h5_file *file, tn_checkpoint *checkpoint) {
  char stored[TN_DIGEST_SIZE];
  TN_TRY(load_short_text(file, "digest", stored, sizeof stored));
  tn_checkpoint_digest(checkpoint->network, checkpoint->parameters, checkpoint->digest);
  if (strcmp(stored, checkpoint->digest) != 0)
    return tn_fail(TN_ERR_DAMAGED, "%s: its parameters have the digest %s, its attribute says %s", file->name,
                   checkpoint->digest, stored);
  return TN_OK;
}

static tn_status load_states(const tn_h5_file *file, tn_checkpoint *checkpoint) {
  char name[TN_STATE_NAME_SIZE], root[TN_CHECKPOINT_PATH / 2];
  for (int i = 0; i < TN_OPTIMIZER_STATES_MAX && tn_h5_load_name(file, "/optimizer", i, name, sizeof name); i++) {
    char *copy = NULL;
    TN_TRY(tn_string_copy(&copy, name));
    checkpoint->state_names[i] = copy;
    checkpoint->state_count = i + 1;
    snprintf(root, sizeof root, "/optimizer/%s", name);
    TN_TRY(load_block(file, root, checkpoint->network, tn_network_trained_tensors(checkpoint->network),
                      &checkpoint->states[i]));
  }
  return TN_OK;
}

static tn_status load_progress(const tn_h5_file *file, tn_progress *progress) {
  TN_PROGRESS_FIELD_TABLE(fields);
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    void *value = (char *)progress + fields[i].offset;
    if (fields[i].kind == TN_H5_INT64)
      TN_TRY(tn_h5_load_int(file, "/progress", fields[i].name, value));
    else
      TN_TRY(tn_h5_load_real(file, "/progress", fields[i].name, value));
  }
  return TN_OK;
}

static tn_status load_all(const tn_h5_file *file, tn_checkpoint *checkpoint) {
  int64_t inputs = 0;
  TN_TRY(load_short_text(file, "thinnet_version", checkpoint->thinnet_version, sizeof checkpoint->thinnet_version));
  TN_TRY(tn_h5_load_text(file, "/", "config", &checkpoint->config_text));
  TN_TRY(load_input(file, checkpoint, &inputs));
  TN_TRY(build_network(file, checkpoint, inputs));
  TN_TRY(check_network(file, checkpoint->network));
  TN_TRY(load_block(file, "/model", checkpoint->network, checkpoint->network->tensor_count, &checkpoint->parameters));
  TN_TRY(check_digest(file, checkpoint));
  tn_learned_take(checkpoint->network, checkpoint->parameters);
  TN_TRY(load_states(file, checkpoint));
  return load_progress(file, &checkpoint->progress);
}

static tn_status read_checkpoint(tn_checkpoint **checkpoint, const char *path) {
  tn_h5_file file;
  TN_TRY(tn_sealed_open(&file, path, TN_CHECKPOINT_FORMAT, TN_CHECKPOINT_VERSION));
  tn_status status = tn_alloc(checkpoint, 1, sizeof **checkpoint, "a checkpoint");
  if (status == TN_OK)
    status = load_all(&file, *checkpoint);
  tn_sealed_close(&file);
  return status;
}

tn_status tn_checkpoint_read(tn_checkpoint **checkpoint, const char *path) {
  *checkpoint = NULL;
  const tn_h5_report report = tn_h5_silence();
  const tn_status status = read_checkpoint(checkpoint, path);
  if (status != TN_OK)
    tn_checkpoint_destroy(checkpoint);
  tn_h5_restore(report);
  return status;
}

void tn_checkpoint_forget_states(tn_checkpoint *checkpoint) {
  for (int i = 0; i < checkpoint->state_count; i++) {
    tn_free(&checkpoint->states[i]);
    tn_free(&checkpoint->state_names[i]);
  }
  checkpoint->state_count = 0;
}

void tn_checkpoint_destroy(tn_checkpoint **checkpoint_address) {
  tn_checkpoint *checkpoint = *checkpoint_address;
  if (!checkpoint)
    return;
  tn_checkpoint_forget_states(checkpoint);
  tn_free(&checkpoint->input_shift);
  tn_free(&checkpoint->input_scale);
  tn_free(&checkpoint->parameters);
  tn_network_destroy(&checkpoint->network);
  tn_free(&checkpoint->config_text);
  tn_free(checkpoint_address);
}
