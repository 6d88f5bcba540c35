#include "checkpoint_fixture.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(tn_status status) {
  if (status == TN_OK)
    return;
  fprintf(stderr, "checkpoint fixture: %s\n", tn_error_message());
  exit(1);
}

static void fill_block(const tn_network *network, float *block, int seed) {
  for (int i = 0; i < network->tensor_count; i++) {
    const tn_tensor *tensor = &network->tensors[i];
    for (int64_t k = 0; k < tensor->rows * tensor->cols; k++)
      block[tensor->offset + k] = sinf((float)(seed + 31 * i + (int)k)) * 1e-3f;
  }
  block[network->tensors[0].offset] = -0.0f; /* bits that comparing values would not tell apart */
}

static void configure(tn_config *config, const char *hidden) {
  char assignment[128];
  snprintf(assignment, sizeof assignment, "model.hidden=%s", hidden);
  tn_config_defaults(config);
  check(tn_config_set(config, assignment));
  check(tn_config_set(config, "model.outputs=4"));
  check(tn_config_set(config, "model.activation=tanh"));
  check(tn_config_set(config, "data.file=digits.h5"));
  if (hidden[0])
    check(tn_config_set(config, "dropout.hidden=0.25"));
}

void checkpoint_fixture_create(checkpoint_fixture *fixture, const char *hidden) {
  memset(fixture, 0, sizeof *fixture);
  configure(&fixture->config, hidden);
  fixture->config_text = tn_config_format(&fixture->config);
  check(tn_network_create(&fixture->network, &fixture->config.model, &fixture->config.dropout, FIXTURE_INPUTS));
  for (int i = 0; i < 3; i++) {
    check(tn_alloc(&fixture->blocks[i], fixture->network->block_size, sizeof(float), "a block"));
    fill_block(fixture->network, fixture->blocks[i], 100 * i);
  }
  for (int i = 0; i < FIXTURE_INPUTS; i++) {
    fixture->scale[i] = 1.0f / (float)(i + 3);
    fixture->shift[i] = (float)-i;
  }
}

void checkpoint_fixture_destroy(checkpoint_fixture *fixture) {
  for (int i = 0; i < 3; i++)
    tn_free(&fixture->blocks[i]);
  tn_network_destroy(&fixture->network);
  free(fixture->config_text);
}

#define SET_PROGRESS(type, name) progress.name = (type)++value + (type)0.5;

/* A different value in every field. */
static tn_progress some_progress(void) {
  tn_progress progress;
  memset(&progress, 0, sizeof progress);
  int value = 40;
  TN_PROGRESS_FIELDS(SET_PROGRESS)
  progress.best_value = NAN;
  progress.epoch = INT64_MAX;
  progress.valid_loss = -INFINITY;
  return progress;
}

tn_checkpoint checkpoint_fixture_view(checkpoint_fixture *fixture, int states) {
  return (tn_checkpoint){.config_text = fixture->config_text,
                         .network = fixture->network,
                         .parameters = fixture->blocks[0],
                         .input_scale = fixture->scale,
                         .input_shift = fixture->shift,
                         .state_count = states,
                         .state_names = {"m", "v"},
                         .states = {fixture->blocks[1], fixture->blocks[2]},
                         .progress = some_progress()};
}

void checkpoint_fixture_write(checkpoint_fixture *fixture, int states, const char *path, const char *name) {
  tn_folder *folder = NULL;
  tn_checkpoint checkpoint = checkpoint_fixture_view(fixture, states);
  check(tn_folder_open(&folder, path));
  check(tn_checkpoint_write(folder, name, &checkpoint));
  tn_folder_close(&folder);
}
