/* Would it pay to reduce while the backward pass goes on? The matrix products of a step, and the sum of its gradients
 * over the ranks: in one MPI_Allreduce behind them, as thinnet does it; layer by layer with MPI_Iallreduce, which
 * MPI_Test moves on between the products; layer by layer in MPI_Allreduce by a thread of its own. Prints seconds a
 * step:
 * {"products_s": ..., "behind_s": ..., "tested_s": ..., "thread_s": ...}. Run it between hosts: within one, ranks add
 * up through shared memory. */
#include "bench_case.h"

#include "math/cblas_any.h"

#include <mpi.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>

enum { PRODUCTS, BEHIND, TESTED, THREAD, WAY_COUNT };
enum { LAYERS_MAX = 16 };

/* The gradients that are on their way. */
typedef struct traffic {
  const bench_case *c;
  int way;
  MPI_Request requests[LAYERS_MAX];
  sem_t ready, done; /* counts of layers, for and from the thread */
  atomic_bool ends;
} traffic;

static int tensor_floats(const bench_case *c, int l) {
  const tn_tensor *weight = &c->network->tensors[c->network->layers[l].weight];
  return (int)(weight->rows * weight->cols);
}

static float *gradient_of(const bench_case *c, int l) {
  return c->gradient + c->network->tensors[c->network->layers[l].weight].offset;
}

static void move_on(traffic *t) {
  int all = 0;
  if (t->way == TESTED)
    MPI_Testall(t->c->network->layer_count, t->requests, &all, MPI_STATUSES_IGNORE);
}

static void forward(traffic *t) {
  const bench_case *c = t->c;
  for (int l = 0; l < c->network->layer_count; l++) {
    const tn_layer *layer = &c->network->layers[l];
    const int rows = (int)c->rows, inputs = (int)layer->inputs, outputs = (int)layer->outputs;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, outputs, inputs, 1,
                l == 0 ? c->workspace->input : c->workspace->activation[l - 1], inputs,
                c->parameters + c->network->tensors[layer->weight].offset, outputs, 0, c->workspace->activation[l],
                outputs);
  }
}

static void send_layer(traffic *t, int l) {
  if (t->way == TESTED)
    MPI_Iallreduce(MPI_IN_PLACE, gradient_of(t->c, l), tensor_floats(t->c, l), MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD,
                   &t->requests[l]);
  if (t->way == THREAD)
    sem_post(&t->ready);
}

static void backward_layer(traffic *t, int l, const float *d, float *e) {
  const bench_case *c = t->c;
  const tn_layer *layer = &c->network->layers[l];
  const int rows = (int)c->rows, inputs = (int)layer->inputs, outputs = (int)layer->outputs;
  cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, inputs, outputs, rows, 1e-3F,
              l == 0 ? c->workspace->input : c->workspace->activation[l - 1], inputs, d, outputs, 0, gradient_of(c, l),
              outputs);
  send_layer(t, l);
  move_on(t);
  if (l > 0)
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, inputs, outputs, 1, d, outputs,
                c->parameters + c->network->tensors[layer->weight].offset, outputs, 0, e, inputs);
  move_on(t);
}

static void finish(traffic *t) {
  const int layers = t->c->network->layer_count;
  if (t->way == BEHIND)
    MPI_Allreduce(MPI_IN_PLACE, t->c->gradient, (int)t->c->network->block_size, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
  if (t->way == TESTED)
    MPI_Waitall(layers, t->requests, MPI_STATUSES_IGNORE);
  for (int l = 0; l < layers && t->way == THREAD; l++)
    sem_wait(&t->done);
}

static void step(traffic *t) {
  const int last = t->c->network->layer_count - 1;
  const float *d = t->c->workspace->activation[last];
  forward(t);
  for (int l = last; l >= 0; l--) {
    float *e = t->c->workspace->delta[l % 2];
    backward_layer(t, l, d, e);
    d = e;
  }
  finish(t);
}

/* The thread alone calls MPI while a step of its way goes on. */
static void *reduce_layers(void *argument) {
  traffic *t = argument;
  for (int l = t->c->network->layer_count - 1;; l = (l > 0 ? l : t->c->network->layer_count) - 1) {
    sem_wait(&t->ready);
    if (atomic_load(&t->ends))
      return NULL;
    MPI_Allreduce(MPI_IN_PLACE, gradient_of(t->c, l), tensor_floats(t->c, l), MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    sem_post(&t->done);
  }
}

/* All ranks take the same number of steps. */
static double measure(traffic *t, int way, int steps) {
  t->way = way;
  step(t);
  MPI_Barrier(MPI_COMM_WORLD);
  const double start = MPI_Wtime();
  for (int i = 0; i < steps; i++)
    step(t);
  return (MPI_Wtime() - start) / steps;
}

int main(int argc, char **argv) {
  static const char *const names[WAY_COUNT] = {"products_s", "behind_s", "tested_s", "thread_s"};
  int provided = 0;
  double sums[WAY_COUNT] = {0};
  MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &provided);
  bench_case c = bench_case_create(argc, argv);
  traffic t = {.c = &c};
  pthread_t thread;
  if (c.network->layer_count > LAYERS_MAX || provided < MPI_THREAD_SERIALIZED)
    MPI_Abort(MPI_COMM_WORLD, 1);
  for (int l = 0; l < LAYERS_MAX; l++)
    t.requests[l] = MPI_REQUEST_NULL;
  sem_init(&t.ready, 0, 0);
  sem_init(&t.done, 0, 0);
  pthread_create(&thread, NULL, reduce_layers, &t);
  double longest = measure(&t, BEHIND, 3);
  MPI_Allreduce(MPI_IN_PLACE, &longest, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  const int turns = 8, steps = 1 + (int)(c.seconds / (WAY_COUNT * turns * longest));
  for (int turn = 0; turn < turns; turn++)
    for (int way = 0; way < WAY_COUNT; way++)
      sums[way] += measure(&t, way, steps) / turns;
  atomic_store(&t.ends, true);
  sem_post(&t.ready);
  pthread_join(thread, NULL);
  bench_case_print(&c, WAY_COUNT, names, sums);
  bench_case_destroy(&c);
  MPI_Finalize();
  return 0;
}
