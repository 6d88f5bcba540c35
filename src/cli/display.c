#include "cli/display.h"

#include "cli/cli.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Seconds between two drawings of the bar. */
#define DRAW_INTERVAL_S        0.1
#define TERMINAL_WIDTH_DEFAULT 80
#define TERMINAL_WIDTH_MAX     200
#define BAR_WIDTH_MIN          5
#define BAR_WIDTH_MAX          40
/* Columns of the text around the bar. */
#define TEXT_WIDTH             64

static int terminal_width(void) {
  struct winsize size;
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  const int width = known ? size.ws_col : TERMINAL_WIDTH_DEFAULT;
  return width < TERMINAL_WIDTH_MAX ? width : TERMINAL_WIDTH_MAX;
}

static int bar_width(void) {
  const int room = terminal_width() - TEXT_WIDTH;
  if (room < BAR_WIDTH_MIN)
    return BAR_WIDTH_MIN;
  return room < BAR_WIDTH_MAX ? room : BAR_WIDTH_MAX;
}

static void erase_bar(tn_display *display) {
  if (display->bar_is_shown)
    fputs("\r\033[K", stdout);
  display->bar_is_shown = false;
}

static void show_text(void *context, const char *line) {
  tn_display *display = context;
  erase_bar(display);
  puts(line);
  fflush(stdout);
}

static void format_bar(char *text, int width, double share) {
  const int filled = (int)(share * width);
  for (int i = 0; i < width; i++)
    text[i] = i < filled ? '=' : ' ';
  if (filled < width)
    text[filled] = '>';
  text[width] = '\0';
}

static void show_step(void *context, const tn_step_report *report) {
  tn_display *display = context;
  char bar[BAR_WIDTH_MAX + 1];
  const double now = tn_cli_now_s();
  const bool is_last = report->step_in_epoch == report->steps_per_epoch;
  if (!is_last && now - display->drawn_s < DRAW_INTERVAL_S)
    return;
  display->drawn_s = now;
  const double share = (double)report->rows_in_epoch / (double)report->train_rows;
  const double rate = (double)report->rows_in_epoch / report->epoch_seconds;
  const long left_s = lround((double)(report->train_rows - report->rows_in_epoch) / rate);
  format_bar(bar, bar_width(), share);
  /* Cut to the terminal: a line that wraps cannot be drawn over. */
  char line[TERMINAL_WIDTH_MAX];
  snprintf(line, (size_t)terminal_width(),
           "epoch %3" PRId64 "/%" PRId64 " [%s] %3.0f%% %8.0f rows/s  loss %.4f  %ld:%02ld left", report->epoch,
           report->epochs, bar, 100.0 * share, rate, report->loss, left_s / 60, left_s % 60);
  printf("\r%s\033[K", line);
  fflush(stdout);
  display->bar_is_shown = true;
}

static void print_value(const char *name, double value) {
  if (!isnan(value))
    printf("  %s %.4f", name, value);
}

static void show_epoch(void *context, const tn_epoch_report *report) {
  tn_display *display = context;
  erase_bar(display);
  printf("epoch %3" PRId64 "/%" PRId64, report->epoch, report->epochs);
  print_value("loss", report->train_loss);
  print_value("accuracy", report->train_accuracy);
  print_value("valid_loss", report->valid_loss);
  print_value("valid_accuracy", report->valid_accuracy);
  printf("  lr %.3g  %.0f rows/s  %.2f s%s\n", report->learning_rate, report->samples_per_second, report->seconds,
         report->best ? "  best" : "");
  fflush(stdout);
}

static bool wants_bar(tn_progress_mode mode) {
  return mode == TN_PROGRESS_BAR || (mode == TN_PROGRESS_AUTO && tn_cli_is_interactive());
}

tn_observer tn_display_start(tn_display *display, tn_progress_mode mode, bool quiet) {
  *display = (tn_display){0};
  if (quiet)
    return (tn_observer){0};
  return (tn_observer){.context = display,
                       .on_text = show_text,
                       .on_step = wants_bar(mode) ? show_step : NULL,
                       .on_epoch = mode == TN_PROGRESS_NONE ? NULL : show_epoch};
}

void tn_display_finish(tn_display *display) {
  if (display->bar_is_shown)
    putchar('\n');
  display->bar_is_shown = false;
}
