#include "dist/stall.h"

#include "base/log.h"
#include "base/stamp.h"
#include "dist/handle.h"
#include "dist/stall_files.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Looks a second at most, and eight times within the shorter of the two limits. */
#define LOOK_S_MAX         1.0
#define LOOKS              8
/* Who comes to look this many times later than planned has not run for a while, perhaps like all others here: it does
 * not judge how long they have been silent. */
#define LATE               3
/* The other nodes' files are read and this node's is written so often within the shorter limit, ... */
#define EXCHANGES          4
#define EXCHANGE_S_MAX     10.0
/* ... and a process that has not said that it lives for this share of the limit counts as stopped. */
#define SILENT_SHARE       0.5
/* Who ends the process is the rank that speaks. Where that does not end the job (srun), the others follow. */
#define FOLLOW_S           5.0
/* Of a rank that has left: it is never behind. */
#define COLLECTIVES_OF_ALL INT64_MAX

/* What the processes of a node share. */
typedef struct board {
  _Alignas(TN_ALIGNMENT) _Atomic int64_t written_ns; /* when one of them last wrote the node's file */
  _Atomic bool ends;                                 /* one of them has ended itself, and said why */
  tn_pulse pulses[];
} board;

struct tn_stall_guard {
  tn_comm *comm;
  tn_stall_options options;
  double limit_s; /* the shorter of the two that are not 0 */
  double look_s;
  tn_shared *shared;
  board *board;
  tn_member *members;     /* (size) */
  tn_sighting *sightings; /* (size) */
  char *text;             /* of the node's file */
  char *prefix;           /* of the files; NULL: there are none */
  int file;               /* the node's, open in this process; -1: not */

  pthread_t thread;
  pthread_mutex_t mutex; /* of what the thread and tn_stall_share use */
  pthread_cond_t wakes;
  bool runs, stops;
  int64_t warned;      /* number of the collective that was warned about; 0: none */
  double warned_s;     /* how long the wait in it was, as far as is known */
  int64_t surveyed_ns; /* when the other nodes were last looked at */
};

static double seconds_between(int64_t from_ns, int64_t to_ns) {
  return 1e-9 * (double)(to_ns - from_ns);
}

static int64_t load(const _Atomic int64_t *value) {
  return atomic_load_explicit(value, memory_order_relaxed);
}

static void store(_Atomic int64_t *value, int64_t content) {
  atomic_store_explicit(value, content, memory_order_relaxed);
}

static double silent_limit_s(const tn_stall_guard *guard) {
  return SILENT_SHARE * guard->limit_s;
}

static double look_s(double limit_s) {
  const double share = limit_s / LOOKS;
  return share < LOOK_S_MAX ? share : LOOK_S_MAX;
}

static double exchange_s(const tn_stall_guard *guard) {
  const double share = guard->limit_s / EXCHANGES;
  return share < EXCHANGE_S_MAX ? share : EXCHANGE_S_MAX;
}

static tn_sighting see(const tn_pulse *pulse, int64_t now_ns) {
  const int64_t collectives = load(&pulse->collectives);
  const bool has_left = collectives == COLLECTIVES_OF_ALL;
  return (tn_sighting){.known = true,
                       .collectives = collectives,
                       .step = load(&pulse->step),
                       .changed_s = seconds_between(load(&pulse->changed_ns), now_ns),
                       .silent_s = has_left ? 0.0 : seconds_between(load(&pulse->alive_ns), now_ns),
                       .phase = atomic_load_explicit(&pulse->phase, memory_order_relaxed),
                       .waits = atomic_load_explicit(&pulse->waits, memory_order_relaxed)};
}

static int own_lead(const tn_stall_guard *guard) {
  return guard->members[guard->comm->rank].lead;
}

static void survey_node(tn_stall_guard *guard, int64_t now_ns) {
  for (int r = own_lead(guard); r < guard->comm->size; r++)
    if (guard->members[r].lead == own_lead(guard))
      guard->sightings[r] = see(&guard->board->pulses[guard->members[r].node_rank], now_ns);
}

