#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const rank_variables[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"};

static int read_launch_rank(void) {
  for (size_t i = 0; i < sizeof rank_variables / sizeof rank_variables[0]; i++) {
    const char *text = getenv(rank_variables[i]);
    if (text && text[0])
      return (int)strtol(text, NULL, 10);
  }
  return 0;
}

int tn_cli_launch_rank(void) {
  static int rank = -1;
  if (rank < 0)
    rank = read_launch_rank();
  return rank;
}

void tn_cli_parse(const struct argp *argp, int argc, char **argv, void *input) {
  const int usage_status = tn_status_exit_code(TN_ERR_USAGE);
  argp_err_exit_status = usage_status;
  const unsigned flags = tn_cli_launch_rank() == 0 ? 0 : ARGP_SILENT;
  const error_t error = argp_parse(argp, argc, argv, flags, NULL, input);
  if (error == ENOMEM)
    exit(tn_cli_finish(NULL, TN_ERR_MEMORY));
  if (error != 0)
    exit(usage_status);
}

int64_t tn_cli_parse_count(const char *option, const char *value, struct argp_state *state) {
  char *end = NULL;
  errno = 0;
  const long long count = strtoll(value, &end, 10);
  if (errno || end == value || *end || count < 1)
    argp_error(state, "%s %s: expected a whole number from 1 on", option, value);
  return count;
}

void tn_cli_take_argument(const char **argument, const char *what, const char *value, struct argp_state *state) {
  if (*argument)
    argp_error(state, "one %s is expected, '%s' is a second one", what, value);
  *argument = value;
}

/* The arguments a line each, subcommand included; to be freed. NULL: out of memory. */
static char *join(int argc, char **argv) {
  size_t size = 1;
  for (int i = 0; i < argc; i++)
    size += strlen(argv[i]) + 1;
  char *text = malloc(size);
  char *next = text;
  for (int i = 0; text && i < argc; i++)
    next += sprintf(next, "%s\n", argv[i]);
  return text;
}

static tn_status start(int argc, char **argv, tn_comm **comm) {
  char *line = join(argc, argv);
  tn_status status = tn_comm_start(&argc, &argv, comm);
  if (status == TN_OK)
    status = tn_comm_check_launch(*comm);
  if (status == TN_OK)
    status = tn_comm_agree(*comm, line ? TN_OK : TN_ERR_MEMORY);
  if (status == TN_OK)
    status = tn_comm_check_same(*comm, line, "the command line");
  free(line);
  return status;
}

int tn_cli_finish(const tn_comm *comm, tn_status status) {
  /* Tasks that were started together and do not know of each other are each rank 0: one of them speaks. */
  const bool speaks = !comm || (tn_comm_rank(comm) == 0 && tn_cli_launch_rank() == 0);
  if (status != TN_OK && speaks) {
    const char *message = tn_error_message();
    fprintf(stderr, "thinnet: %s%s\n",
            status == TN_STOPPED ? "" : "error: ", message[0] ? message : tn_status_text(status));
  }
  return tn_status_exit_code(status);
}

int tn_cli_run(const struct argp *argp, int argc, char **argv, void *arguments, tn_cli_work *work) {
  tn_comm *comm = NULL;
  tn_cli_parse(argp, argc, argv, arguments);
  tn_status status = start(argc, argv, &comm);
  if (status == TN_OK)
    status = work(comm, arguments);
  const int exit_status = tn_cli_finish(comm, status);
  tn_comm_destroy(&comm);
  return exit_status;
}

double tn_cli_now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

bool tn_cli_is_interactive(void) {
  char path[64];
  if (!getenv("OMPI_COMM_WORLD_RANK"))
    return isatty(STDOUT_FILENO);
  snprintf(path, sizeof path, "/proc/%ld/fd/1", (long)getppid());
  const int launcher_output = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (launcher_output < 0)
    return false;
  const bool interactive = isatty(launcher_output);
  close(launcher_output);
  return interactive;
}
