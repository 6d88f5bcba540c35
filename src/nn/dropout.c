#include "nn/dropout.h"

#include "math/kernels.h"
#include "nn/patch.h"
#include "nn/standout.h"

#include <math.h>

/* -lambda alpha of selu */
#define SATURATION (-1.7580993408473766)

tn_alpha tn_alpha_of(double rate) {
  const double dropped = tn_drop_threshold(rate) / 65536.0, kept = 1 - dropped;
  const double a = 1 / sqrt(kept + SATURATION * SATURATION * kept * dropped), b = -a * dropped * SATURATION;
  return (tn_alpha){.factor = a, .dropped_shift = a * SATURATION + b, .kept_shift = b};
}

/* In time constants. */
static double elapsed(const tn_network *network, int64_t step) {
  return (double)step / (double)network->schedule_steps;
}

double tn_dropout_rate(const tn_network *network, int layer, int64_t step) {
  const double rate = layer == 0 ? network->input_rate : network->layers[layer - 1].rate;
  switch (network->rate_schedule) {
  case TN_RATE_CURRICULUM:
    return rate * -expm1(-elapsed(network, step));
  case TN_RATE_ANNEAL:
    return rate * exp(-elapsed(network, step));
  case TN_RATE_CONSTANT:
    break;
  }
  return rate;
}

bool tn_dropout_rates_change(const tn_network *network) {
  return network->rate_schedule != TN_RATE_CONSTANT || network->learns_rates;
}

bool tn_dropout_acts(const tn_network *network, int64_t step) {
  if (tn_standout_is_used(network, 1))
    return true;
  for (int layer = 0; layer < network->layer_count; layer++)
    if (tn_drop_threshold(tn_dropout_rate(network, layer, step)) > 0)
      return true;
  return false;
}

tn_place tn_dropout_place(const tn_mask_source *source, uint32_t layer, int64_t row) {
  const uint64_t place_row = source->first_row + (uint64_t)row;
  if (source->stream == TN_STREAM_MC)
    return tn_place_make(source->seed, TN_STREAM_MC, source->replica, layer, place_row >> 32, place_row & UINT32_MAX);
  return tn_place_make(source->seed, source->stream, source->replica, layer, source->step, place_row);
}

static void draw_units(const tn_dropout *dropout, tn_place place, int64_t units, int64_t group) {
  if (dropout->relaxed) {
    tn_random_concrete_factors(place, units, group, dropout->rate, dropout->network->learned.temperature,
                               dropout->factor);
    return;
  }
  switch (dropout->network->kind) {
  case TN_BERNOULLI:
  case TN_STANDOUT: /* of the input */
    tn_random_bernoulli_factors(place, units, group, dropout->rate, dropout->factor);
    break;
  case TN_GAUSSIAN:
    tn_random_gaussian_factors(place, units, group, dropout->rate, dropout->factor);
    break;
  case TN_DROPCONNECT: /* not with this file */
    break;
  case TN_ALPHA:
    tn_random_kept_factors(place, units, group, dropout->rate, dropout->kept_factor, dropout->factor);
    break;
  }
}

/* The input as an image. */
static void draw_image(const tn_dropout *dropout, tn_place place) {
  const tn_network *network = dropout->network;
  if (network->block > 0) {
    tn_patch_factors(place, &network->image, network->block, dropout->patch_probability, dropout->factor);
    return;
  }
  draw_units(dropout, place, network->image.channels, 1);
  tn_patch_spread_channels(&network->image, dropout->factor);
}

static bool is_image(const tn_dropout *dropout) {
  return dropout->layer == 0 && dropout->network->block != 1;
}

static void draw(const tn_dropout *dropout, int64_t row) {
  const tn_place place = tn_dropout_place(dropout->source, dropout->layer, row);
  if (is_image(dropout))
    draw_image(dropout, place);
  else
    draw_units(dropout, place, dropout->units, dropout->network->group);
}

static void prepare_alpha(tn_dropout *dropout) {
  const tn_alpha alpha = tn_alpha_of(dropout->rate);
  dropout->kept_factor = (float)alpha.factor;
  dropout->dropped_shift = (float)alpha.dropped_shift;
  dropout->kept_shift = (float)alpha.kept_shift;
}

tn_dropout tn_dropout_begin(const tn_network *network, const tn_mask_source *source, int layer, float *factor) {
  tn_dropout dropout = {.network = network, .source = source, .layer = (uint32_t)layer, .factor = factor};
  dropout.units = tn_network_units(network, layer);
  if (tn_standout_is_used(network, layer))
    return dropout;
  if (source == NULL || network->kind == TN_DROPCONNECT) /* nn/connect.h drops weights */
    return (tn_dropout){0};
  dropout.rate = tn_dropout_rate(network, layer, (int64_t)source->step);
  if (dropout.rate <= 0)
    return (tn_dropout){0};
  if (network->kind == TN_ALPHA)
    prepare_alpha(&dropout);
  if (is_image(&dropout) && network->block > 0)
    dropout.patch_probability = tn_patch_probability(&network->image, network->block, dropout.rate);
  dropout.relaxed = network->learns_rates && source->stream == TN_STREAM_MASK;
  dropout.shared = network->mask == TN_MASK_BATCH && source->stream != TN_STREAM_MC;
  if (dropout.shared)
    draw(&dropout, 0);
  return dropout;
}

const float *tn_dropout_row(const tn_dropout *dropout, int64_t row) {
  if (dropout->source == NULL)
    return NULL;
  if (!dropout->shared)
    draw(dropout, row);
  return dropout->factor;
}

void tn_dropout_shift(const tn_dropout *dropout, const float *factor, float *values) {
  if (factor != NULL && dropout->network->kind == TN_ALPHA)
    tn_kernel_add_shifts(dropout->units, factor, dropout->dropped_shift, dropout->kept_shift, values);
}
