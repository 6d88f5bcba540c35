/* The command: one file a subcommand, and what they share. Uses the public API alone. */
#ifndef TN_CLI_CLI_H
#define TN_CLI_CLI_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include <thinnet/thinnet.h>

/* Each takes its own arguments (argv[0] is "thinnet SUBCOMMAND") and returns the exit status. */
int tn_cmd_train(int argc, char **argv);
int tn_cmd_eval(int argc, char **argv);
int tn_cmd_predict(int argc, char **argv);
int tn_cmd_info(int argc, char **argv);
int tn_cmd_import(int argc, char **argv);
int tn_cmd_config(int argc, char **argv);
int tn_cmd_plan(int argc, char **argv);

/* argp_parse for a subcommand. A usage error ends the process with 2, --help with 0. Under a launcher rank 0 alone
 * speaks. */
void tn_cli_parse(const struct argp *argp, int argc, char **argv, void *input);

/* The value of an option that counts something, from 1 on; anything else is a usage error. */
int64_t tn_cli_parse_count(const char *option, const char *value, struct argp_state *state);

/* The one argument that a subcommand takes, `what` it is called; a second one is a usage error. */
void tn_cli_take_argument(const char **argument, const char *what, const char *value, struct argp_state *state);

/* The rank that the launcher's environment names, 0 where there is none: known before MPI is started, and looked up
 * then, since MPI sets such variables itself in a process that nobody launched. */
int tn_cli_launch_rank(void);

/* A subcommand that ranks do together: parses the arguments into `arguments`, starts MPI, does `work` on all ranks, and
 * prints why it failed where it did; returns the exit status. The ranks have to be told the same: all fail where their
 * arguments differ, and where they are ranks to Slurm alone (tn_comm_check_launch). */
typedef tn_status tn_cli_work(tn_comm *comm, void *arguments);
int tn_cli_run(const struct argp *argp, int argc, char **argv, void *arguments, tn_cli_work *work);

/* Prints why `status` is not TN_OK, on rank 0 (comm NULL: this process), and returns its exit status. */
int tn_cli_finish(const tn_comm *comm, tn_status status);

/* Seconds since an arbitrary start. */
double tn_cli_now_s(void);

/* Whether a person at a terminal reads standard output. Under mpirun every rank sees a pseudo-terminal, so there
 * mpirun's own output is judged. */
bool tn_cli_is_interactive(void);

#endif
