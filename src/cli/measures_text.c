#include "cli/measures_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>

/* A table of classes or outputs stays below a screen. */
#define TABLE_ROWS_MAX 20

static bool is_regression(const tn_measures *measures) {
  return measures->kind != TN_SOFTMAX_CROSS_ENTROPY && measures->kind != TN_SIGMOID_CROSS_ENTROPY;
}

static void print_count(const char *name, int64_t value) {
  printf("%-12s%" PRId64 "\n", name, value);
}

/* What the prediction that was measured is the mean of. */
static void print_members(const tn_measures *measures) {
  const char *plural = measures->samples == 1 ? "" : "s";
  if (measures->networks > 1 && measures->samples > 0)
    printf("mean of %" PRId64 " networks, %" PRId64 " sample%s of each\n", measures->networks, measures->samples,
           plural);
  else if (measures->networks > 1)
    printf("mean of %" PRId64 " networks\n", measures->networks);
  else if (measures->samples > 0)
    printf("mean of %" PRId64 " sample%s\n", measures->samples, plural);
}

/* What is no number may have a sign, which says nothing. */
static double plain(double value) {
  return isnan(value) ? (double)NAN : value;
}

static void print_measure(const char *name, double value, int digits) {
  printf("%-12s%.*f\n", name, digits, plain(value));
}

/* A cell of a table; "-" where it is undefined. */
static void print_cell(int width, int digits, double value) {
  if (isnan(value))
    printf("%*s", width, "-");
  else
    printf("%*.*f", width, digits, value);
}

static int digits_of(int64_t count) {
  int digits = 1;
  for (; count > 9; count /= 10)
    digits++;
  return digits;
}

/* Width of a column of counts or class numbers. */
static int count_width(const tn_measures *measures) {
  int64_t largest = measures->outputs - 1;
  for (int64_t k = 0; k < measures->outputs; k++)
    largest = measures->classes[k].rows > largest ? measures->classes[k].rows : largest;
  return 2 + digits_of(largest);
}

static void print_classes(const tn_measures *measures) {
  const int64_t classes = measures->outputs;
  const int width = count_width(measures);
  printf("\n%5s%10s%11s%9s   predicted:", "class", "rows", "precision", "recall");
  for (int64_t k = 0; k < classes; k++)
    printf("%*" PRId64, width, k);
  putchar('\n');
  for (int64_t i = 0; i < classes; i++) {
    printf("%5" PRId64 "%10" PRId64, i, measures->classes[i].rows);
    print_cell(11, 4, measures->classes[i].precision);
    print_cell(9, 4, measures->classes[i].recall);
    printf("%13s", "");
    for (int64_t k = 0; k < classes; k++)
      printf("%*" PRId64, width, measures->confusion[i * classes + k]);
    putchar('\n');
  }
}

static void print_reliability(const tn_measures *measures) {
  printf("\n%-14s%12s%12s%10s\n", "confidence in", measures->classes ? "rows" : "outputs", "confidence", "accuracy");
  for (int b = 0; b < TN_RELIABILITY_BINS; b++) {
    const tn_reliability_bin *bin = &measures->reliability[b];
    if (bin->count > 0)
      printf("%.2f to %.2f  %12" PRId64 "%12.4f%10.4f\n", (double)b / TN_RELIABILITY_BINS,
             (double)(b + 1) / TN_RELIABILITY_BINS, bin->count, plain(bin->confidence), bin->accuracy);
  }
}

static void print_output_row(int64_t output, const tn_output_measures *measures) {
  printf("%6" PRId64, output);
  if (!isnan(measures->accuracy)) {
    printf("%10.4f\n", measures->accuracy);
    return;
  }
  print_cell(10, 4, measures->r2);
  printf("%14.6g%14.6g\n", plain(measures->mae), plain(measures->rmse));
}

static void print_outputs(const tn_measures *measures) {
  if (is_regression(measures))
    printf("\n%6s%10s%14s%14s\n", "output", "r2", "mae", "rmse");
  else
    printf("\n%6s%10s\n", "output", "accuracy");
  for (int64_t k = 0; k < measures->outputs; k++)
    print_output_row(k, &measures->by_output[k]);
}

/* The measures of values, and why there is no R^2 where there is none. */
static void print_values(const tn_measures *measures) {
  int64_t constant = 0;
  for (int64_t k = measures->outputs - 1; k >= 0; k--)
    constant = isnan(measures->by_output[k].r2) ? k : constant;
  if (isnan(measures->r2) && isfinite(measures->rmse))
    printf("%-12sundefined: all targets of output %" PRId64 " are equal\n", "r2", constant);
  else
    print_measure("r2", measures->r2, 4);
  printf("%-12s%.6g\n%-12s%.6g\n", "mae", plain(measures->mae), "rmse", plain(measures->rmse));
}

static bool has_members(const tn_measures *measures) {
  return measures->samples > 0 || measures->networks > 1;
}

