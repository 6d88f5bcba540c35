/* What each rank says of itself outside MPI, where a rank that is blocked in MPI can still be seen: how far it is, and
 * that it lives. A few relaxed stores; whoever reads them reads what was true a moment ago, which is all that a report
 * on a stall needs. */
#ifndef TN_DIST_PULSE_H
#define TN_DIST_PULSE_H

#include "dist/comm.h"

/* What a rank is at. */
#define TN_PHASE_LIST(X)                                                                                               \
  X(TN_PHASE_START, "start")                                                                                           \
  X(TN_PHASE_LOAD, "load data")                                                                                        \
  X(TN_PHASE_EXCHANGE, "exchange rows")                                                                                \
  X(TN_PHASE_GATHER, "gather rows")                                                                                    \
  X(TN_PHASE_COMPUTE, "compute")                                                                                       \
  X(TN_PHASE_REDUCE, "reduce")                                                                                         \
  X(TN_PHASE_UPDATE, "update")                                                                                         \
  X(TN_PHASE_VALIDATE, "validate")                                                                                     \
  X(TN_PHASE_SAVE, "save")                                                                                             \
  X(TN_PHASE_END, "end")

#define TN_PHASE_ENUM(code, name) code,
typedef enum tn_phase { TN_PHASE_LIST(TN_PHASE_ENUM) TN_PHASE_COUNT } tn_phase;
#undef TN_PHASE_ENUM

/* The name of a phase, a static string; "?" for what is none. Local. */
const char *tn_phase_name(int phase);

/* Says that this rank now begins a phase; step: the one under way, or the last one outside a step. Local. */
void tn_pulse_mark(const tn_comm *comm, int64_t step, tn_phase phase);

/* Around whatever waits for other ranks of the communicator, which all its ranks come to in the same sequence. Not
 * nested. Local. */
void tn_pulse_enter(const tn_comm *comm);
void tn_pulse_leave(const tn_comm *comm);

#endif
