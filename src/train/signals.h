/* Requests by signal: a handler sets a flag and nothing else; the step's reduction carries it to all ranks. */
#ifndef TN_TRAIN_SIGNALS_H
#define TN_TRAIN_SIGNALS_H

#include <stdbool.h>

/* SIGUSR1, SIGTERM, SIGINT and SIGHUP (unless it was ignored) ask for a stop, SIGUSR2 for a checkpoint. A second SIGINT
 * ends the process as it always did. */
void tn_signals_install(void);

/* Gives the signals back to whoever had them, and forgets what was requested. */
void tn_signals_restore(void);

bool tn_signals_stop_requested(void);

/* True once for each request. */
bool tn_signals_take_checkpoint_request(void);

#endif
