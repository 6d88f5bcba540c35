/* The floor under a dense training step: the time that its matrix products alone take, with the same BLAS, shapes and
 * memory, on all ranks at once. Each product is taken in the two forms that BLAS offers, the plain call with beta = 0
 * and thinnet's own (math/gemm.h), in turns, and the floor is the faster form of each: what thinnet chooses can only
 * lower it. Prints {"rows_per_s": rows a rank and second}. */
#include "bench_case.h"

#include "base/memory.h"
#include "math/cblas_any.h"
#include "math/gemm.h"

#include <math.h>
#include <string.h>

enum { FORWARD, WEIGHT_GRADIENT, INPUT_GRADIENT, PRODUCT_COUNT };
enum { PLAIN, OWN, FORM_COUNT };

/* A layer's operands: a (rows, inputs), w, d (rows, outputs); and its results. e is NULL where no layer is below. */
typedef struct operands {
  int64_t rows, inputs, outputs;
  const float *a, *w, *d;
  float *z, *g, *e;
} operands;

static void multiply_plain(const operands *p, int product) {
  const int rows = (int)p->rows, inputs = (int)p->inputs, outputs = (int)p->outputs;
  if (product == FORWARD)
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, outputs, inputs, 1, p->a, inputs, p->w, outputs, 0,
                p->z, outputs);
  else if (product == WEIGHT_GRADIENT)
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, inputs, outputs, rows, 1, p->a, inputs, p->d, outputs, 0, p->g,
                outputs);
  else
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, inputs, outputs, 1, p->d, outputs, p->w, outputs, 0,
                p->e, inputs);
}

static void multiply_own(const operands *p, int product) {
  if (product == FORWARD)
    tn_gemm_forward(p->rows, p->inputs, p->outputs, p->a, p->w, p->z);
  else if (product == WEIGHT_GRADIENT)
    tn_gemm_weight_gradient(p->rows, p->inputs, p->outputs, p->a, p->d, p->g, false);
  else
    tn_gemm_input_gradient(p->rows, p->inputs, p->outputs, p->d, p->w, p->e);
}

static operands layer_operands(const bench_case *c, int l) {
  const tn_workspace *workspace = c->workspace;
  const tn_layer *layer = &c->network->layers[l];
  const int64_t offset = c->network->tensors[layer->weight].offset;
  const bool is_last = l == c->network->layer_count - 1;
  return (operands){.rows = c->rows,
                    .inputs = layer->inputs,
                    .outputs = layer->outputs,
                    .a = l == 0 ? workspace->input : workspace->activation[l - 1],
                    .w = c->parameters + offset,
                    .d = is_last ? workspace->activation[l] : workspace->delta[l % 2],
                    .z = workspace->activation[l],
                    .g = c->gradient + offset,
                    .e = l == 0 ? NULL : workspace->delta[(l - 1) % 2]};
}

static void multiply(const bench_case *c, int l, int product, int form, double *seconds) {
  const operands p = layer_operands(c, l);
  if (product == INPUT_GRADIENT && p.e == NULL)
    return;
  const double start = tn_comm_time_s();
  if (form == PLAIN)
    multiply_plain(&p, product);
  else
    multiply_own(&p, product);
  seconds[(l * PRODUCT_COUNT + product) * FORM_COUNT + form] += tn_comm_time_s() - start;
}

/* All products of a step in their order, so that the caches hold what they would. */
static void step(const bench_case *c, int form, double *seconds) {
  for (int l = 0; l < c->network->layer_count; l++)
    multiply(c, l, FORWARD, form, seconds);
  for (int l = c->network->layer_count - 1; l >= 0; l--) {
    multiply(c, l, WEIGHT_GRADIENT, form, seconds);
    multiply(c, l, INPUT_GRADIENT, form, seconds);
  }
}

static double faster_forms_s(const double *seconds, int products) {
  double sum = 0;
  for (int i = 0; i < products; i++)
    sum += fmin(seconds[i * FORM_COUNT + PLAIN], seconds[i * FORM_COUNT + OWN]);
  return sum;
}

int main(int argc, char **argv) {
  static const char *const names[] = {"rows_per_s"};
  bench_case c = bench_case_create(argc, argv);
  const int products = c.network->layer_count * PRODUCT_COUNT;
  double *seconds = NULL;
  if (tn_alloc(&seconds, products * FORM_COUNT, sizeof *seconds, "the times") != TN_OK)
    return 1;
  for (int i = 0; i < 2 * FORM_COUNT; i++)
    step(&c, i % FORM_COUNT, seconds);
  memset(seconds, 0, (size_t)(products * FORM_COUNT) * sizeof *seconds);
  int64_t steps = 0;
  bench_case_start(&c);
  for (; bench_case_goes_on(&c); steps++)
    for (int form = 0; form < FORM_COUNT; form++)
      step(&c, form, seconds);
  const double rows_per_s = (double)(steps * c.rows) / faster_forms_s(seconds, products);
  bench_case_print(&c, 1, names, &rows_per_s);
  tn_free(&seconds);
  bench_case_destroy(&c);
  return 0;
}
