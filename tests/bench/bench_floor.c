/* The floor under a dense training step: the time that its matrix products alone take, with the same BLAS, shapes and
 * memory, on all ranks at once. Prints {"rows_per_s": rows a rank and second}. */
#include "bench_case.h"

#include "math/cblas_any.h"

static void layer_forward(const bench_case *c, int l, const float *a) {
  const tn_layer *layer = &c->network->layers[l];
  const int rows = (int)c->rows, inputs = (int)layer->inputs, outputs = (int)layer->outputs;
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, outputs, inputs, 1, a, inputs,
              c->parameters + c->network->tensors[layer->weight].offset, outputs, 0, c->workspace->activation[l],
              outputs);
}

static void layer_backward(const bench_case *c, int l, const float *a, const float *d, float *e) {
  const tn_layer *layer = &c->network->layers[l];
  const int rows = (int)c->rows, inputs = (int)layer->inputs, outputs = (int)layer->outputs;
  const int64_t offset = c->network->tensors[layer->weight].offset;
  cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, inputs, outputs, rows, 1, a, inputs, d, outputs, 0,
              c->gradient + offset, outputs);
  if (l > 0)
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, inputs, outputs, 1, d, outputs, c->parameters + offset,
                outputs, 0, e, inputs);
}

static void step(const bench_case *c) {
  const tn_workspace *workspace = c->workspace;
  const int last = c->network->layer_count - 1;
  for (int l = 0; l <= last; l++)
    layer_forward(c, l, l == 0 ? workspace->input : workspace->activation[l - 1]);
  const float *d = workspace->activation[last];
  for (int l = last; l >= 0; l--) {
    layer_backward(c, l, l == 0 ? workspace->input : workspace->activation[l - 1], d, workspace->delta[l % 2]);
    d = workspace->delta[l % 2];
  }
}

int main(int argc, char **argv) {
  static const char *const names[] = {"rows_per_s"};
  bench_case c = bench_case_create(argc, argv);
  for (int i = 0; i < 3; i++)
    step(&c);
  int64_t steps = 0;
  bench_case_start(&c);
  for (; bench_case_goes_on(&c); steps++)
    step(&c);
  const double rows_per_s = (double)(steps * c.rows) / (tn_comm_time_s() - c.started_s);
  bench_case_print(&c, 1, names, &rows_per_s);
  bench_case_destroy(&c);
  return 0;
}
