/* Status codes and the error context of libthinnet. */
#ifndef THINNET_STATUS_H
#define THINNET_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* Every outcome a function can report: code, exit status of the command, meaning.
 * Ordered by severity: where ranks disagree, the greatest wins. */
#define TN_STATUS_LIST(X)                                                                                              \
  X(TN_OK, 0, "done")                                                                                                  \
  X(TN_STOPPED, 75, "stopped on request")                                                                              \
  X(TN_ERR_USAGE, 2, "wrong usage")                                                                                    \
  X(TN_ERR_CONFIG, 2, "wrong configuration")                                                                           \
  X(TN_ERR_DATA, 2, "wrong input data")                                                                                \
  X(TN_ERR_TAKEN, 2, "the run folder is another run's")                                                                \
  X(TN_ERR_DAMAGED, 1, "damaged file")                                                                                 \
  X(TN_ERR_IO, 1, "input or output failed")                                                                            \
  X(TN_ERR_NUMERIC, 1, "numbers out of range")                                                                         \
  X(TN_ERR_MISMATCH, 1, "ranks differ")                                                                                \
  X(TN_ERR_MEMORY, 1, "out of memory")                                                                                 \
  X(TN_ERR_INTERNAL, 1, "internal error")

#define TN_STATUS_ENUM(code, exit_status, meaning) code,
typedef enum tn_status { TN_STATUS_LIST(TN_STATUS_ENUM) TN_STATUS_COUNT } tn_status;
#undef TN_STATUS_ENUM

/* The meaning of a status as a static string. Not collective. */
const char *tn_status_text(tn_status status);

/* The exit status the command ends with: 0, 1, 2 or 75. Not collective. */
int tn_status_exit_code(tn_status status);

/* The message of the calling thread's last error, "" where there was none.
 * The string belongs to the library and changes with the next error. Not collective. */
const char *tn_error_message(void);

#ifdef __cplusplus
}
#endif
#endif
