/* Synchronised batch normalisation: statistics of all replicas' rows, the same at any number of ranks. */
#include "dist/comm.h"
#include "mpi_test.h"
#include "train_case.h"

#include <math.h>
#include <string.h>

static tn_comm *all_ranks(void) {
  return (tn_comm *)(uintptr_t)test_comm();
}

/* A run over all ranks against the same on one, which every rank repeats alone: bit for bit. */
static void check_ranks(const char *const *settings) {
  train_case c;
  tn_train_result together;
  tn_train_result alone;
  tn_comm *serial = NULL;
  assert_all_ok(tn_comm_create_serial(&serial));
  case_create(&c);
  case_set(&c, "model.batch_norm=yes");
  case_set(&c, "model.batch_norm_sync=yes");
  case_set(&c, "model.norm_momentum=0.8");
  case_set_all(&c, settings);
  assert_all_ok(case_train(&c, all_ranks(), NULL, NULL, &together));
  assert_all_ok(case_train(&c, serial, NULL, NULL, &alone));
  assert_all_memory_equal(together.digest, alone.digest, sizeof alone.digest);
  assert_all_memory_equal(&together.train_loss, &alone.train_loss, sizeof(double));
  assert_all_memory_equal(&together.valid_loss, &alone.valid_loss, sizeof(double));
  case_destroy(&c);
  tn_comm_destroy(&serial);
}

#define CHECK(...) check_ranks((const char *const[]){__VA_ARGS__, NULL})

/* Shards of 50 and 51 rows: their last batches have 0 and 1 rows, and 1 and 2, and that of 25 has none for some. */
static void test_any_number_of_ranks(void **state) {
  (void)state;
  CHECK("train.batch_size=10");
  CHECK("train.batch_size=25", "train.accumulate=2", "train.class_weights=1,2,0");
  CHECK("train.batch_size=7", "train.accumulate=3", "dropout.mask=batch", "data.placement=rank");
  CHECK("augment.mixup=0.4", "augment.noise=0.1", "dropout.kind=alpha", "model.activation=selu");
  CHECK("parallel.node_stage=off", "train.clip_norm=0.1", "regularization.max_norm=0.5");
  CHECK("train.batch_size=1", "parallel.replicas=5", "train.epochs=1");
}

static double valid_loss(const char *const *settings, tn_comm *comm) {
  train_case c;
  tn_train_result result;
  case_create(&c);
  case_set(&c, "dropout.hidden=0");
  case_set(&c, "dropout.input=0");
  case_set(&c, "train.batch_size=500");
  case_set(&c, "train.optimizer=sgd");
  case_set(&c, "train.learning_rate=0.5");
  case_set(&c, "train.epochs=8");
  case_set(&c, "model.batch_norm=yes");
  case_set_all(&c, settings);
  assert_all_ok(case_train(&c, comm, NULL, NULL, &result));
  case_destroy(&c);
  return result.valid_loss;
}

#define LOSS(comm, ...) valid_loss((const char *const[]){__VA_ARGS__, NULL}, comm)

/* A step reads all rows: of one replica, or of four with a quarter each. Eight steps of float32 sums in another order
 * differ by some 1e-6; statistics of the quarters by 1e-2. */
static void test_replicas_together_are_one_batch(void **state) {
  (void)state;
  tn_comm *serial = NULL;
  assert_all_ok(tn_comm_create_serial(&serial));
  const double one = LOSS(serial, "parallel.replicas=1");
  const double together = LOSS(all_ranks(), "model.batch_norm_sync=yes");
  const double in_floats = LOSS(all_ranks(), "model.batch_norm_sync=yes", "parallel.reduction=float");
  const double each = LOSS(all_ranks(), "parallel.replicas=4");
  tn_comm_destroy(&serial);
  assert_all_true(fabs(together / one - 1) < 1e-4);
  assert_all_true(fabs(in_floats / one - 1) < 1e-4);
  assert_all_true(fabs(each / one - 1) > 1e-3);
}

/* Sums that leave their range reach every replica; all ranks end together, with a message. */
static void test_what_is_not_finite_ends_all_ranks(void **state) {
  (void)state;
  train_case c;
  tn_train_result result;
  case_create(&c);
  case_set(&c, "model.batch_norm=yes");
  case_set(&c, "model.batch_norm_sync=yes");
  case_set(&c, "train.optimizer=sgd");
  case_set(&c, "train.learning_rate=1e30");
  assert_all_int_equal(case_train(&c, all_ranks(), NULL, NULL, &result), TN_ERR_NUMERIC);
  assert_all_message("layer 1: model.batch_norm_sync = yes adds up the layer's inputs and their squares over all rows");
  case_destroy(&c);
}

/* Rows of 1e5: their variance passes 2^20. Of 1e7: the sums of their squares pass 2^40. */
static void test_data_that_are_not_scaled(void **state) {
  (void)state;
  train_case c;
  tn_train_result result;
  case_create(&c);
  case_set(&c, "model.batch_norm=yes");
  case_set(&c, "data.scale=1e5");
  assert_all_int_equal(case_train(&c, all_ranks(), NULL, NULL, &result), TN_ERR_NUMERIC); /* in exact mode */
  assert_all_message("layer1/running_variance of the batch, which data.standardize = yes or data.scale would keep "
                     "small: a value of ");
  case_set(&c, "data.scale=1e7");
  case_set(&c, "model.batch_norm_sync=yes");
  case_set(&c, "parallel.reduction=float");
  assert_all_int_equal(case_train(&c, all_ranks(), NULL, NULL, &result), TN_ERR_NUMERIC);
  assert_all_message("step 1, layer 1: model.batch_norm_sync = yes adds up the layer's inputs and their squares over "
                     "all rows, and these sums are not finite, or not below 2^40: scale the data");
  case_destroy(&c);
}

/* One row a step would be normalised by what was never measured. */
static void test_a_step_of_one_row(void **state) {
  (void)state;
  train_case c;
  tn_train_result result;
  tn_comm *serial = NULL;
  assert_all_ok(tn_comm_create_serial(&serial));
  case_create(&c);
  case_set(&c, "model.batch_norm=yes");
  case_set(&c, "model.batch_norm_sync=yes");
  case_set(&c, "train.batch_size=1");
  case_set(&c, "parallel.replicas=1");
  assert_all_int_equal(case_train(&c, serial, NULL, NULL, &result), TN_ERR_CONFIG);
  assert_all_message("-s model.batch_norm_sync = yes with train.batch_size = 1 and 1 replica");
  case_destroy(&c);
  tn_comm_destroy(&serial);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_any_number_of_ranks),
      cmocka_unit_test(test_replicas_together_are_one_batch),
      cmocka_unit_test(test_what_is_not_finite_ends_all_ranks),
      cmocka_unit_test(test_data_that_are_not_scaled),
      cmocka_unit_test(test_a_step_of_one_row),
  };
  return mpi_test_run(argc, argv, "train_sync", tests, sizeof tests / sizeof *tests);
}
