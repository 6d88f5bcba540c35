#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[TN_MESSAGE_MAX];

tn_status tn_fail(tn_status status, const char *format, ...) {
  char text[TN_MESSAGE_MAX]; /* an argument may be the present message */
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  memcpy(message, text, sizeof message);
  return status;
}

tn_status tn_fail_in(tn_status status, const char *format, ...) {
  char text[TN_MESSAGE_MAX];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return tn_fail(status, "%s: %s", text, message);
}

tn_status tn_fail_errno(tn_status status, int error_number, const char *format, ...) {
  char text[TN_MESSAGE_MAX];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return tn_fail(status, "%s: %s", text, strerror(error_number));
}

void tn_error_clear(void) {
  message[0] = '\0';
}

tn_kept_error tn_error_keep(void) {
  tn_kept_error kept;
  memcpy(kept.message, message, sizeof message);
  return kept;
}

void tn_error_restore(const tn_kept_error *kept) {
  memcpy(message, kept->message, sizeof message);
}

const char *tn_error_message(void) {
  return message;
}
