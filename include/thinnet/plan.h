/* What a training costs on a cluster that is not there yet: steps timed here, and a model of its network. */
#ifndef THINNET_PLAN_H
#define THINNET_PLAN_H

#include <thinnet/comm.h>
#include <thinnet/config.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How MPI_Allreduce adds up a large block over nodes. */
typedef enum tn_allreduce {
  TN_ALLREDUCE_HALVING, /* halving the block, doubling the distance, and back (Rabenseifner): Open MPI, MPICH */
  TN_ALLREDUCE_RING
} tn_allreduce;

typedef struct tn_plan_network {
  double bandwidth; /* bytes a second that a node sends, and receives at the same time */
  double latency_s; /* of a message from one node to another */
  tn_allreduce algorithm;
} tn_plan_network;

/* "10gbit" (kbit, mbit, gbit, tbit: powers of 1000, in any case) or "1.2GB" (kB, MB, GB, TB), with or without "/s", as
 * bytes a second. TN_ERR_USAGE. Local. */
tn_status tn_plan_read_bandwidth(const char *text, double *bytes_per_s);

/* "5us" (ns, us, ms, s) in seconds; 0 without a unit is 0. TN_ERR_USAGE. Local. */
tn_status tn_plan_read_time(const char *text, double *seconds);

/* Seconds that a step's sum of `bytes` takes over N nodes, whose ranks have added up theirs in shared memory before, so
 * that the block passes each node's link as if each node were one rank:
 *     messages latency_s + parts bytes / bandwidth
 *
 *     algorithm                     messages           parts
 *     ring                          2 (N - 1)          2 (N - 1) / N
 *     halving, N a power of two     2 log2 N           2 (N - 1) / N
 *     halving, else, with P the     2 log2 P + 3       2 (P - 1) / P + 2
 *     power of two below N
 *
 * (Thakur, Rabenseifner and Gropp 2005, doi 10.1177/1094342005051521; where N is no power of two, N - P nodes hand
 * their block to another one at first, and get the sum at the end.) 0 for one node. Local. */
double tn_plan_network_s(const tn_plan_network *network, int64_t nodes, double bytes);

/* A batch size that was timed. A step of one batch took batch_s + rest_s. */
typedef struct tn_plan_batch {
  int64_t rows;   /* of a batch */
  double batch_s; /* its rows, forward and backward */
  double rest_s;  /* what a step has once: the sum over the ranks of the node, and the update */
} tn_plan_batch;

#define TN_PLAN_BATCHES_MAX 3

/* What has been timed, and what of the configuration counts. */
typedef struct tn_plan_steps {
  int64_t ranks; /* of the node that was timed */
  int64_t inputs, outputs, parameters;
  int64_t bytes_per_value;      /* 4, and 8 with parallel.reduction = exact */
  int64_t bytes;                /* a step's sum, as it travels between nodes */
  int64_t sync_sums;            /* model.batch_norm_sync: sums of statistics in a batch, two a hidden layer; else 0 */
  int64_t sync_bytes;           /* of them all, as they travel */
  int64_t replicas, accumulate; /* of the configuration; replicas = 0: one a rank */
  int64_t batch_size;
  int batch_count;
  tn_plan_batch batches[TN_PLAN_BATCHES_MAX]; /* from the smallest to the largest */
} tn_plan_steps;

typedef struct tn_plan_options {
  int64_t inputs; /* features of a row, where data.file is not to be opened; model.outputs must be set then */
  double seconds; /* to time each of the batch sizes for, a step at least; 0: 1 */
} tn_plan_options;

/* Times real steps of the configuration's network on the ranks of a node, without a network; where `comm` has several
 * nodes, each times its own, and rank 0's counts. On random rows, with the configuration's batch size, a quarter and
 * four times of it. Of data.file only the shape is read, and where model.outputs is not set, the labels. options may be
 * NULL. Collective, agreed; *steps is on every rank. TN_ERR_CONFIG and TN_ERR_DATA as tn_train has them. */
tn_status tn_plan_time(tn_comm *comm, const tn_config *config, const tn_plan_options *options, tn_plan_steps *steps);

/* Measures the network between the nodes of `comm`, where its ranks are on several: a step's sum over all of them
 * against that over each node's own, of one value and of as many as the configuration's network has. *network, whose
 * algorithm the caller sets, gets the latency and the bandwidth with which tn_plan_network_s gives the two
 * differences: what a program gets of the network through MPI, which may be much less than is written on it. For
 * `seconds` or so each of four times, and seven sums at least. TN_ERR_USAGE where there is one node. Collective,
 * agreed; the result is on every rank. */
tn_status tn_plan_measure_network(tn_comm *comm, const tn_config *config, const tn_plan_steps *steps, double seconds,
                                  tn_plan_network *network);

/* Ranks of the cluster to predict for. */
typedef struct tn_plan_cluster {
  tn_plan_network network;
  int64_t ranks, ranks_per_node; /* the last node may have fewer */
} tn_plan_cluster;

typedef struct tn_plan_row {
  int64_t ranks, nodes;
  double step_s, network_s; /* of which in the network */
  double rows_per_second;
  double efficiency;    /* rows_per_second over `ranks` times that of a rank without network */
  int64_t batch_needed; /* smallest train.batch_size with the efficiency asked for; 0: there is none below 2^31 */
} tn_plan_row;

/* Predicts a step at a batch size:
 *     step = batches batch_s(rows) + rest_s(rows) + tn_plan_network_s,   batches = accumulate ceil(replicas / ranks),
 * batch_s and rest_s straight lines between the batch sizes that were timed, and beyond them. Nothing overlaps, as in
 * thinnet's step; the small sums of model.batch_norm_sync between nodes are not in it. With parallel.replicas set, all
 * ranks together read the rows of that many replicas, and a rank without network hosts all of them. efficiency: what
 * batch_needed is to reach, in (0, 1). TN_ERR_USAGE where there are more ranks than replicas, or a number is out of
 * range. Local. */
tn_status tn_plan_predict(const tn_plan_steps *steps, const tn_plan_cluster *cluster, double efficiency,
                          tn_plan_row *row);

#ifdef __cplusplus
}
#endif
#endif
