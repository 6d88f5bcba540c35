/* The watchdog of a run: one thread a rank that never calls MPI, and says who is missing where its rank waits in a
 * collective for too long. */
#ifndef TN_DIST_STALL_H
#define TN_DIST_STALL_H

#include "dist/pulse.h"

typedef struct tn_stall_guard tn_stall_guard;

typedef struct tn_stall_options {
  double warning_s; /* a rank that waits this long in one collective warns, once; 0: never */
  double abort_s;   /* a wait of this length, in which nothing changed on the ranks waited for either, ends the process
                       with exit status 1; 0: never */
  void (*on_warning)(void *context, const char *text); /* called by the thread; NULL: tn_warn */
  void *context;
} tn_stall_options;

/* From here to tn_stall_stop the ranks' pulses are seen by the other ranks of their node, and each rank's thread looks
 * at them. Of the ranks that wait, the lowest one that lives speaks. *guard stays NULL where there is nothing to guard:
 * one rank, or both times 0; and where it cannot be (TN_ERR_MEMORY: no room in shared memory, or for a thread), without
 * which a run can go on. One guard at a time in a communicator, which it borrows. Collective, agreed. */
tn_status tn_stall_start(tn_comm *comm, const tn_stall_options *options, tn_stall_guard **guard);

/* Where there are several nodes: each keeps a file PREFIX-NUMBER.tmp, which the others read. Without it a message knows
 * the ranks of its own node alone. Collective; NULL is allowed. */
void tn_stall_share(tn_stall_guard *guard, const char *prefix);

/* Ends the thread and removes this node's file. Collective; NULL is allowed. */
void tn_stall_stop(tn_stall_guard **guard);

#endif
