/* The error context: a function that fails records why, and returns a status. */
#ifndef TN_BASE_ERROR_H
#define TN_BASE_ERROR_H

#include <thinnet/status.h>

#define TN_MESSAGE_MAX 2048

/* Replaces the calling thread's message and returns `status`, so that a failing
 * function reads `return tn_fail(TN_ERR_DATA, "...", ...)`. */
tn_status tn_fail(tn_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "text: " before the present message; returns `status`. */
tn_status tn_fail_in(tn_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends strerror(error_number) to a formatted message. */
tn_status tn_fail_errno(tn_status status, int error_number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Empties the message. */
void tn_error_clear(void);

/* The present message, kept over calls that may fail with others. */
typedef struct tn_kept_error {
  char message[TN_MESSAGE_MAX];
} tn_kept_error;

tn_kept_error tn_error_keep(void);
void tn_error_restore(const tn_kept_error *kept);

/* Leaves the calling function with the status of a failed expression. */
#define TN_TRY(expression)                                                                                             \
  do {                                                                                                                 \
    const tn_status tn_try_status_ = (expression);                                                                     \
    if (tn_try_status_ != TN_OK)                                                                                       \
      return tn_try_status_;                                                                                           \
  } while (0)

#endif
