/* Loads a checkpoint and predicts from a plain array: one process, no MPI, no data file. */
#include <stdio.h>
#include <stdlib.h>
#include <thinnet/model.h>

/* A nought as the shipped digits have it: 8x8 pixels from 0 to 16. */
static const float image[64] = {0, 0,  4, 13, 12, 2, 0,  0,  0, 1,  15, 12, 12, 13, 0, 0,  0,  4, 16, 2, 1,  14,
                                4, 0,  0, 6,  14, 0, 0,  10, 8, 0,  0,  6,  12, 0,  0, 10, 8,  0, 0,  4, 13, 0,
                                0, 13, 7, 0,  0,  1, 15, 7,  9, 15, 1,  0,  0,  0,  5, 14, 13, 4, 0,  0};

static int fail(const char *what) {
  fprintf(stderr, "predict: %s: %s\n", what, tn_error_message());
  return 1;
}

int main(int argc, char **argv) {
  tn_model *model = NULL;
  float output[10];
  if (argc != 2 || tn_model_load(&model, argv[1]) != TN_OK)
    return fail("cannot load the checkpoint");
  if (tn_model_inputs(model) != 64 || tn_model_outputs(model) != 10)
    return fail("not a network for the digits");
  if (tn_model_predict(model, 1, image, output) != TN_OK)
    return fail("cannot predict");
  int best = 0;
  for (int digit = 1; digit < 10; digit++)
    best = output[digit] > output[best] ? digit : best;
  printf("network %s says: a %d, with probability %.3f\n", tn_model_digest(model), best, (double)output[best]);
  tn_model_destroy(&model);
  return best == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
