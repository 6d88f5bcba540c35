/* The mean prediction of several networks against its definition, and at the ends of the range. */
#include "network_fixture.h"
#include "nn/mixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

enum { MEMBERS = 4, ROWS = 6, MAX_ROWS = 9, OUTPUTS = 3, COUNT = ROWS * OUTPUTS };

typedef struct mixture_case {
  tn_mixture mixture;
  float z[MEMBERS][COUNT];
  double y[MEMBERS][COUNT]; /* their outputs */
} mixture_case;

static void fill_outputs(tn_loss loss, mixture_case *c) {
  for (int m = 0; m < MEMBERS; m++)
    for (int i = 0; i < COUNT; i++) {
      double sum = 0;
      for (int k = 0; k < OUTPUTS; k++)
        sum += exp((double)c->z[m][i / OUTPUTS * OUTPUTS + k]);
      const double z = (double)c->z[m][i];
      c->y[m][i] =
          loss == TN_SOFTMAX_CROSS_ENTROPY ? exp(z) / sum : (loss == TN_SIGMOID_CROSS_ENTROPY ? 1 / (1 + exp(-z)) : z);
    }
}

static void add_members(mixture_case *c, int members) {
  tn_mixture_begin(&c->mixture, ROWS);
  for (int m = 0; m < members; m++)
    tn_mixture_add(&c->mixture, c->z[m]);
  tn_mixture_finish(&c->mixture);
}

static void create(mixture_case *c, tn_loss loss) {
  assert_int_equal(tn_mixture_create(&c->mixture, loss, OUTPUTS, MAX_ROWS), TN_OK);
  for (int m = 0; m < MEMBERS; m++)
    fill_uniform((uint64_t)(31 + m), -4, 4, COUNT, c->z[m]);
  fill_outputs(loss, c);
  add_members(c, MEMBERS - 1); /* whatever was there before is forgotten */
}

static void assert_near(double found, double expected, double tolerance) {
  if (!(fabs(found - expected) <= tolerance))
    fail_msg("%.17g for %.17g", found, expected);
}

static double mean_of(const mixture_case *c, int at) {
  double sum = 0;
  for (int m = 0; m < MEMBERS; m++)
    sum += c->y[m][at];
  return sum / MEMBERS;
}

static double deviation_of(const mixture_case *c, int at) {
  double sum = 0;
  for (int m = 0; m < MEMBERS; m++)
    sum += (c->y[m][at] - mean_of(c, at)) * (c->y[m][at] - mean_of(c, at));
  return sqrt(sum / MEMBERS);
}

static void test_means_and_deviations(void **state) {
  (void)state;
  static const tn_loss losses[] = {TN_SOFTMAX_CROSS_ENTROPY, TN_SIGMOID_CROSS_ENTROPY, TN_MSE};
  for (int l = 0; l < 3; l++) {
    static mixture_case c;
    create(&c, losses[l]);
    add_members(&c, MEMBERS);
    for (int i = 0; i < COUNT; i++) {
      const double mean = mean_of(&c, i);
      const double z = l == 0 ? log(mean) : (l == 1 ? log(mean / (1 - mean)) : mean);
      assert_near(c.mixture.mean[i], mean, 1e-15 * 8);
      assert_near(c.mixture.deviation[i], deviation_of(&c, i), 1e-12); /* squares cancel */
      assert_near((double)c.mixture.z[i], z, 8 * 0x1p-24);             /* a float of at most 8 */
    }
    tn_mixture_destroy(&c.mixture);
  }
}

static double entropy(tn_loss loss, const double *p) {
  double sum = 0, rest = 0;
  for (int k = 0; k < OUTPUTS; k++) {
    sum -= p[k] * log(p[k]);
    rest -= (1 - p[k]) * log(1 - p[k]);
  }
  return loss == TN_SOFTMAX_CROSS_ENTROPY ? sum : (sum + rest) / OUTPUTS;
}

static void assert_entropies(tn_loss loss) {
  static mixture_case c;
  create(&c, loss);
  add_members(&c, MEMBERS);
  for (int i = 0; i < ROWS; i++) {
    double mean[OUTPUTS], members = 0;
    for (int k = 0; k < OUTPUTS; k++)
      mean[k] = mean_of(&c, i * OUTPUTS + k);
    for (int m = 0; m < MEMBERS; m++)
      members += entropy(loss, c.y[m] + i * OUTPUTS) / MEMBERS;
    assert_near(c.mixture.entropy[i], entropy(loss, mean), 1e-14);
    assert_near(c.mixture.information[i], entropy(loss, mean) - members, 1e-14);
    assert_true(c.mixture.information[i] > 0.01);
  }
  tn_mixture_destroy(&c.mixture);
}

static void test_entropy_and_information(void **state) {
  (void)state;
  assert_entropies(TN_SOFTMAX_CROSS_ENTROPY);
  assert_entropies(TN_SIGMOID_CROSS_ENTROPY);
}

