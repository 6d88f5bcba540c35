/* Arguments that several subcommands take: parsers to be children of theirs (argp_child), which set
 * state->child_inputs at ARGP_KEY_INIT. */
#ifndef TN_CLI_ARGUMENTS_H
#define TN_CLI_ARGUMENTS_H

#include <argp.h>
#include <stdint.h>
#include <thinnet/thinnet.h>

/* CONFIG.ini, which has to be there, and -s SECTION.KEY=VALUE. */
typedef struct tn_cli_config_arguments {
  const char *path;
  char **overrides; /* to be freed by the caller */
  int override_count;
} tn_cli_config_arguments;
extern const struct argp tn_cli_config_argp;

/* The defaults, then the file, then the overrides in their order, in a new configuration that the caller frees, also
 * after an error. TN_ERR_CONFIG as tn_config_read, TN_ERR_MEMORY. Local. */
tn_status tn_cli_read_config(tn_config **config, const tn_cli_config_arguments *arguments);

/* Any number of files, checkpoints first; -x, and --mc. */
typedef struct tn_cli_network_arguments {
  const char *const *files;
  int file_count;
  const char *x_path;
  int64_t mc_samples;
} tn_cli_network_arguments;
extern const struct argp tn_cli_network_argp;

#endif
