/* thinnet config */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>

enum { OPTION_DEFAULTS = 256 };

typedef struct arguments {
  const char *path;
  bool defaults;
} arguments;

static const struct argp_option option_table[] = {
    {"defaults", OPTION_DEFAULTS, NULL, 0, "Print a configuration file with every key at its default", 0}, {0}};

static const char description[] =
    "Without arguments: every key with its type, range, default and meaning. With CONFIG.ini: checks the file.\v"
    "  thinnet config | less\n"
    "  thinnet config --defaults > my.ini\n"
    "  thinnet config my.ini\n\n"
    "The check covers the file alone; `thinnet train --dry-run` looks at the data, too.\n\n"
    "Exit status: 0 done, nothing wrong found; 2 wrong usage or configuration.";

static error_t parse_option(int key, char *value, struct argp_state *state) {
  arguments *args = state->input;
  switch (key) {
  case OPTION_DEFAULTS:
    args->defaults = true;
    return 0;
  case ARGP_KEY_ARG:
    tn_cli_take_argument(&args->path, "CONFIG.ini", value, state);
    return 0;
  case ARGP_KEY_END:
    if (args->path && args->defaults)
      argp_error(state, "--defaults and a file do not go together");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static tn_status print_defaults(const tn_config *config) {
  char *text = tn_config_format(config);
  if (!text)
    return TN_ERR_MEMORY;
  fputs(text, stdout);
  free(text);
  return TN_OK;
}

static tn_status check_file(tn_config *config, const char *path) {
  tn_status status = tn_config_read(config, path);
  if (status == TN_OK)
    status = tn_config_check(config);
  if (status == TN_OK)
    printf("%s: nothing wrong found\n", path);
  return status;
}

static tn_status run(const arguments *args, tn_config *config) {
  tn_config_defaults(config);
  if (args->path)
    return check_file(config, args->path);
  if (args->defaults)
    return print_defaults(config);
  tn_config_describe(stdout);
  return TN_OK;
}

int tn_cmd_config(int argc, char **argv) {
  static const struct argp argp = {option_table, parse_option, "[CONFIG.ini]", description, NULL, NULL, NULL};
  arguments args = {0};
  tn_cli_parse(&argp, argc, argv, &args);
  tn_config *config = calloc(1, sizeof *config);
  const tn_status status = config ? run(&args, config) : TN_ERR_MEMORY;
  free(config);
  return tn_cli_finish(NULL, status);
}
