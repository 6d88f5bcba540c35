/* What a person sees while a run goes on: a bar an epoch on a terminal, a line an epoch elsewhere. */
#ifndef TN_CLI_DISPLAY_H
#define TN_CLI_DISPLAY_H

#include <thinnet/thinnet.h>

typedef struct tn_display {
  bool bar_is_shown;
  double drawn_s; /* when the bar was drawn last */
} tn_display;

/* The observer draws to standard output; the display outlives it. */
tn_observer tn_display_start(tn_display *display, tn_progress_mode mode, bool quiet);

/* Ends a bar that an error or a stop has left open. */
void tn_display_finish(tn_display *display);

#endif