/* One member, or the same one over and over: nothing to disagree about, and a single one's z to the bit. */
static void test_a_single_member_is_itself(void **state) {
  (void)state;
  static mixture_case c;
  create(&c, TN_SOFTMAX_CROSS_ENTROPY);
  add_members(&c, 1);
  assert_memory_equal(c.mixture.z, c.z[0], sizeof c.z[0]);
  for (int i = 0; i < COUNT; i++)
    assert_near(c.mixture.deviation[i], 0, 1e-8); /* the root of a square's rounding */
  for (int i = 0; i < ROWS; i++)
    assert_near(c.mixture.information[i], 0, 1e-15);
  for (int m = 1; m < MEMBERS; m++)
    memcpy(c.z[m], c.z[0], sizeof c.z[0]);
  add_members(&c, MEMBERS);
  for (int i = 0; i < ROWS; i++)
    assert_near(c.mixture.information[i], 0, 1e-15);
  tn_mixture_destroy(&c.mixture);
}

static void test_extreme_members_stay_finite(void **state) {
  (void)state;
  tn_mixture mixture;
  const float wild[] = {1e30f, -1e30f, 0}, wilder[] = {0, -1e30f, 3e38f};
  for (int l = 0; l < 2; l++) {
    const tn_loss loss = l == 0 ? TN_SOFTMAX_CROSS_ENTROPY : TN_SIGMOID_CROSS_ENTROPY;
    assert_int_equal(tn_mixture_create(&mixture, loss, OUTPUTS, 1), TN_OK);
    tn_mixture_begin(&mixture, 1);
    tn_mixture_add(&mixture, wild);
    tn_mixture_add(&mixture, wilder);
    tn_mixture_finish(&mixture);
    for (int k = 0; k < OUTPUTS; k++)
      assert_true(isfinite(mixture.z[k]) && isfinite(mixture.mean[k]));
    assert_true(mixture.entropy[0] >= 0 && mixture.information[0] >= 0); /* not what log 0 would leave */
    assert_true(mixture.z[1] < -700);                                    /* as unlikely as a double can say */
    tn_mixture_destroy(&mixture);
  }
}

/* 1 - p of a certain member would be 0: its complement is kept beside it. */
static void test_certain_members_keep_their_doubt(void **state) {
  (void)state;
  tn_mixture mixture;
  const float certain[] = {60, 60, 60};
  assert_int_equal(tn_mixture_create(&mixture, TN_SIGMOID_CROSS_ENTROPY, OUTPUTS, 1), TN_OK);
  tn_mixture_begin(&mixture, 1);
  tn_mixture_add(&mixture, certain);
  tn_mixture_add(&mixture, certain);
  tn_mixture_finish(&mixture);
  assert_near((double)mixture.z[0], 60, 1e-5);
  tn_mixture_destroy(&mixture);
}

static void test_what_is_not_finite_is_seen(void **state) {
  (void)state;
  for (int loss = TN_SOFTMAX_CROSS_ENTROPY; loss <= TN_HUBER; loss++) {
    tn_mixture mixture;
    const float z[] = {0, NAN, 1}, fine[] = {0, 1, 2};
    assert_int_equal(tn_mixture_create(&mixture, (tn_loss)loss, OUTPUTS, 1), TN_OK);
    tn_mixture_begin(&mixture, 1);
    tn_mixture_add(&mixture, z);
    tn_mixture_add(&mixture, fine);
    tn_mixture_finish(&mixture);
    assert_true(isnan(mixture.z[1]) && isnan(mixture.mean[1]) && isnan(mixture.deviation[1]));
    if (loss == TN_SOFTMAX_CROSS_ENTROPY || loss == TN_SIGMOID_CROSS_ENTROPY)
      assert_true(isnan(mixture.entropy[0]) && isnan(mixture.information[0]) && tn_mixture_class(&mixture, 0) == -1);
    tn_mixture_destroy(&mixture);
  }
}

static void test_class_is_the_first_of_the_greatest(void **state) {
  (void)state;
  tn_mixture mixture;
  const float z[] = {1, 5, 5};
  assert_int_equal(tn_mixture_create(&mixture, TN_SOFTMAX_CROSS_ENTROPY, OUTPUTS, 1), TN_OK);
  tn_mixture_begin(&mixture, 1);
  tn_mixture_add(&mixture, z);
  tn_mixture_finish(&mixture);
  assert_int_equal(tn_mixture_class(&mixture, 0), 1);
  tn_mixture_destroy(&mixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_means_and_deviations),
      cmocka_unit_test(test_entropy_and_information),
      cmocka_unit_test(test_a_single_member_is_itself),
      cmocka_unit_test(test_extreme_members_stay_finite),
      cmocka_unit_test(test_certain_members_keep_their_doubt),
      cmocka_unit_test(test_what_is_not_finite_is_seen),
      cmocka_unit_test(test_class_is_the_first_of_the_greatest),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