static void survey_others(tn_stall_guard *guard) {
  const int size = guard->comm->size;
  for (int r = 0; r < size; r++) {
    const int lead = guard->members[r].lead;
    if (lead == own_lead(guard))
      continue;
    guard->sightings[r].known = lead == r ? false : guard->sightings[r].known;
    if (lead == r && guard->prefix)
      tn_stall_file_read(guard->prefix, lead, guard->members, size, guard->sightings);
  }
}

/* The node's first rank writes its file; where that one is stopped, the next one does, and so on. */
static void tell_others(tn_stall_guard *guard, int64_t now_ns) {
  const tn_comm *comm = guard->comm;
  const double age_s = seconds_between(load(&guard->board->written_ns), now_ns);
  if (!guard->prefix || age_s < exchange_s(guard) * (1 + comm->node_rank))
    return;
  store(&guard->board->written_ns, now_ns);
  if (guard->file < 0)
    guard->file = tn_stall_file_open(guard->prefix, own_lead(guard), false);
  if (guard->file < 0)
    return;
  survey_node(guard, now_ns);
  tn_stall_file_write(guard->file, guard->sightings, guard->members, comm->size, own_lead(guard), guard->text);
}

/* "rank 0 has waited 30.0 s in step 7, reduce, for rank 2 on HOST (...)" */
static void describe(const tn_stall_guard *guard, const tn_verdict *verdict, tn_text *text) {
  const int rank = guard->comm->rank;
  const tn_sighting *self = &guard->sightings[rank];
  tn_text_add(text, "rank %d has waited %.1f s in step %lld, %s, for ", rank, self->changed_s, (long long)self->step,
              tn_phase_name(self->phase));
  tn_stall_list(text, guard->sightings, guard->members, guard->comm->size, rank, verdict, silent_limit_s(guard));
}

static void say(const tn_stall_guard *guard, const char *text) {
  if (guard->options.on_warning)
    guard->options.on_warning(guard->options.context, text);
  else
    tn_warn("%s", text);
}

static void warn(tn_stall_guard *guard, const tn_verdict *verdict) {
  char buffer[TN_MESSAGE_MAX];
  tn_text text = tn_text_over(buffer, sizeof buffer);
  describe(guard, verdict, &text);
  if (guard->options.abort_s > 0.0)
    tn_text_add(&text, "; the run ends when nothing changes for parallel.stall_abort_s = %g s", guard->options.abort_s);
  else
    tn_text_add(&text, "; it waits on (parallel.stall_abort_s = 0)");
  say(guard, buffer);
}

/* The main thread sits in MPI and cannot end the run; the launcher ends the other ranks when this one is gone. */
static _Noreturn void end_process(const tn_stall_guard *guard, const tn_verdict *verdict) {
  char buffer[TN_MESSAGE_MAX];
  atomic_store(&guard->board->ends, true);
  tn_text text = tn_text_over(buffer, sizeof buffer);
  describe(guard, verdict, &text);
  fprintf(stderr,
          "thinnet: error: %s; nothing has changed for parallel.stall_abort_s = %g s: the run ends here, the last "
          "checkpoint is kept: see to that rank's machine, and start again with --resume\n",
          buffer, guard->options.abort_s);
  fflush(stdout);
  _exit(EXIT_FAILURE);
}

static void say_that_it_is_over(tn_stall_guard *guard) {
  char buffer[128];
  snprintf(buffer, sizeof buffer, "the wait is over after %.1f s: rank %d goes on", guard->warned_s, guard->comm->rank);
  say(guard, buffer);
  guard->warned = 0;
}

static bool somebody_lower_speaks(const tn_stall_guard *guard) {
  return tn_stall_judge(guard->sightings, guard->comm->size, guard->comm->rank, silent_limit_s(guard)).speaker <
         guard->comm->rank;
}

/* This rank waits for too long: warns, or ends the process, where that is this rank's to do. What other nodes say costs
 * file accesses: only the rank that speaks for its node asks for it, and not at every look. */
