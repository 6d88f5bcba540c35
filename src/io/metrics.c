#include "io/metrics.h"

#include "base/memory.h"
#include "io/metrics_rows.h"

#include <math.h>
#include <string.h>

tn_status tn_metrics_create(tn_metrics **metrics) {
  return tn_alloc(metrics, 1, sizeof **metrics, "metrics");
}

/* The strings of a description are this library's own, whatever their type says. */
static void free_about(tn_metrics_about *about) {
  tn_free(&about->config_text);
  tn_free(&about->mpi_version);
  tn_free(&about->blas_version);
  tn_free(&about->start_time);
  tn_free(&about->host_names);
  tn_free(&about->job.id);
  tn_free(&about->job.nodes);
}

void tn_metrics_destroy(tn_metrics **metrics_address) {
  tn_metrics *metrics = *metrics_address;
  if (!metrics)
    return;
  free_about(&metrics->about);
  tn_metrics_free_starts(metrics);
  tn_free(&metrics->steps);
  tn_free(&metrics->times);
  tn_free(&metrics->rates);
  tn_free(&metrics->epochs);
  tn_free(metrics_address);
}

static tn_status copy_text(const char **copy, const char *text) {
  char *own = NULL;
  const tn_status status = tn_string_copy(&own, text ? text : "");
  *copy = own;
  return status;
}

static tn_status copy_names(tn_metrics_about *copy, const tn_metrics_about *about) {
  char *own = NULL;
  TN_TRY(tn_alloc(&own, about->ranks, (size_t)about->host_name_size, "host names"));
  if (about->host_names)
    memcpy(own, about->host_names, (size_t)(about->ranks * about->host_name_size));
  copy->host_names = own;
  return TN_OK;
}

static tn_status copy_about(tn_metrics_about *copy, const tn_metrics_about *about) {
  TN_TRY(copy_text(&copy->config_text, about->config_text));
  TN_TRY(copy_text(&copy->mpi_version, about->mpi_version));
  TN_TRY(copy_text(&copy->blas_version, about->blas_version));
  TN_TRY(copy_text(&copy->start_time, about->start_time));
  TN_TRY(copy_text(&copy->job.id, about->job.id));
  TN_TRY(copy_text(&copy->job.nodes, about->job.nodes));
  return copy_names(copy, about);
}

tn_status tn_metrics_describe(tn_metrics *metrics, const tn_metrics_about *about) {
  tn_metrics_about copy = {.ranks = about->ranks,
                           .replicas = about->replicas,
                           .threads = about->threads,
                           .host_name_size = about->host_name_size,
                           .job.restarts = about->job.restarts};
  const tn_status status = copy_about(&copy, about);
  if (status != TN_OK) {
    free_about(&copy);
    return status;
  }
  free_about(&metrics->about);
  metrics->about = copy;
  return TN_OK;
}

/* Rooms double, so that many rows are cheap. */
static int64_t larger_room(int64_t room, int64_t wanted) {
  return wanted > 2 * room ? wanted : 2 * room;
}

/* Copies the times of `epochs` epochs from rows of `from_ranks` to wider ones, NaN where a rank was absent. */
static void widen(const tn_rank_times *from, int64_t from_ranks, tn_rank_times *to, int64_t to_ranks, int64_t epochs) {
  const tn_rank_times absent = {NAN, NAN, NAN, NAN};
  for (int64_t i = 0; i < epochs; i++)
    for (int64_t j = 0; j < to_ranks; j++)
      to[i * to_ranks + j] = j < from_ranks ? from[i * from_ranks + j] : absent;
}

/* Room for the rates of so many epochs; the rates of new ones are NaN. */
static tn_status move_rates(tn_metrics *metrics, int64_t room) {
  const int64_t there = metrics->rates ? metrics->epoch_count * metrics->places : 0;
  double *rates = NULL;
  if (metrics->places == 0)
    return TN_OK;
  TN_TRY(tn_alloc(&rates, room * metrics->places, sizeof *rates, "the rates of epochs"));
  for (int64_t i = 0; i < room * metrics->places; i++)
    rates[i] = i < there ? metrics->rates[i] : NAN;
  tn_free(&metrics->rates);
  metrics->rates = rates;
  return TN_OK;
}

