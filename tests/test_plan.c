/* The model of a step on a cluster against numbers that were worked out by hand, and a timing's shape. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include <math.h>
#include <string.h>
#include <thinnet/thinnet.h>

/* A few roundings of double. */
#define NEAR(a, b) assert_true(fabs((a) - (b)) <= 1e-12 * fabs(b))

/* 1 GB/s and 10 us: 100 MB take 100 ms once over a link. */
static const tn_plan_network halving = {.bandwidth = 1e9, .latency_s = 10e-6, .algorithm = TN_ALLREDUCE_HALVING};
static const tn_plan_network ring = {.bandwidth = 1e9, .latency_s = 10e-6, .algorithm = TN_ALLREDUCE_RING};

static void test_one_node_needs_no_network(void **state) {
  (void)state;
  assert_true(tn_plan_network_s(&halving, 1, 1e8) == 0.0);
  assert_true(tn_plan_network_s(&ring, 1, 1e8) == 0.0);
}

static void test_halving(void **state) {
  (void)state;
  NEAR(tn_plan_network_s(&halving, 2, 1e8), 2 * 10e-6 + 0.100);
  NEAR(tn_plan_network_s(&halving, 4, 1e8), 4 * 10e-6 + 0.150);
  NEAR(tn_plan_network_s(&halving, 512, 1e8), 18 * 10e-6 + 2 * 511 / 512.0 * 0.100);
  /* Half of the block goes to a neighbour, its half comes back, and at the end the whole sum: three messages more. */
  NEAR(tn_plan_network_s(&halving, 3, 1e8), 5 * 10e-6 + 0.100 + 0.200);
  NEAR(tn_plan_network_s(&halving, 7, 1e8), 7 * 10e-6 + 0.150 + 0.200);
}

static void test_ring(void **state) {
  (void)state;
  NEAR(tn_plan_network_s(&ring, 2, 1e8), 2 * 10e-6 + 0.100);
  NEAR(tn_plan_network_s(&ring, 5, 1e8), 8 * 10e-6 + 0.160);
  NEAR(tn_plan_network_s(&ring, 512, 1e8), 1022 * 10e-6 + 1022 / 512.0 * 0.100);
}

/* Batches of 100 rows take 1 ms, of 200 rows 3 ms, and each step 2 ms beside them. */
static tn_plan_steps two_sizes(void) {
  return (tn_plan_steps){.ranks = 1,
                         .bytes = 10000000, /* 10 ms a time */
                         .accumulate = 1,
                         .batch_size = 100,
                         .batch_count = 2,
                         .batches = {{100, 1e-3, 2e-3}, {200, 3e-3, 2e-3}}};
}

static tn_plan_row predict(const tn_plan_steps *steps, int64_t ranks, int64_t ranks_per_node) {
  const tn_plan_cluster cluster = {.network = ring, .ranks = ranks, .ranks_per_node = ranks_per_node};
  tn_plan_row row;
  assert_int_equal(tn_plan_predict(steps, &cluster, 0.9, &row), TN_OK);
  return row;
}

static void test_a_step(void **state) {
  (void)state;
  const tn_plan_steps steps = two_sizes();
  const tn_plan_row row = predict(&steps, 2, 1);
  assert_int_equal(row.ranks, 2);
  assert_int_equal(row.nodes, 2);
  NEAR(row.network_s, 20e-6 + 10e-3);
  NEAR(row.step_s, 1e-3 + 2e-3 + 10.02e-3);
  NEAR(row.rows_per_second, 200 / 13.02e-3);
  NEAR(row.efficiency, 3 / 13.02);
  /* 0.9 = t / (t + 10.02 ms) where t = 90.18 ms; t = 2 + 1 + 2 (rows - 100) / 100 ms: rows = 4459. */
  assert_int_equal(row.batch_needed, 4459);
}

static void test_synchronised_statistics(void **state) {
  (void)state;
  tn_plan_steps steps = two_sizes();
  steps.accumulate = 3;
  steps.sync_sums = 4;
  steps.sync_bytes = 40000; /* 10 us each */
  NEAR(predict(&steps, 2, 1).network_s, 20e-6 + 10e-3 + 3 * 4 * (20e-6 + 10e-6));
  NEAR(predict(&steps, 2, 2).network_s, 0.0);
}

/* Below the smallest size that was timed, the line would give less than nothing. */
static void test_batches_between_and_beyond(void **state) {
  (void)state;
  tn_plan_steps steps = two_sizes();
  steps.batch_size = 150;
  NEAR(predict(&steps, 1, 1).step_s, 2e-3 + 2e-3);
  steps.batch_size = 300;
  NEAR(predict(&steps, 1, 1).step_s, 5e-3 + 2e-3);
  steps.batch_size = 10;
  NEAR(predict(&steps, 1, 1).step_s, 0.1e-3 + 2e-3);
  steps.batch_count = 1;
  steps.batch_size = 1000;
  NEAR(predict(&steps, 1, 1).step_s, 10e-3 + 2e-3);
}

