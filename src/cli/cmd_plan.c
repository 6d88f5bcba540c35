/* thinnet plan */
#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/rank_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  OPTION_RANKS = 256,
  OPTION_BANDWIDTH,
  OPTION_LATENCY,
  OPTION_ALGORITHM,
  OPTION_RANKS_PER_NODE,
  OPTION_INPUTS,
  OPTION_EFFICIENCY,
  OPTION_SECONDS,
  OPTION_JSON
};

typedef struct arguments {
  tn_cli_config_arguments config;
  tn_rank_list ranks;
  tn_plan_network network;
  int64_t ranks_per_node; /* 0: as many as were timed */
  double efficiency;
  tn_plan_options options;
  bool measures_network, json;
} arguments;

static const struct argp_option option_table[] = {
    {"ranks", OPTION_RANKS, "LIST", 0, "Numbers of ranks: 2,4,8 or 2,4,...,512 or 16,32,48,...,256", 0},
    {"bandwidth", OPTION_BANDWIDTH, "RATE", 0, "Of a node's link, each way: 10gbit, or 1.2GB (a second)", 0},
    {"latency", OPTION_LATENCY, "TIME", 0,
     "Of a message between two nodes: 5us. Without both the network is measured: start plan on two nodes or more", 0},
    {"ranks-per-node", OPTION_RANKS_PER_NODE, "N", 0, "Default: as many as plan itself runs on", 0},
    {"algorithm", OPTION_ALGORITHM, "NAME", 0, "How MPI_Allreduce adds up: halving (default), ring", 0},
    {"inputs", OPTION_INPUTS, "N", 0, "Features of a row: data.file is not opened; needs model.outputs", 0},
    {"efficiency", OPTION_EFFICIENCY, "SHARE", 0, "What the batch in the last column is to reach; default 0.9", 0},
    {"seconds", OPTION_SECONDS, "S", 0, "To time each of three batch sizes for; default 1", 0},
    {"json", OPTION_JSON, NULL, 0, "Print one JSON object", 0},
    {0}};

static const char description[] =
    "Predicts how the training of CONFIG.ini scales over the nodes of a cluster.\v"
    "Steps of the network are timed here, on random rows, with the batch size of the configuration, a quarter and four "
    "times of it. What the network between nodes adds is computed: the ranks of a node add up their gradients in "
    "shared memory, and the sum, 4 bytes a value (8 with parallel.reduction = exact), then passes each node's link\n\n"
    "  2 (N - 1) / N times, in 2 log2 N messages   N nodes, a power of two (halving)\n"
    "  2 more times, in 3 more messages            other N, from the power of two below\n"
    "  2 (N - 1) / N times, in 2 (N - 1) messages  (ring)\n\n"
    "and nothing of that overlaps with computing; with model.batch_norm_sync two small sums a hidden layer and batch "
    "pass as well. Efficiency is rows a second over those of as many ranks without a network; the last column is the "
    "train.batch_size that reaches 90 % of them. thinnet/plan.h has the formulas.\n\n"
    "Started by mpirun it times all ranks of a node at once, with what they take from each other, and their sum in "
    "shared memory. Started on several nodes, without --bandwidth and --latency, it also measures what MPI gets out of "
    "the network between them, which may be much less than is written on it:\n\n"
    "  thinnet plan my.ini --ranks 2,4,...,512 --bandwidth 10gbit --latency 5us\n"
    "  mpirun -n 32 thinnet plan my.ini --ranks 32,64,...,1024 --bandwidth 100gbit --latency 2us\n"
    "  mpirun -n 64 --map-by ppr:32:node thinnet plan my.ini --ranks 64,128,...,1024\n"
    "  thinnet plan my.ini --inputs 784 -s model.outputs=10 --ranks 4 --bandwidth 1gbit --latency 50us\n\n"
    "Exit status: 0 done; 1 failed; 2 wrong usage, configuration or data.";

static void check_arguments(const arguments *args, struct argp_state *state) {
  if (args->ranks.count == 0)
    argp_error(state, "--ranks is missing: for which numbers of ranks, such as --ranks 2,4,...,64");
  else if ((args->network.bandwidth > 0.0) != (args->network.latency_s >= 0.0))
    argp_error(state, "--bandwidth and --latency describe a network together, such as --bandwidth 10gbit --latency "
                      "5us; without both of them it is measured between the nodes that plan runs on");
}

static double parse_share(const char *option, const char *value, double most, struct argp_state *state) {
  char *end = NULL;
  const double share = strtod(value, &end);
  if (end == value || *end || !(share > 0.0) || !(share < most))
    argp_error(state, "%s %s: expected a number above 0 and below %g", option, value, most);
  return share;
}

