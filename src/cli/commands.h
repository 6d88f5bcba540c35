/* The subcommands. argv[0] is "thinnet NAME"; each returns the exit status of the command and has said on standard
 * error why it failed. */
#ifndef TN_CLI_COMMANDS_H
#define TN_CLI_COMMANDS_H

int tn_cmd_import(int argc, char **argv);

#endif