static void act(tn_stall_guard *guard, double waited_s, int64_t collective, int64_t now_ns) {
  const tn_stall_options *options = &guard->options;
  const bool follows = options->abort_s > 0.0 && waited_s >= options->abort_s + FOLLOW_S;
  const bool has_other_nodes = guard->comm->node_size < guard->comm->size;
  if ((somebody_lower_speaks(guard) || atomic_load(&guard->board->ends)) && !follows)
    return;
  if (has_other_nodes && seconds_between(guard->surveyed_ns, now_ns) >= exchange_s(guard)) {
    guard->surveyed_ns = now_ns;
    survey_others(guard);
  }
  const tn_verdict verdict =
      tn_stall_judge(guard->sightings, guard->comm->size, guard->comm->rank, silent_limit_s(guard));
  if (verdict.speaker != guard->comm->rank && !follows)
    return;
  if (options->abort_s > 0.0 && verdict.still_s >= options->abort_s)
    end_process(guard, &verdict);
  if (options->warning_s > 0.0 && waited_s >= options->warning_s && guard->warned != collective) {
    guard->warned = collective;
    warn(guard, &verdict);
  }
}

static void look(tn_stall_guard *guard) {
  const int64_t now_ns = tn_pulse_clock_ns();
  tn_pulse *own = guard->comm->pulse;
  const bool is_late = seconds_between(load(&own->alive_ns), now_ns) > LATE * guard->look_s;
  store(&own->alive_ns, now_ns);
  if (is_late)
    return;
  tell_others(guard, now_ns);
  survey_node(guard, now_ns);
  const tn_sighting *self = &guard->sightings[guard->comm->rank];
  const bool still_waits = self->waits && self->collectives == guard->warned;
  if (guard->warned && !still_waits)
    say_that_it_is_over(guard);
  if (self->waits && self->changed_s >= guard->limit_s)
    act(guard, self->changed_s, self->collectives, now_ns);
  guard->warned_s = self->changed_s;
}

static struct timespec after(double seconds) {
  const int64_t when_ns = tn_pulse_clock_ns() + (int64_t)(1e9 * seconds);
  return (struct timespec){.tv_sec = when_ns / 1000000000, .tv_nsec = when_ns % 1000000000};
}

static void *watch(void *argument) {
  tn_stall_guard *guard = argument;
  pthread_mutex_lock(&guard->mutex);
  while (!guard->stops) {
    const struct timespec next = after(guard->look_s);
    int woken = 0;
    while (!guard->stops && woken != ETIMEDOUT)
      woken = pthread_cond_timedwait(&guard->wakes, &guard->mutex, &next);
    if (!guard->stops)
      look(guard);
  }
  pthread_mutex_unlock(&guard->mutex);
  return NULL;
}

/* Signals are the main thread's: the new one inherits a mask that holds them all off. */
static tn_status start_thread(tn_stall_guard *guard) {
  pthread_condattr_t attributes;
  sigset_t all;
  sigset_t before;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&guard->wakes, &attributes);
  pthread_condattr_destroy(&attributes);
  pthread_mutex_init(&guard->mutex, NULL);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int reason = pthread_create(&guard->thread, NULL, watch, guard);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  guard->runs = reason == 0;
  if (guard->runs)
    return TN_OK;
  return tn_fail_errno(TN_ERR_MEMORY, reason,
                       "the watchdog's thread cannot be started (raise the limit of processes, or set "
                       "parallel.stall_warning_s = 0 and parallel.stall_abort_s = 0)");
}

static tn_status allocate(tn_stall_guard *guard) {
  const int size = guard->comm->size;
  TN_TRY(tn_alloc(&guard->members, size, sizeof *guard->members, "the watchdog's list of ranks"));
  TN_TRY(tn_alloc(&guard->sightings, size, sizeof *guard->sightings, "what the watchdog sees"));
  return tn_alloc(&guard->text, (int64_t)tn_stall_file_bytes(guard->comm->node_size), 1, "the watchdog's file");
}

/* Collective. Who is on which node. */
static void find_members(tn_stall_guard *guard) {
  const tn_comm *comm = guard->comm;
  tn_member mine = {.lead = comm->rank, .node_rank = comm->node_rank};
  if (comm->node_size > 1)
    MPI_Bcast(&mine.lead, 1, MPI_INT, 0, comm->node);
  tn_stamp_host(mine.host, sizeof mine.host);
  tn_comm_all_gather(comm, &mine, (int64_t)sizeof mine, guard->members);
}