static tn_allreduce parse_algorithm(const char *value, struct argp_state *state) {
  if (strcmp(value, "ring") == 0)
    return TN_ALLREDUCE_RING;
  if (strcmp(value, "halving") != 0)
    argp_error(state, "--algorithm %s: expected halving or ring", value);
  return TN_ALLREDUCE_HALVING;
}

static void read_or_refuse(tn_status status, const char *option, struct argp_state *state) {
  if (status != TN_OK)
    argp_error(state, "%s: %s", option, tn_error_message());
}

static error_t parse_network(int key, char *value, struct argp_state *state) {
  arguments *args = state->input;
  switch (key) {
  case OPTION_BANDWIDTH:
    read_or_refuse(tn_plan_read_bandwidth(value, &args->network.bandwidth), "--bandwidth", state);
    return 0;
  case OPTION_LATENCY:
    read_or_refuse(tn_plan_read_time(value, &args->network.latency_s), "--latency", state);
    return 0;
  case OPTION_ALGORITHM:
    args->network.algorithm = parse_algorithm(value, state);
    return 0;
  case OPTION_RANKS_PER_NODE:
    args->ranks_per_node = tn_cli_parse_count("--ranks-per-node", value, state);
    return 0;
  case OPTION_RANKS:
    if (!tn_rank_list_read(value, &args->ranks))
      argp_error(state,
                 "--ranks %s: expected numbers from 1 on, growing, at most %d of them; `...` goes on by the factor of "
                 "the two before it (or the difference, after three such, or without a whole factor) up to the next: "
                 "2,4,8 or 2,4,...,512 or 16,32,48,...,256",
                 value, TN_RANK_LIST_MAX);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static error_t parse_option(int key, char *value, struct argp_state *state) {
  arguments *args = state->input;
  switch (key) {
  case ARGP_KEY_INIT:
    state->child_inputs[0] = &args->config;
    return 0;
  case OPTION_INPUTS:
    args->options.inputs = tn_cli_parse_count("--inputs", value, state);
    return 0;
  case OPTION_EFFICIENCY:
    args->efficiency = parse_share("--efficiency", value, 1.0, state);
    return 0;
  case OPTION_SECONDS:
    args->options.seconds = parse_share("--seconds", value, 3600.0, state);
    return 0;
  case OPTION_JSON:
    args->json = true;
    return 0;
  case ARGP_KEY_END:
    check_arguments(args, state);
    return 0;
  default:
    return parse_network(key, value, state);
  }
}

static const char *algorithm_word(tn_allreduce algorithm) {
  return algorithm == TN_ALLREDUCE_RING ? "ring" : "halving";
}

static void print_links(const arguments *args, int64_t ranks_per_node) {
  printf("links      %.6g Gbit/s each way, latency %.6g us%s, %s; ranks a node %" PRId64 "\n",
         8e-9 * args->network.bandwidth, 1e6 * args->network.latency_s,
         args->measures_network ? " (measured through MPI)" : "", algorithm_word(args->network.algorithm),
         ranks_per_node);
}

static void print_text_head(const arguments *args, const tn_plan_steps *steps, int64_t ranks_per_node) {
  printf("network    %" PRId64 " inputs, %" PRId64 " outputs, %" PRId64 " parameters; %.3f MB a step between nodes\n",
         steps->inputs, steps->outputs, steps->parameters, 1e-6 * (double)steps->bytes);
  printf("timed      on %" PRId64 " rank%s here, ms a step:", steps->ranks, steps->ranks == 1 ? "" : "s");
  for (int i = 0; i < steps->batch_count; i++) {
    const tn_plan_batch *batch = &steps->batches[i];
    printf("%s batch %" PRId64 ": %.3f (%.3f + %.3f)", i ? "," : "", batch->rows,
           1e3 * (batch->batch_s + batch->rest_s), 1e3 * batch->batch_s, 1e3 * batch->rest_s);
  }
  putchar('\n');
  print_links(args, ranks_per_node);
  if (ranks_per_node != steps->ranks)
    printf("note       timed with %" PRId64 " rank%s on this node, not %" PRId64
           ": what that many take from each other, and their sum in shared memory, is not in it\n",
           steps->ranks, steps->ranks == 1 ? "" : "s", ranks_per_node);
}

static void print_text_row(const tn_plan_row *row) {
  printf("%6" PRId64 " %6" PRId64 " %10.3f %11.3f %12.0f %10.1f %% ", row->ranks, row->nodes, 1e3 * row->step_s,
         1e3 * row->network_s, row->rows_per_second, 100.0 * row->efficiency);
  if (row->batch_needed > 0)
    printf("%10" PRId64 "\n", row->batch_needed);
  else
    printf("%10s\n", "none");
}

static void print_text(const arguments *args, const tn_plan_steps *steps, int64_t ranks_per_node,
                       const tn_plan_row *rows) {
  print_text_head(args, steps, ranks_per_node);
  char needed[32];
  snprintf(needed, sizeof needed, "for %.4g %%", 100.0 * args->efficiency);
  printf("\n%6s %6s %10s %11s %12s %12s %10s\n", "", "", "step", "network", "", "", "batch");
  printf("%6s %6s %10s %11s %12s %12s %10s\n", "ranks", "nodes", "ms", "ms", "rows/s", "efficiency", needed);
  for (int i = 0; i < args->ranks.count; i++)
    print_text_row(&rows[i]);
}

static void print_json(const arguments *args, const tn_plan_steps *steps, int64_t ranks_per_node,
                       const tn_plan_row *rows) {
  printf("{\"inputs\": %" PRId64 ", \"outputs\": %" PRId64 ", \"parameters\": %" PRId64 ", \"bytes\": %" PRId64
         ", \"batch_size\": %" PRId64 ", \"ranks_timed\": %" PRId64 ", \"ranks_per_node\": %" PRId64
         ", \"bandwidth\": %.17g, \"latency_s\": %.17g, \"network_measured\": %s, \"algorithm\": \"%s\", "
         "\"efficiency_wanted\": %.17g, ",
         steps->inputs, steps->outputs, steps->parameters, steps->bytes, steps->batch_size, steps->ranks,
         ranks_per_node, args->network.bandwidth, args->network.latency_s, args->measures_network ? "true" : "false",
         algorithm_word(args->network.algorithm), args->efficiency);
  printf("\"timed\": [");
  for (int i = 0; i < steps->batch_count; i++)
    printf("%s{\"rows\": %" PRId64 ", \"batch_s\": %.17g, \"rest_s\": %.17g}", i ? ", " : "", steps->batches[i].rows,
           steps->batches[i].batch_s, steps->batches[i].rest_s);
  printf("], \"plan\": [");
  for (int i = 0; i < args->ranks.count; i++)
    printf("%s{\"ranks\": %" PRId64 ", \"nodes\": %" PRId64
           ", \"step_s\": %.17g, \"network_s\": %.17g, \"rows_per_second\": %.17g, \"efficiency\": %.17g, "
           "\"batch_needed\": %" PRId64 "}",
           i ? ", " : "", rows[i].ranks, rows[i].nodes, rows[i].step_s, rows[i].network_s, rows[i].rows_per_second,
           rows[i].efficiency, rows[i].batch_needed);
  puts("]}");
}

/* Rank 0 predicts and prints: nothing there depends on the other ranks any more. */
static tn_status predict(const arguments *args, const tn_plan_steps *steps) {
  tn_plan_row rows[TN_RANK_LIST_MAX];
  tn_plan_cluster cluster = {.network = args->network,
                             .ranks_per_node = args->ranks_per_node > 0 ? args->ranks_per_node : steps->ranks};
  for (int i = 0; i < args->ranks.count; i++) {
    cluster.ranks = args->ranks.ranks[i];
    const tn_status status = tn_plan_predict(steps, &cluster, args->efficiency, &rows[i]);
    if (status != TN_OK)
      return status;
  }
  (args->json ? print_json : print_text)(args, steps, cluster.ranks_per_node, rows);
  return TN_OK;
}

static tn_status plan(tn_comm *comm, arguments *args, const tn_config *config) {
  tn_plan_steps steps;
  tn_status status = tn_plan_time(comm, config, &args->options, &steps);
  args->measures_network = args->network.bandwidth <= 0.0;
  if (status == TN_OK && args->measures_network)
    status = tn_plan_measure_network(comm, config, &steps, args->options.seconds, &args->network);
  if (status == TN_OK && tn_comm_rank(comm) == 0)
    status = predict(args, &steps);
  return tn_comm_agree(comm, status);
}

static tn_status run(tn_comm *comm, void *context) {
  arguments *args = context;
  tn_config *config = NULL;
  tn_status status = tn_comm_agree(comm, tn_cli_read_config(&config, &args->config));
  if (status == TN_OK)
    status = plan(comm, args, config);
  free(config);
  return status;
}

int tn_cmd_plan(int argc, char **argv) {
  static const struct argp_child children[] = {{&tn_cli_config_argp, 0, NULL, 0}, {0}};
  static const struct argp argp = {option_table, parse_option, "CONFIG.ini", description, children, NULL, NULL};
  arguments args = {.network.latency_s = -1.0, .efficiency = 0.9};
  const int exit_status = tn_cli_run(&argp, argc, argv, &args, run);
  free(args.config.overrides);
  return exit_status;
}
