/* thinnet: finds the subcommand. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct subcommand {
  const char *name;
  int (*run)(int argc, char **argv);
  const char *meaning;
} subcommand;

static const subcommand subcommands[] = {
    {"train", tn_cmd_train, "train a network as a configuration file says"},
    {"eval", tn_cmd_eval, "loss and accuracy of a checkpoint"},
    {"predict", tn_cmd_predict, "write the network's output for every row of a data file"},
    {"info", tn_cmd_info, "show what a checkpoint, a metrics file or a data file holds"},
    {"import", tn_cmd_import, "make a data file from IDX, CSV or NPY files"},
    {"config", tn_cmd_config, "list every configuration key, or check a file"},
    {"plan", tn_cmd_plan, "predict how a training scales over a cluster's network"},
};
#define SUBCOMMAND_COUNT (sizeof subcommands / sizeof subcommands[0])

static void print_help(FILE *stream) {
  fputs("Usage: thinnet SUBCOMMAND [ARGUMENTS]\n"
        "Data-parallel training of multi-layer perceptrons with dropout, on one core or a cluster.\n\n",
        stream);
  for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
    fprintf(stream, "  %-10s %s\n", subcommands[i].name, subcommands[i].meaning);
  fputs("\n  thinnet SUBCOMMAND --help   describes a subcommand\n"
        "  thinnet --version           names the libraries it was built with\n\n"
        "train, eval, predict and plan run under mpirun or srun with any number of ranks, and also started bare:\n\n"
        "  thinnet import csv --train rows.csv --label species -o rows.h5\n"
        "  thinnet config --defaults > my.ini\n"
        "  mpirun -n 4 thinnet train my.ini -o runs/first\n"
        "  thinnet eval runs/first/best.h5\n\n"
        "Exit status: 0 done; 1 failed; 2 wrong usage, configuration or input data; 75 stopped on request with\n"
        "a checkpoint written: run again with --resume.\n",
        stream);
}

static int refuse_subcommand(const char *name) {
  char names[256] = "";
  size_t length = 0;
  for (size_t i = 0; i < SUBCOMMAND_COUNT && length < sizeof names; i++)
    length += (size_t)snprintf(names + length, sizeof names - length, "%s%s",
                               i == 0 ? "" : (i == SUBCOMMAND_COUNT - 1 ? " or " : ", "), subcommands[i].name);
  if (tn_cli_launch_rank() == 0)
    fprintf(stderr, "thinnet: error: '%s' is no subcommand; expected %s (thinnet --help)\n", name, names);
  return tn_status_exit_code(TN_ERR_USAGE);
}

static int run_subcommand(const subcommand *command, int argc, char **argv) {
  static char name[64];
  snprintf(name, sizeof name, "thinnet %s", command->name);
  argv[0] = name;
  return command->run(argc, argv);
}

static bool is_one_of(const char *word, const char *a, const char *b) {
  return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

/* What a person or a file was to get and did not (a full disk) is a failure, whatever was printed. */
static void close_output(void) {
  if (fflush(stdout) == 0 && !ferror(stdout))
    return;
  perror("thinnet: error: standard output cannot be written");
  _exit(tn_status_exit_code(TN_ERR_IO));
}

int main(int argc, char **argv) {
  atexit(close_output);
  if (argc < 2) {
    if (tn_cli_launch_rank() == 0)
      print_help(stderr);
    return tn_status_exit_code(TN_ERR_USAGE);
  }
  if (is_one_of(argv[1], "--help", "-h")) {
    print_help(stdout);
    return EXIT_SUCCESS;
  }
  if (is_one_of(argv[1], "--version", "-V")) {
    puts(tn_version_text());
    return EXIT_SUCCESS;
  }
  for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
    if (strcmp(argv[1], subcommands[i].name) == 0)
      return run_subcommand(&subcommands[i], argc - 1, argv + 1);
  return refuse_subcommand(argv[1]);
}
