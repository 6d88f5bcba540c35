#include "dist/pulse.h"

#include "dist/handle.h"

#include <time.h>

int64_t tn_pulse_clock_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

const char *tn_phase_name(int phase) {
#define TN_PHASE_NAME(code, name) [code] = (name),
  static const char *const names[TN_PHASE_COUNT] = {TN_PHASE_LIST(TN_PHASE_NAME)};
#undef TN_PHASE_NAME
  return phase >= 0 && phase < TN_PHASE_COUNT ? names[phase] : "?";
}

/* The rank itself is the only one that stores, so that nothing has to be ordered or locked. */
static void changed(tn_pulse *pulse) {
  atomic_store_explicit(&pulse->changed_ns, tn_pulse_clock_ns(), memory_order_relaxed);
}

void tn_pulse_mark(const tn_comm *comm, int64_t step, tn_phase phase) {
  tn_pulse *pulse = comm->pulse;
  atomic_store_explicit(&pulse->step, step, memory_order_relaxed);
  atomic_store_explicit(&pulse->phase, (int)phase, memory_order_relaxed);
  changed(pulse);
}

void tn_pulse_enter(const tn_comm *comm) {
  tn_pulse *pulse = comm->pulse;
  const int64_t begun = atomic_load_explicit(&pulse->collectives, memory_order_relaxed);
  changed(pulse);
  atomic_store_explicit(&pulse->collectives, begun + 1, memory_order_relaxed);
  atomic_store_explicit(&pulse->waits, true, memory_order_relaxed);
}

void tn_pulse_leave(const tn_comm *comm) {
  tn_pulse *pulse = comm->pulse;
  atomic_store_explicit(&pulse->waits, false, memory_order_relaxed);
  changed(pulse);
}