tn_status tn_metrics_track_rates(tn_metrics *metrics, int places) {
  if (metrics->rates && metrics->places == places)
    return TN_OK;
  tn_free(&metrics->rates);
  metrics->places = places;
  return move_rates(metrics, metrics->epoch_room > 0 ? metrics->epoch_room : 1);
}

void tn_metrics_set_rates(tn_metrics *metrics, const double *rates) {
  memcpy(metrics->rates + (metrics->epoch_count - 1) * metrics->places, rates, (size_t)metrics->places * sizeof *rates);
}

tn_status tn_metrics_reserve_epochs(tn_metrics *metrics, int64_t epochs, int64_t ranks) {
  if (epochs <= metrics->epoch_room && ranks <= metrics->ranks)
    return TN_OK;
  const int64_t width = ranks > metrics->ranks ? ranks : metrics->ranks;
  const int64_t room = epochs > metrics->epoch_room ? larger_room(metrics->epoch_room, epochs) : metrics->epoch_room;
  tn_epoch_row *rows = NULL;
  tn_rank_times *times = NULL;
  tn_status status = tn_alloc(&rows, room, sizeof *rows, "the metrics of epochs");
  if (status == TN_OK && width > 0)
    status = tn_alloc(&times, room, (size_t)width * sizeof *times, "the times of ranks");
  if (status == TN_OK)
    status = move_rates(metrics, room);
  if (status != TN_OK) {
    tn_free(&rows);
    tn_free(&times);
    return status;
  }
  if (metrics->epoch_count > 0)
    memcpy(rows, metrics->epochs, (size_t)metrics->epoch_count * sizeof *rows);
  widen(metrics->times, metrics->ranks, times, width, metrics->epoch_count);
  tn_free(&metrics->epochs);
  tn_free(&metrics->times);
  metrics->epochs = rows;
  metrics->times = times;
  metrics->epoch_room = room;
  metrics->ranks = width;
  return TN_OK;
}

tn_status tn_metrics_reserve_steps(tn_metrics *metrics, int64_t steps) {
  if (steps <= metrics->step_room)
    return TN_OK;
  const int64_t room = larger_room(metrics->step_room, steps);
  tn_step_row *rows = NULL;
  TN_TRY(tn_alloc(&rows, room, sizeof *rows, "the metrics of steps"));
  if (metrics->step_count > 0)
    memcpy(rows, metrics->steps, (size_t)metrics->step_count * sizeof *rows);
  tn_free(&metrics->steps);
  metrics->steps = rows;
  metrics->step_room = room;
  return TN_OK;
}

tn_status tn_metrics_add_epoch(tn_metrics *metrics, const tn_epoch_row *row, const tn_rank_times *times, int ranks) {
  TN_TRY(tn_metrics_reserve_epochs(metrics, metrics->epoch_count + 1, ranks));
  const int64_t index = metrics->epoch_count++;
  metrics->epochs[index] = *row;
  widen(times, ranks, metrics->times + index * metrics->ranks, metrics->ranks, 1);
  for (int64_t i = 0; i < metrics->places; i++)
    metrics->rates[index * metrics->places + i] = NAN;
  return TN_OK;
}

tn_status tn_metrics_add_step(tn_metrics *metrics, const tn_step_row *row) {
  TN_TRY(tn_metrics_reserve_steps(metrics, metrics->step_count + 1));
  metrics->steps[metrics->step_count++] = *row;
  return TN_OK;
}

const tn_metrics_job *tn_metrics_job_of(const tn_metrics *metrics) {
  return &metrics->about.job;
}

int64_t tn_metrics_epoch_count(const tn_metrics *metrics) {
  return metrics->epoch_count;
}

int64_t tn_metrics_step_count(const tn_metrics *metrics) {
  return metrics->step_count;
}

const tn_epoch_row *tn_metrics_epochs(const tn_metrics *metrics) {
  return metrics->epochs;
}

const tn_step_row *tn_metrics_steps(const tn_metrics *metrics) {
  return metrics->steps;
}

const double *tn_metrics_rates(const tn_metrics *metrics, int *places) {
  *places = (int)metrics->places;
  return metrics->rates;
}
