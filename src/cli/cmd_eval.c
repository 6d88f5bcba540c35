/* thinnet eval */
#include "cli/cli.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { OPTION_JSON = 256 };

typedef struct arguments {
  const char *checkpoint;
  tn_eval_options options;
  bool json;
} arguments;

static const struct argp_option option_table[] = {
    {"x", 'x', "PATH", 0, "Dataset of the features; default: data.test_x of the run, or /test/x", 0},
    {"y", 'y', "PATH", 0, "Dataset of the targets; default: data.test_y of the run, or /test/y", 0},
    {"json", OPTION_JSON, NULL, 0, "Print one JSON object: rows, loss and, for classes, accuracy (a fraction)", 0},
    {0}};

static const char description[] =
    "Loss and accuracy of a checkpoint, over the test rows of its run or those of DATA.h5.\v"
    "The rows are read in blocks, so that the data may exceed memory; the result is the same at any number of "
    "ranks:\n\n"
    "  thinnet eval runs/digits/best.h5\n"
    "  mpirun -n 4 thinnet eval runs/my/best.h5 new.h5 -x /x -y /y --json\n\n"
    "Exit status: 0 done; 1 failed; 2 wrong usage or data.";

static error_t parse_option(int key, char *value, struct argp_state *state) {
  arguments *args = state->input;
  switch (key) {
  case 'x':
    args->options.x_path = value;
    return 0;
  case 'y':
    args->options.y_path = value;
    return 0;
  case OPTION_JSON:
    args->json = true;
    return 0;
  case ARGP_KEY_ARG:
    if (state->arg_num == 0)
      args->checkpoint = value;
    else if (state->arg_num == 1)
      args->options.data_file = value;
    else
      argp_error(state, "CHECKPOINT and DATA.h5 are expected, '%s' is a third argument", value);
    return 0;
  case ARGP_KEY_END:
    if (!args->checkpoint)
      argp_error(state, "no CHECKPOINT given");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

/* JSON knows neither NaN nor infinity: null. */
static void print_json_number(const char *name, double value) {
  if (isfinite(value))
    printf(", \"%s\": %.17g", name, value);
  else
    printf(", \"%s\": null", name);
}

static void print_json(const tn_eval_result *result) {
  printf("{\"rows\": %" PRId64, result->rows);
  print_json_number("loss", result->loss);
  if (!isnan(result->accuracy))
    print_json_number("accuracy", result->accuracy);
  puts("}");
}

static void print_text(const tn_eval_result *result) {
  printf("rows       %" PRId64 "\nloss       %.6f\n", result->rows, result->loss);
  if (!isnan(result->accuracy))
    printf("accuracy   %.4f\n", result->accuracy);
}

int tn_cmd_eval(int argc, char **argv) {
  static const struct argp argp = {option_table, parse_option, "CHECKPOINT [DATA.h5]", description, NULL, NULL, NULL};
  arguments args = {0};
  tn_eval_result result = {0};
  tn_comm *comm = NULL;
  tn_cli_parse(&argp, argc, argv, &args);
  tn_status status = tn_cli_start(argc, argv, &comm);
  if (status == TN_OK)
    status = tn_eval(comm, args.checkpoint, &args.options, &result);
  if (status == TN_OK && tn_comm_rank(comm) == 0)
    (args.json ? print_json : print_text)(&result);
  const int exit_status = tn_cli_finish(comm, status);
  tn_comm_destroy(&comm);
  return exit_status;
}
