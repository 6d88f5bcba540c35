#include "cli/arguments.h"
#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>

/* Beyond the keys of the subcommands' own options, which begin at 256. */
enum { OPTION_MC = 512 };

static error_t parse_config(int key, char *value, struct argp_state *state) {
  tn_cli_config_arguments *args = state->input;
  switch (key) {
  case ARGP_KEY_INIT:
    args->overrides = calloc((size_t)state->argc, sizeof *args->overrides);
    return args->overrides ? 0 : ENOMEM;
  case 's':
    args->overrides[args->override_count++] = value;
    return 0;
  case ARGP_KEY_ARG:
    tn_cli_take_argument(&args->path, "CONFIG.ini", value, state);
    return 0;
  case ARGP_KEY_END:
    if (!args->path)
      argp_error(state, "no CONFIG.ini given; `thinnet config --defaults` prints one to start from");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_option config_options[] = {
    {"set", 's', "SECTION.KEY=VALUE", 0, "Override a key of the configuration; may be repeated, the last one wins", 0},
    {0}};
const struct argp tn_cli_config_argp = {config_options, parse_config, NULL, NULL, NULL, NULL, NULL};

tn_status tn_cli_read_config(tn_config **config, const tn_cli_config_arguments *arguments) {
  *config = calloc(1, sizeof **config);
  if (!*config)
    return TN_ERR_MEMORY;
  tn_config_defaults(*config);
  tn_status status = tn_config_read(*config, arguments->path);
  for (int i = 0; i < arguments->override_count && status == TN_OK; i++)
    status = tn_config_set(*config, arguments->overrides[i]);
  return status;
}

static error_t parse_networks(int key, char *value, struct argp_state *state) {
  tn_cli_network_arguments *args = state->input;
  switch (key) {
  case 'x':
    args->x_path = value;
    return 0;
  case OPTION_MC:
    args->mc_samples = tn_cli_parse_count("--mc", value, state);
    return 0;
  case ARGP_KEY_ARGS:
    args->files = (const char *const *)(state->argv + state->next);
    args->file_count = state->argc - state->next;
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_option network_options[] = {
    {"x", 'x', "PATH", 0, "Dataset of the features; default: data.test_x of the run, or /test/x", 0},
    {"mc", OPTION_MC, "N", 0, "Monte-Carlo dropout: each network as the mean of N networks sampled from it", 0},
    {0}};
const struct argp tn_cli_network_argp = {network_options, parse_networks, NULL, NULL, NULL, NULL, NULL};
