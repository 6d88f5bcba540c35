/* thinnet predict */
#include "cli/arguments.h"
#include "cli/cli.h"

#include <inttypes.h>
#include <stdio.h>

enum { OPTION_OVERWRITE = 256 };

typedef struct arguments {
  tn_cli_network_arguments networks; /* and the data behind them */
  const char *out;
  tn_predict_options options;
} arguments;

static const struct argp_option option_table[] = {
    {"output", 'o', "OUT.h5", 0, "File to write", 0},
    {"overwrite", OPTION_OVERWRITE, NULL, 0, "Replace OUT.h5 where it exists", 0},
    {0}};

static const char description[] =
    "Writes the network's output for every row of DATA.h5.\v"
    "OUT.h5 gets /output (probabilities, or values), for probabilities /predictive_entropy (nats) and for classes "
    "/class. Several checkpoints are an ensemble, whose output is the mean of theirs; they have to have the same "
    "inputs, outputs and loss. Over its networks, and over the samples of --mc, there are also /output_std and, for "
    "probabilities, /mutual_information (nats). "
    "The data are read and the results written in blocks, so that both may exceed memory:\n\n"
    "  thinnet predict runs/digits/best.h5 jobs/data/digits.h5 -o predicted.h5\n"
    "  thinnet predict runs/a/best.h5 runs/b/best.h5 new.h5 -x /x -o mean.h5\n"
    "  mpirun -n 2 thinnet predict runs/my/best.h5 new.h5 -x /x --mc 50 -o out.h5\n\n"
    "Exit status: 0 done; 1 failed; 2 wrong usage or data.";

static error_t parse_option(int key, char *value, struct argp_state *state) {
  arguments *args = state->input;
  switch (key) {
  case ARGP_KEY_INIT:
    state->child_inputs[0] = &args->networks;
    return 0;
  case 'o':
    args->out = value;
    return 0;
  case OPTION_OVERWRITE:
    args->options.overwrite = true;
    return 0;
  case ARGP_KEY_END:
    if (args->networks.file_count < 2)
      argp_error(state, "CHECKPOINT and DATA.h5 are expected");
    else if (!args->out)
      argp_error(state, "-o OUT.h5 is missing: where to write the predictions");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static tn_status run(tn_comm *comm, void *context) {
  arguments *args = context;
  const char *const *files = args->networks.files;
  const int checkpoints = args->networks.file_count - 1;
  int64_t rows = 0;
  args->options.x_path = args->networks.x_path;
  args->options.mc_samples = args->networks.mc_samples;
  const tn_status status = tn_predict(comm, files, checkpoints, files[checkpoints], args->out, &args->options, &rows);
  if (status == TN_OK && tn_comm_rank(comm) == 0)
    printf("written    %s: %" PRId64 " rows\n", args->out, rows);
  return status;
}

int tn_cmd_predict(int argc, char **argv) {
  static const struct argp_child children[] = {{&tn_cli_network_argp, 0, NULL, 0}, {0}};
  static const struct argp argp = {option_table, parse_option, "CHECKPOINT... DATA.h5 -o OUT.h5", description, children,
                                   NULL,         NULL};
  arguments args = {0};
  return tn_cli_run(&argp, argc, argv, &args, run);
}
