/* Warnings, on standard error. What a run says otherwise goes to its observer, which the caller chooses. */
#ifndef TN_BASE_LOG_H
#define TN_BASE_LOG_H

/* One line "thinnet: warning: ..." to standard error, written at once, so that the lines of several ranks do not mix.
 */
void tn_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
