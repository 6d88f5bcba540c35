#include <thinnet/config.h>

typedef struct usual_row {
  double learning_rate, weight_decay;
} usual_row;

/* Keras's defaults. PyTorch's differ for rmsprop (.01), adagrad (.01) and adamw's weight decay (.01). */
static const usual_row usual_rows[] = {
    [TN_ADAM] = {.001, 0},     [TN_SGD] = {.01, 0},      [TN_RMSPROP] = {.001, 0},
    [TN_ADAMW] = {.001, .004}, [TN_ADAGRAD] = {.001, 0},
};

double tn_config_usual_learning_rate(tn_optimizer_kind kind) {
  return usual_rows[kind].learning_rate;
}

double tn_config_usual_weight_decay(tn_optimizer_kind kind) {
  return usual_rows[kind].weight_decay;
}
