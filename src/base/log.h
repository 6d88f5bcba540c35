/* What a person reads: standard output from rank 0 alone, warnings on standard error. */
#ifndef TN_BASE_LOG_H
#define TN_BASE_LOG_H

#include <stdbool.h>

/* Says whether this process writes to standard output (rank 0 does; --quiet does not). */
void tn_log_set_speaker(bool speaks);

/* The rank put before warnings; below 0 (the start value) none is. */
void tn_log_set_rank(int rank);

/* One line to standard output, where this process is the speaker. A newline is added. */
void tn_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line "thinnet: warning: [rank R: ]..." to standard error, from any rank. */
void tn_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
