/* What the passes of a training step take, part by part, on all ranks at once: {"forward_s": ..., "masks_s": ...,
 * "loss_s": ..., "backward_s": ...}, seconds a step. "forward" contains the drawing of the masks, which
 * "masks" is alone; a run itself measures gather, reduction and update (/rank in its metrics). */
#include "bench_case.h"

#include "nn/dropout.h"
#include "nn/loss.h"

#include <stdlib.h>

enum { FORWARD, MASKS, LOSS, BACKWARD, PART_COUNT };

static void end_part(double *part, double *clock) {
  const double now = tn_comm_time_s();
  *part += now - *clock;
  *clock = now;
}

/* Draws all masks of a pass without applying them. */
static void draw_masks(const bench_case *c, const tn_mask_source *masks) {
  for (int layer = 0; layer < c->network->layer_count; layer++) {
    const tn_dropout dropout = tn_dropout_begin(c->network, masks, layer, c->workspace->factor);
    for (int64_t i = 0; i < c->rows; i++)
      tn_dropout_row(&dropout, i);
  }
}

static void step(const bench_case *c, uint64_t number, const tn_targets *targets, double *parts) {
  const tn_mask_source masks = {.seed = 1, .stream = TN_STREAM_MASK, .step = number};
  tn_loss_sums sums = {0};
  double clock = tn_comm_time_s();
  draw_masks(c, &masks);
  end_part(&parts[MASKS], &clock);
  float *z = tn_network_forward(c->network, c->parameters, c->workspace, c->rows, &masks);
  end_part(&parts[FORWARD], &clock);
  tn_loss_add(c->network->loss, c->rows, c->network->outputs, z, targets, true, &sums);
  end_part(&parts[LOSS], &clock);
  tn_network_backward(c->network, c->parameters, c->workspace, c->rows, c->gradient, false);
  end_part(&parts[BACKWARD], &clock);
}

/* Input dropout works in place: what it leaves is put back, as a gather would. */
static void refresh_input(const bench_case *c, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    c->workspace->input[i] = (float)(i % 255) / 255.0F;
}

int main(int argc, char **argv) {
  static const char *const names[PART_COUNT] = {"forward_s", "masks_s", "loss_s", "backward_s"};
  bench_case c = bench_case_create(argc, argv);
  int32_t *labels = calloc((size_t)c.rows, sizeof *labels);
  float *values = calloc((size_t)(c.rows * c.network->outputs), sizeof *values);
  if (!labels || !values)
    return 1;
  const tn_targets targets = {.labels = labels, .values = values};
  double parts[PART_COUNT] = {0};
  for (uint64_t i = 0; i < 3; i++)
    step(&c, i, &targets, parts);
  for (int i = 0; i < PART_COUNT; i++)
    parts[i] = 0;
  int64_t steps = 0;
  bench_case_start(&c);
  for (; bench_case_goes_on(&c); steps++) {
    refresh_input(&c, c.rows * c.network->inputs);
    step(&c, (uint64_t)steps, &targets, parts);
  }
  for (int i = 0; i < PART_COUNT; i++)
    parts[i] /= (double)steps;
  bench_case_print(&c, PART_COUNT, names, parts);
  free(labels);
  free(values);
  bench_case_destroy(&c);
  return 0;
}