static void test_ranks_of_a_node_send_together(void **state) {
  (void)state;
  const tn_plan_steps steps = two_sizes();
  const tn_plan_row inside = predict(&steps, 4, 4);
  assert_int_equal(inside.nodes, 1);
  assert_true(inside.network_s == 0.0 && inside.efficiency == 1.0);
  assert_int_equal(inside.batch_needed, 1);
  const tn_plan_row two = predict(&steps, 8, 4);
  assert_int_equal(two.nodes, 2);
  NEAR(two.network_s, predict(&steps, 2, 1).network_s);
  NEAR(two.efficiency, 3 / 13.02);
  assert_int_equal(predict(&steps, 9, 4).nodes, 3);
}

/* 6 replicas of 2 batches on 4 ranks: two ranks host 2 of them, and the step takes as long as theirs. */
static void test_replicas_that_are_given(void **state) {
  (void)state;
  tn_plan_steps steps = two_sizes();
  steps.replicas = 6;
  steps.accumulate = 2;
  const tn_plan_row row = predict(&steps, 4, 4);
  NEAR(row.step_s, 4 * 1e-3 + 2e-3);
  NEAR(row.rows_per_second, 1200 / 6e-3);
  /* One rank: 12 batches, 14 ms. */
  NEAR(row.efficiency, 14 / (4 * 6.0));
  /* Two ranks of four have twice the work: (12 t + 2) / (4 (4 t + 2)) stays below 0.75. */
  assert_int_equal(row.batch_needed, 0);
}

static void assert_refused(tn_plan_steps steps, tn_plan_cluster cluster, double efficiency, const char *word) {
  tn_plan_row row;
  assert_int_equal(tn_plan_predict(&steps, &cluster, efficiency, &row), TN_ERR_USAGE);
  assert_non_null(strstr(tn_error_message(), word));
}

static void test_refusals(void **state) {
  (void)state;
  const tn_plan_cluster good = {.network = ring, .ranks = 2, .ranks_per_node = 1};
  tn_plan_steps steps = two_sizes();
  tn_plan_cluster cluster = good;
  assert_refused(steps, good, 1.0, "efficiency of 1");
  assert_refused(steps, good, NAN, "efficiency");
  cluster.ranks_per_node = 0;
  assert_refused(steps, cluster, 0.9, "0 a node");
  cluster = good;
  cluster.network.bandwidth = 0;
  assert_refused(steps, cluster, 0.9, "bytes a second");
  cluster = good;
  cluster.network.latency_s = -1;
  assert_refused(steps, cluster, 0.9, "latency of -1");
  cluster = good;
  steps.replicas = 1;
  assert_refused(steps, cluster, 0.9, "parallel.replicas = 1");
  steps.batch_count = 0;
  assert_refused(steps, good, 0.9, "timed");
}

static void assert_bandwidth(const char *text, double bytes_per_s) {
  double found = 0;
  assert_int_equal(tn_plan_read_bandwidth(text, &found), TN_OK);
  NEAR(found, bytes_per_s);
}

static void test_units(void **state) {
  (void)state;
  assert_bandwidth("10gbit", 1.25e9);
  assert_bandwidth("10Gbit/s", 1.25e9);
  assert_bandwidth("0.5mbit", 62500);
  assert_bandwidth("1.2GB", 1.2e9);
  assert_bandwidth("800kB/s", 8e5);
  assert_bandwidth("1tbit", 1.25e11);
  double seconds = 1;
  assert_int_equal(tn_plan_read_time("5us", &seconds), TN_OK);
  NEAR(seconds, 5e-6);
  assert_int_equal(tn_plan_read_time("0", &seconds), TN_OK);
  assert_true(seconds == 0.0);
  assert_int_equal(tn_plan_read_time("250ns", &seconds), TN_OK);
  NEAR(seconds, 250e-9);
}

static void test_wrong_units(void **state) {
  (void)state;
  static const char *const bandwidths[] = {"",       "10",       "gbit",   "10 gbit", "10gb",
                                           "10Gbps", "10GBit x", "-1gbit", "0gbit",   "1GBs",
                                           "1e3GB",  "nangbit",  "0x1GB",  "1.2.3GB", "1gB"};
  static const char *const times[] = {"", "5", "us", "5 us", "5US", "-5us", "5m", "5min", "1e-6s"};
  double value = 42;
  for (size_t i = 0; i < sizeof bandwidths / sizeof bandwidths[0]; i++) {
    assert_int_equal(tn_plan_read_bandwidth(bandwidths[i], &value), TN_ERR_USAGE);
    assert_non_null(strstr(tn_error_message(), "10gbit"));
  }
  for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
    assert_int_equal(tn_plan_read_time(times[i], &value), TN_ERR_USAGE);
    assert_non_null(strstr(tn_error_message(), "5us"));
  }
  assert_true(value == 42);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_one_node_needs_no_network),
      cmocka_unit_test(test_halving),
      cmocka_unit_test(test_ring),
      cmocka_unit_test(test_a_step),
      cmocka_unit_test(test_synchronised_statistics),
      cmocka_unit_test(test_batches_between_and_beyond),
      cmocka_unit_test(test_ranks_of_a_node_send_together),
      cmocka_unit_test(test_replicas_that_are_given),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_units),
      cmocka_unit_test(test_wrong_units),
  };
  return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
