/* thinnet eval */
#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/measures_text.h"

enum { OPTION_JSON = 256, OPTION_TOP };

typedef struct arguments {
  tn_cli_network_arguments networks; /* and perhaps data behind them */
  tn_eval_options options;
  bool json;
} arguments;

static const struct argp_option option_table[] = {
    {"y", 'y', "PATH", 0, "Dataset of the targets; default: data.test_y of the run, or /test/y", 0},
    {"top", OPTION_TOP, "K", 0,
     "Count rows whose class is among the K most probable; default: 5 where there are more than 5 classes", 0},
    {"json", OPTION_JSON, NULL, 0, "Print one JSON object: rows, loss and everything else that was measured", 0},
    {0}};

static const char description[] =
    "Measures of a network, over the test rows of its run or those of DATA.h5.\v"
    "Several checkpoints are an ensemble: one prediction, the mean of theirs. They have to have the same inputs, "
    "outputs and loss. The last file is taken for data where it is neither a checkpoint nor metrics; without one, "
    "the test rows of the first run are read.\n\n"
    "For classes: accuracy, top-K accuracy, Brier score (0 to 2), expected calibration error (ece: 15 equal bins), "
    "predictive entropy, precision, recall, confusion matrix (a row a class) and reliability table; log loss and "
    "entropy are in nats. For sigmoid_cross_entropy the same as far as it applies, p > 0.5 being a 1. For values: "
    "R^2, mean absolute error and root mean squared error. Of several networks or samples all of these, the loss "
    "too, are those of the mean prediction, and for probabilities its mutual information (nats) is added. The rows are "
    "read in blocks, so that the data may exceed memory; the result is the same at any number of ranks:\n\n"
    "  thinnet eval runs/digits/best.h5\n"
    "  thinnet eval runs/a/best.h5 runs/b/best.h5 new.h5 -x /x -y /y\n"
    "  mpirun -n 4 thinnet eval runs/my/best.h5 new.h5 --mc 50 --json\n\n"
    "Exit status: 0 done; 1 failed; 2 wrong usage or data.";

static error_t parse_option(int key, char *value, struct argp_state *state) {
  arguments *args = state->input;
  switch (key) {
  case ARGP_KEY_INIT:
    state->child_inputs[0] = &args->networks;
    return 0;
  case 'y':
    args->options.y_path = value;
    return 0;
  case OPTION_TOP:
    args->options.top = tn_cli_parse_count("--top", value, state);
    return 0;
  case OPTION_JSON:
    args->json = true;
    return 0;
  case ARGP_KEY_END:
    if (args->networks.file_count == 0)
      argp_error(state, "no CHECKPOINT given");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

/* A single file is a checkpoint whatever it looks like: there is nothing else that it could be. */
static tn_status evaluate(tn_comm *comm, arguments *args, tn_measures *measures) {
  const char *const *files = args->networks.files;
  int count = args->networks.file_count;
  if (count > 1 && tn_is_data_file(comm, files[count - 1]))
    args->options.data_file = files[--count];
  args->options.x_path = args->networks.x_path;
  args->options.mc_samples = args->networks.mc_samples;
  return tn_eval(comm, files, count, &args->options, measures);
}

static tn_status run(tn_comm *comm, void *context) {
  arguments *args = context;
  tn_measures measures = {0};
  const tn_status status = evaluate(comm, args, &measures);
  if (status == TN_OK && tn_comm_rank(comm) == 0)
    (args->json ? tn_cli_print_measures_json : tn_cli_print_measures_text)(&measures);
  tn_measures_clear(&measures);
  return status;
}

int tn_cmd_eval(int argc, char **argv) {
  static const struct argp_child children[] = {{&tn_cli_network_argp, 0, NULL, 0}, {0}};
  static const struct argp argp = {option_table, parse_option, "CHECKPOINT... [DATA.h5]", description, children,
                                   NULL,         NULL};
  arguments args = {0};
  return tn_cli_run(&argp, argc, argv, &args, run);
}
