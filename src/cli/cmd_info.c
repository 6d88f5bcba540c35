/* thinnet info */
#include "cli/cli.h"

#include <stdio.h>

static const char description[] =
    "Shows what a checkpoint, a metrics file or a data file holds, as `key: value` lines.\v"
    "For a checkpoint among them: digest (two equal digests mean bit-equal networks), parameters, layers, epoch, "
    "step.\n\n"
    "Exit status: 0 done; 1 the file is damaged or cannot be read; 2 wrong usage or another kind of file.";

static error_t parse_option(int key, char *value, struct argp_state *state) {
  const char **path = state->input;
  switch (key) {
  case ARGP_KEY_ARG:
    tn_cli_take_argument(path, "file", value, state);
    return 0;
  case ARGP_KEY_END:
    if (!*path)
      argp_error(state, "no file given");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

int tn_cmd_info(int argc, char **argv) {
  static const struct argp argp = {NULL, parse_option, "FILE.h5", description, NULL, NULL, NULL};
  const char *path = NULL;
  tn_cli_parse(&argp, argc, argv, &path);
  return tn_cli_finish(NULL, tn_info(path, stdout));
}
