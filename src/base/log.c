#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static bool is_speaker = true;
static int warning_rank = -1;

void tn_log_set_speaker(bool speaks) {
  is_speaker = speaks;
}

void tn_log_set_rank(int rank) {
  warning_rank = rank;
}

void tn_say(const char *format, ...) {
  if (!is_speaker)
    return;
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  putchar('\n');
  fflush(stdout);
}

void tn_warn(const char *format, ...) {
  char text[2048]; /* one write a line, so that ranks do not mix theirs */
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (warning_rank >= 0)
    fprintf(stderr, "thinnet: warning: rank %d: %s\n", warning_rank, text);
  else
    fprintf(stderr, "thinnet: warning: %s\n", text);
}
