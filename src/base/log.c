#include "base/log.h"

#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

void tn_warn(const char *format, ...) {
  char text[TN_MESSAGE_MAX];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  fprintf(stderr, "thinnet: warning: %s\n", text);
}
