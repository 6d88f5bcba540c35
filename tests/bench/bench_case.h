/* What the programs that time a training step share: the case that their arguments name, and their figures. */
#ifndef TESTS_BENCH_CASE_H
#define TESTS_BENCH_CASE_H

#include "dist/comm.h"
#include "nn/network.h"

/* A network with everything that its passes touch; parameters and activations hold small normal numbers. */
typedef struct bench_case {
  tn_comm *comm;
  tn_config config;
  tn_network *network;
  tn_workspace *workspace;
  float *parameters, *gradient;
  int64_t rows;     /* of a batch */
  double seconds;   /* to measure for */
  double started_s; /* tn_comm_time_s when the measurement began */
} bench_case;

/* Arguments: SECONDS INPUTS section.key=value..., the keys being those of a configuration file. Ends the process with
 * status 2 where they are wrong. Collective. */
bench_case bench_case_create(int argc, char **argv);
void bench_case_destroy(bench_case *c);

/* Starts all ranks together, after their buffers have been touched. Collective. */
void bench_case_start(bench_case *c);

/* False once the time to measure is over. Local. */
bool bench_case_goes_on(const bench_case *c);

/* Prints {"NAME": value, ...} on rank 0; each value is the mean over ranks of what they give. Collective. */
void bench_case_print(const bench_case *c, int count, const char *const *names, const double *values);

#endif