static void print_probabilities(const tn_measures *measures) {
  char top[32];
  print_measure("accuracy", measures->accuracy, 4);
  snprintf(top, sizeof top, "top-%" PRId64, measures->top);
  if (measures->top > 0)
    print_measure(top, measures->top_accuracy, 4);
  print_measure("brier", measures->brier, 4);
  print_measure("ece", measures->ece, 4);
  print_measure("entropy", measures->entropy, 4);
  if (has_members(measures))
    print_measure("information", measures->information, 4);
}

static void print_tables(const tn_measures *measures) {
  const char *what = measures->classes ? "classes" : "outputs";
  if (measures->outputs > TABLE_ROWS_MAX)
    printf("\n%" PRId64 " %s: --json prints what belongs to each\n", measures->outputs, what);
  else if (measures->classes)
    print_classes(measures);
  else if (measures->outputs > 1)
    print_outputs(measures);
  if (!is_regression(measures))
    print_reliability(measures);
}

void tn_cli_print_measures_text(const tn_measures *measures) {
  print_count("rows", measures->rows);
  print_members(measures);
  print_measure("loss", measures->loss, 6);
  (is_regression(measures) ? print_values : print_probabilities)(measures);
  print_tables(measures);
}

/* JSON knows neither NaN nor infinity: null. */
static void print_json_number(double value) {
  if (isfinite(value))
    printf("%.17g", value);
  else
    fputs("null", stdout);
}

static void print_json_member(const char *name, double value) {
  printf(", \"%s\": ", name);
  print_json_number(value);
}

static void print_json_reliability(const tn_measures *measures) {
  fputs(", \"reliability\": [", stdout);
  for (int b = 0; b < TN_RELIABILITY_BINS; b++) {
    const tn_reliability_bin *bin = &measures->reliability[b];
    printf("%s{\"from\": %.17g, \"to\": %.17g, \"count\": %" PRId64, b ? ", " : "", (double)b / TN_RELIABILITY_BINS,
           (double)(b + 1) / TN_RELIABILITY_BINS, bin->count);
    print_json_member("confidence", bin->confidence);
    print_json_member("accuracy", bin->accuracy);
    putchar('}');
  }
  putchar(']');
}

static void print_json_classes(const tn_measures *measures) {
  fputs(", \"classes\": [", stdout);
  for (int64_t k = 0; k < measures->outputs; k++) {
    const tn_class_measures *class = &measures->classes[k];
    printf("%s{\"class\": %" PRId64 ", \"rows\": %" PRId64 ", \"predicted\": %" PRId64 ", \"correct\": %" PRId64,
           k ? ", " : "", k, class->rows, class->predicted, class->correct);
    print_json_member("precision", class->precision);
    print_json_member("recall", class->recall);
    putchar('}');
  }
  putchar(']');
}

static void print_json_confusion(const tn_measures *measures) {
  const int64_t classes = measures->outputs;
  if (!measures->confusion)
    return;
  fputs(", \"confusion\": [", stdout);
  for (int64_t i = 0; i < classes; i++)
    for (int64_t k = 0; k < classes; k++)
      printf("%s%" PRId64 "%s", k > 0 ? ", " : (i > 0 ? ", [" : "["), measures->confusion[i * classes + k],
             k == classes - 1 ? "]" : "");
  putchar(']');
}

static void print_json_outputs(const tn_measures *measures) {
  fputs(", \"outputs\": [", stdout);
  for (int64_t k = 0; k < measures->outputs; k++) {
    const tn_output_measures *output = &measures->by_output[k];
    printf("%s{\"output\": %" PRId64, k ? ", " : "", k);
    if (is_regression(measures)) {
      print_json_member("r2", output->r2);
      print_json_member("mae", output->mae);
      print_json_member("rmse", output->rmse);
    } else {
      print_json_member("accuracy", output->accuracy);
    }
    putchar('}');
  }
  putchar(']');
}

static void print_json_probabilities(const tn_measures *measures) {
  print_json_member("accuracy", measures->accuracy);
  print_json_member("log_loss", measures->loss);
  print_json_member("brier", measures->brier);
  print_json_member("ece", measures->ece);
  if (measures->top > 0) {
    printf(", \"top\": %" PRId64, measures->top);
    print_json_member("top_accuracy", measures->top_accuracy);
  }
  print_json_member("predictive_entropy", measures->entropy);
  if (has_members(measures))
    print_json_member("mutual_information", measures->information);
  print_json_reliability(measures);
}

static void print_json_values(const tn_measures *measures) {
  print_json_member("r2", measures->r2);
  print_json_member("mae", measures->mae);
  print_json_member("rmse", measures->rmse);
}

void tn_cli_print_measures_json(const tn_measures *measures) {
  printf("{\"rows\": %" PRId64 ", \"nonfinite_rows\": %" PRId64 ", \"networks\": %" PRId64 ", \"samples\": %" PRId64,
         measures->rows, measures->nonfinite_rows, measures->networks, measures->samples);
  print_json_member("loss", measures->loss);
  (is_regression(measures) ? print_json_values : print_json_probabilities)(measures);
  if (measures->classes) {
    print_json_classes(measures);
    print_json_confusion(measures);
  } else {
    print_json_outputs(measures);
  }
  puts("}");
}
