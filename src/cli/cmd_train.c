/* thinnet train */
#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/display.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_RESUME = 256, OPTION_INIT, OPTION_OVERWRITE, OPTION_QUIET, OPTION_DRY_RUN };

typedef struct arguments {
  tn_cli_config_arguments config;
  const char *out_dir;
  bool quiet;
  tn_train_options options;
} arguments;

static const struct argp_option option_table[] = {
    {"output", 'o', "DIR", 0, "Folder of the run (output.dir); default: runs/NAME of the configuration file", 0},
    {"resume", OPTION_RESUME, NULL, 0,
     "Continue from the newest good checkpoint in the folder; start afresh where there is none", 0},
    {"init", OPTION_INIT, "CHECKPOINT", 0, "Start a new run from the weights of this checkpoint", 0},
    {"overwrite", OPTION_OVERWRITE, NULL, 0, "Replace a run that the folder holds", 0},
    {"quiet", OPTION_QUIET, NULL, 0, "Print warnings and errors only", 0},
    {"dry-run", OPTION_DRY_RUN, NULL, 0,
     "Check configuration and data, print the network and the memory it needs, write nothing", 0},
    {0}};

static const char description[] =
    "Trains the network that CONFIG.ini describes; `thinnet config` lists every key.\v"
    "Run it bare, or under mpirun or srun with any number of ranks:\n\n"
    "  thinnet train jobs/digits.ini\n"
    "  mpirun -n 2 thinnet train my.ini -s dropout.hidden=0.5 -o runs/half\n"
    "  mpirun -n 2 thinnet train my.ini -s dropout.hidden=0.5 -o runs/half --resume\n\n"
    "The folder of the run gets config.ini (every key), metrics.h5, checkpoints step-NNNNNNNN.h5, last.h5 (the newest) "
    "and best.h5 (the best on the validation rows).\n\n"
    "Signals: SIGUSR1, SIGTERM and Ctrl-C finish the step, write a checkpoint and exit with 75; SIGUSR2 writes a "
    "checkpoint and goes on. Under mpirun send SIGUSR1 to mpirun itself: after a SIGTERM it leaves the ranks about a "
    "second.\n\n"
    "Exit status: 0 done (an early stop is done); 1 failed; 2 wrong usage, configuration or data; 75 stopped on "
    "request, run again with --resume.";

static void check_arguments(const arguments *args, struct argp_state *state) {
  if (args->options.resume && args->options.init_checkpoint)
    argp_error(state, "--resume continues a run, --init starts a new one: give one of them");
  else if (args->options.resume && args->options.overwrite)
    argp_error(state, "--resume continues a run, --overwrite replaces it: give one of them");
}

static error_t parse_option(int key, char *value, struct argp_state *state) {
  arguments *args = state->input;
  switch (key) {
  case ARGP_KEY_INIT:
    state->child_inputs[0] = &args->config;
    return 0;
  case 'o':
    if (!*value)
      argp_error(state, "-o needs the name of a folder");
    args->out_dir = value;
    return 0;
  case OPTION_RESUME:
    args->options.resume = true;
    return 0;
  case OPTION_INIT:
    args->options.init_checkpoint = value;
    return 0;
  case OPTION_OVERWRITE:
    args->options.overwrite = true;
    return 0;
  case OPTION_QUIET:
    args->quiet = true;
    return 0;
  case OPTION_DRY_RUN:
    args->options.dry_run = true;
    return 0;
  case ARGP_KEY_END:
    check_arguments(args, state);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

/* runs/NAME for .../NAME.ini */
static void set_default_dir(const char *config_path, char *dir, size_t size) {
  const char *slash = strrchr(config_path, '/');
  const char *name = slash ? slash + 1 : config_path;
  const char *dot = strrchr(name, '.');
  snprintf(dir, size, "runs/%.*s", dot && dot != name ? (int)(dot - name) : (int)strlen(name), name);
}

static tn_status set_dir(tn_config *config, const char *dir) {
  char assignment[TN_PATH_MAX + 16];
  snprintf(assignment, sizeof assignment, "output.dir=%s", dir);
  return tn_config_set(config, assignment);
}

static tn_status read_config(const arguments *args, tn_config **read) {
  tn_status status = tn_cli_read_config(read, &args->config);
  tn_config *config = *read;
  if (status == TN_OK && args->out_dir)
    status = set_dir(config, args->out_dir);
  if (status == TN_OK && !config->output.dir[0])
    set_default_dir(args->config.path, config->output.dir, sizeof config->output.dir);
  return status;
}

static void print_result(const tn_train_result *result, const char *dir) {
  if (!result->already_finished) {
    printf("done       %" PRId64 " epochs, %" PRId64 " steps%s\n", result->epochs, result->steps,
           result->stopped_early ? " (stopped early)" : "");
    if (result->best_epoch > 0)
      printf("best       epoch %" PRId64 ": %.6g\n", result->best_epoch, result->best_value);
    printf("written    %s: config.ini, metrics.h5, last.h5%s\n", dir, result->best_epoch > 0 ? ", best.h5" : "");
  }
  printf("digest     %s\n", result->digest);
}

static tn_status train(tn_comm *comm, arguments *args, tn_config *config) {
  const bool is_root = tn_comm_rank(comm) == 0;
  tn_display display = {0};
  tn_train_result result = {0};
  args->options.handle_signals = true;
  args->options.observer = tn_display_start(&display, config->output.progress, args->quiet);
  const tn_status status = tn_train(comm, config, &args->options, &result);
  /* A request that comes too late must not make a failure of a run that is over. */
  signal(SIGUSR1, SIG_IGN);
  signal(SIGUSR2, SIG_IGN);
  tn_display_finish(&display);
  if (status == TN_OK && is_root && !args->quiet && !args->options.dry_run)
    print_result(&result, config->output.dir);
  return status;
}

static tn_status run(tn_comm *comm, void *context) {
  arguments *args = context;
  tn_config *config = NULL;
  tn_status status = tn_comm_agree(comm, read_config(args, &config));
  if (status == TN_OK)
    status = train(comm, args, config);
  free(config);
  return status;
}

int tn_cmd_train(int argc, char **argv) {
  static const struct argp_child children[] = {{&tn_cli_config_argp, 0, NULL, 0}, {0}};
  static const struct argp argp = {option_table, parse_option, "CONFIG.ini", description, children, NULL, NULL};
  arguments args = {0};
  signal(SIGPIPE, SIG_IGN); /* a reader of the output that goes away ends no run */
  const int exit_status = tn_cli_run(&argp, argc, argv, &args, run);
  free(args.config.overrides);
  return exit_status;
}