/* Collective, agreed. From its end on every rank's pulse is on its node's board. */
static tn_status share_pulses(tn_stall_guard *guard) {
  assert(guard); /* all ranks have agreed that it was allocated */
  tn_comm *comm = guard->comm;
  void *memory = NULL;
  const int64_t bytes = (int64_t)(sizeof(board) + (size_t)comm->node_size * sizeof(tn_pulse));
  TN_TRY(tn_comm_agree(comm, tn_shared_create(comm, bytes, "set parallel.stall_warning_s and stall_abort_s to 0",
                                              &guard->shared, &memory)));
  find_members(guard);
  guard->board = memory;
  comm->pulse = &guard->board->pulses[comm->node_rank];
  store(&comm->pulse->alive_ns, tn_pulse_clock_ns());
  tn_pulse_mark(comm, 0, TN_PHASE_START);
  tn_shared_fence(guard->shared);
  return TN_OK;
}

static double shorter_limit(const tn_stall_options *options) {
  if (options->warning_s > 0.0 && options->abort_s > 0.0)
    return options->warning_s < options->abort_s ? options->warning_s : options->abort_s;
  return options->warning_s > 0.0 ? options->warning_s : options->abort_s;
}

tn_status tn_stall_start(tn_comm *comm, const tn_stall_options *options, tn_stall_guard **guard_address) {
  *guard_address = NULL;
  if (comm->size == 1 || shorter_limit(options) <= 0.0)
    return TN_OK;
  tn_stall_guard *guard = NULL;
  tn_status status = tn_alloc(&guard, 1, sizeof *guard, "the watchdog");
  if (guard) {
    const double limit_s = shorter_limit(options);
    *guard =
        (tn_stall_guard){.comm = comm, .options = *options, .limit_s = limit_s, .look_s = look_s(limit_s), .file = -1};
    status = allocate(guard);
  }
  status = tn_comm_agree(comm, status);
  if (status == TN_OK)
    status = share_pulses(guard);
  if (status == TN_OK)
    status = tn_comm_agree(comm, start_thread(guard));
  *guard_address = guard;
  if (status != TN_OK)
    tn_stall_stop(guard_address);
  return status;
}

void tn_stall_share(tn_stall_guard *guard, const char *prefix) {
  if (!guard || guard->comm->node_size == guard->comm->size)
    return;
  pthread_mutex_lock(&guard->mutex);
  if (tn_string_copy(&guard->prefix, prefix) == TN_OK && guard->comm->node_rank == 0)
    guard->file = tn_stall_file_open(prefix, guard->comm->rank, true);
  pthread_mutex_unlock(&guard->mutex);
}

static void stop_thread(tn_stall_guard *guard) {
  if (!guard->runs)
    return;
  pthread_mutex_lock(&guard->mutex);
  guard->stops = true;
  pthread_cond_signal(&guard->wakes);
  pthread_mutex_unlock(&guard->mutex);
  pthread_join(guard->thread, NULL);
  pthread_cond_destroy(&guard->wakes);
  pthread_mutex_destroy(&guard->mutex);
}

void tn_stall_stop(tn_stall_guard **guard_address) {
  tn_stall_guard *guard = *guard_address;
  if (!guard)
    return;
  stop_thread(guard);
  if (guard->board) {
    store(&guard->comm->pulse->collectives, COLLECTIVES_OF_ALL);
    guard->comm->pulse = &guard->comm->own_pulse;
  }
  if (guard->file >= 0)
    close(guard->file);
  if (guard->prefix && guard->comm->node_rank == 0)
    tn_stall_file_remove(guard->prefix, guard->comm->rank);
  tn_shared_destroy(&guard->shared);
  tn_free(&guard->prefix);
  tn_free(&guard->text);
  tn_free(&guard->sightings);
  tn_free(&guard->members);
  tn_free(guard_address);
}
