#include "nn/augment.h"

#include "base/memory.h"
#include "math/kernels.h"
#include "math/random.h"
#include "math/warp.h"

#include <math.h>
#include <string.h>

#define RADIANS (3.14159265358979323846 / 180)

struct tn_augment {
  tn_augment_config config;
  uint64_t seed;
  int64_t inputs, outputs;
  float *scratch;   /* an image with its rim, a row's noise, or a row that waits for the end of its cycle */
  int32_t *partner; /* (max_rows), of mixed rows, as all below */
  int32_t *partner_labels;
  float *shares;
  int32_t *cycles; /* the first row of each cycle of the permutation */
};

static bool warps(const tn_augment_config *config) {
  return config->shift > 0 || config->rotate > 0;
}

bool tn_augment_is_asked(const tn_augment_config *config) {
  return warps(config) || config->mixup > 0 || config->noise > 0;
}

bool tn_augment_takes_stored_rows(const tn_augment *augment) {
  return augment != NULL && warps(&augment->config);
}

static tn_status check_shape(const tn_image_shape *shape, int64_t inputs) {
  const int64_t values = shape->rows * shape->cols * shape->channels;
  if (values == inputs)
    return TN_OK;
  return tn_fail(
      TN_ERR_CONFIG,
      "augment.shape = %lldx%lldx%lld is an image of %lld values, but the rows have %lld features: write the "
      "shape of the images in the rows",
      (long long)shape->rows, (long long)shape->cols, (long long)shape->channels, (long long)values, (long long)inputs);
}

static int64_t larger(int64_t a, int64_t b) {
  return a > b ? a : b;
}

static tn_status allocate(tn_augment *augment, int64_t max_rows) {
  const int64_t width = larger(augment->inputs, augment->outputs);
  const int64_t image = warps(&augment->config) ? tn_warp_scratch(augment->config.shape) : 0;
  TN_TRY(tn_alloc(&augment->scratch, larger(width, image), sizeof(float), "a row to augment"));
  if (augment->config.mixup <= 0)
    return TN_OK;
  TN_TRY(tn_alloc(&augment->partner, max_rows, sizeof(int32_t), "partners of mixed rows"));
  TN_TRY(tn_alloc(&augment->partner_labels, max_rows, sizeof(int32_t), "labels of mixed rows"));
  TN_TRY(tn_alloc(&augment->shares, max_rows, sizeof(float), "shares of mixed rows"));
  return tn_alloc(&augment->cycles, max_rows, sizeof(int32_t), "cycles of mixed rows");
}

tn_status tn_augment_create(tn_augment **augment, const tn_augment_config *config, uint64_t seed, int64_t inputs,
                            int64_t outputs, int64_t max_rows) {
  *augment = NULL;
  if (warps(config))
    TN_TRY(check_shape(&config->shape, inputs));
  TN_TRY(tn_alloc(augment, 1, sizeof **augment, "the augmentation"));
  **augment = (tn_augment){.config = *config, .seed = seed, .inputs = inputs, .outputs = outputs};
  const tn_status status = allocate(*augment, max_rows);
  if (status != TN_OK)
    tn_augment_destroy(augment);
  return status;
}

void tn_augment_destroy(tn_augment **augment) {
  if (*augment == NULL)
    return;
  tn_free(&(*augment)->scratch);
  tn_free(&(*augment)->partner);
  tn_free(&(*augment)->partner_labels);
  tn_free(&(*augment)->shares);
  tn_free(&(*augment)->cycles);
  tn_free(augment);
}

static tn_place place_of(const tn_augment *augment, const tn_augment_batch *batch, uint32_t purpose, int64_t row) {
  return tn_place_make(augment->seed, TN_STREAM_AUGMENT, batch->replica, purpose, batch->step,
                       (uint64_t)(batch->first_row + row));
}

static void warp_row(const tn_augment *augment, const tn_augment_batch *batch, int64_t row) {
  const tn_augment_config *config = &augment->config;
  float uniform[3];
  tn_random_uniform(place_of(augment, batch, TN_AUGMENT_WARP, row), 0, 3, uniform);
  const tn_warp warp = {.row_shift = config->shift * (2 * (double)uniform[0] - 1),
                        .col_shift = config->shift * (2 * (double)uniform[1] - 1),
                        .angle = config->rotate * RADIANS * (2 * (double)uniform[2] - 1)};
  tn_warp_image(config->shape, &warp, batch->scale, batch->shift, augment->scratch,
                batch->input + row * augment->inputs);
}

static void add_noise(const tn_augment *augment, const tn_augment_batch *batch, int64_t row) {
  tn_random_normal(place_of(augment, batch, TN_AUGMENT_NOISE, row), 0, augment->inputs, augment->scratch);
  tn_kernel_add_scaled(augment->inputs, (float)augment->config.noise, augment->scratch,
                       batch->input + row * augment->inputs);
}

/* A cycle begins at its lowest row. Returns how many there are. */
static int64_t find_cycles(const tn_augment *augment, int64_t rows) {
  int64_t count = 0;
  for (int64_t i = 0; i < rows; i++) {
    int64_t lowest = i;
    for (int64_t j = augment->partner[i]; j != i && lowest == i; j = augment->partner[j])
      lowest = j < i ? j : i;
    if (lowest == i)
      augment->cycles[count++] = (int32_t)i;
  }
  return count;
}

/* Mixes each row of x (rows, cols) with its partner, from row to partner around each cycle: the first one, which is the
 * last one's partner, waits in the scratch. */
static void mix_array(const tn_augment *augment, int64_t cycles, int64_t cols, float *x) {
  for (int64_t c = 0; c < cycles && x != NULL; c++) {
    const int64_t first = augment->cycles[c];
    memcpy(augment->scratch, x + first * cols, (size_t)cols * sizeof *x);
    for (int64_t i = first, next;; i = next) {
      next = augment->partner[i];
      tn_kernel_mix(cols, augment->shares[i], next == first ? augment->scratch : x + next * cols, x + i * cols);
      if (next == first)
        break;
    }
  }
}

static void mix(const tn_augment *augment, const tn_augment_batch *batch, tn_targets *targets) {
  const tn_permutation partners =
      tn_permutation_from(place_of(augment, batch, TN_AUGMENT_PARTNERS, 0), (uint64_t)batch->rows);
  for (int64_t i = 0; i < batch->rows; i++) {
    const tn_place place = place_of(augment, batch, TN_AUGMENT_SHARE, i);
    augment->partner[i] = (int32_t)tn_permutation_at(&partners, (uint64_t)i);
    augment->shares[i] = (float)tn_random_beta(place, augment->config.mixup);
    augment->partner_labels[i] = batch->labels == NULL ? 0 : batch->labels[augment->partner[i]];
  }
  const int64_t cycles = find_cycles(augment, batch->rows);
  mix_array(augment, cycles, augment->inputs, batch->input);
  mix_array(augment, cycles, augment->outputs, batch->values);
  mix_array(augment, cycles, 1, batch->weights);
  targets->partner_labels = augment->partner_labels;
  targets->shares = augment->shares;
}

void tn_augment_apply(const tn_augment *augment, const tn_augment_batch *batch, tn_targets *targets) {
  for (int64_t i = 0; i < batch->rows && warps(&augment->config); i++)
    warp_row(augment, batch, i);
  if (augment->config.mixup > 0 && batch->rows > 0)
    mix(augment, batch, targets);
  for (int64_t i = 0; i < batch->rows && augment->config.noise > 0; i++)
    add_noise(augment, batch, i);
}
