#include "fixed_oracle.h"
#include "mpi_test.h"

#include "dist/handle.h"
#include "dist/reduce.h"

#include <thinnet/mpi.h>

#include <float.h>
#include <stdio.h>
#include <string.h>

enum { REPLICAS = 12, VALUES = 5003 };

/* How the sum comes about: by MPI_Allreduce, through the memory of one node, through those of nodes of two ranks. */
typedef enum way_to_sum { BY_MPI, BY_NODE, BY_NODES_OF_TWO, WAYS } way_to_sum;

static tn_comm *comm;
static tn_team *team;

static int rank(void) {
  return tn_comm_rank(test_comm());
}

static int size(void) {
  return tn_comm_size(test_comm());
}

/* The same on every rank: a replica's gradient, over all binades that matter, and its sums. */
static float gradient_of(int replica, int i) {
  uint64_t seed = (uint64_t)replica * 1000003U + (uint64_t)i;
  return oracle_float_between(&seed, -45, i % 50 == 0 ? 20 : 4);
}

static void sums_of(int replica, double *sums) {
  sums[TN_SUM_ROWS] = 100000007 + replica;
  sums[TN_SUM_CORRECT] = 1 + replica;
  sums[TN_SUM_WEIGHT] = 0.1 * (replica + 1);
  sums[TN_SUM_LOSS] = 299.53 / (replica + 3);
}

static void fill_gradient(float *gradient, int replica) {
  for (int i = 0; i < VALUES; i++)
    gradient[i] = gradient_of(replica, i);
}

static tn_status add_replica(tn_reducer *reducer, int replica) {
  double sums[TN_SUM_COUNT];
  int64_t index = 0;
  float value = 0;
  sums_of(replica, sums);
  fill_gradient(tn_reducer_gradient(reducer), replica);
  return tn_reducer_add(reducer, sums, &index, &value);
}

static int open_team(void **state) {
  const way_to_sum way = *(const way_to_sum *)*state;
  if (tn_comm_create(MPI_COMM_WORLD, &comm) != TN_OK)
    return -1;
  if (way == BY_NODES_OF_TWO)
    tn_comm_pretend_nodes(comm, 2);
  return tn_team_create(&team, comm, way == BY_MPI ? TN_NODE_STAGE_OFF : TN_NODE_STAGE_AUTO, 1) == TN_OK ? 0 : -1;
}

static int close_team(void **state) {
  (void)state;
  tn_team_destroy(&team);
  tn_comm_destroy(&comm);
  return 0;
}

/* The whole sum, from the shares of the first node's ranks. */
static const float *whole_sum(tn_reducer *reducer) {
  static float whole[VALUES];
  tn_reducer_settle_all(reducer);
  for (int part = 0; part < tn_team_size(team); part++) {
    const tn_share share = tn_share_of(VALUES, part, tn_team_size(team));
    if (rank() == part)
      memcpy(whole + share.first, tn_reducer_total(reducer), (size_t)share.count * sizeof *whole);
    tn_comm_broadcast(comm, whole + share.first, share.count * (int64_t)sizeof *whole, part);
  }
  /* Alone, every rank has its own. */
  if (tn_team_size(team) == 1)
    memcpy(whole, tn_reducer_total(reducer), sizeof whole);
  return whole;
}

static tn_reducer *create(tn_reduction reduction, int fraction_bits) {
  tn_reducer *reducer = NULL;
  assert_all_ok(tn_reducer_create(&reducer, team, reduction, fraction_bits, REPLICAS, VALUES));
  return reducer;
}

/* The replica's owner in one of many ways to spread replicas over ranks; way 0 is contiguous, others are drawn. */
static int owner_of(int replica, int way) {
  if (way == 0)
    return replica * size() / REPLICAS;
  uint64_t seed = (uint64_t)way * 4096U + (uint64_t)replica;
  return (int)(oracle_random(&seed) % (uint64_t)size());
}

static void assert_exact(tn_reducer *reducer, int way, const float *expected, const double *expected_sums) {
  bool added = true;
  tn_reducer_begin(reducer);
  for (int replica = 0; replica < REPLICAS; replica++)
    if (owner_of(replica, way) == rank())
      added = !tn_reducer_accumulates(reducer) && add_replica(reducer, replica) == TN_OK && added;
  double sums[TN_SUM_COUNT];
  int64_t flags[TN_FLAG_COUNT];
  tn_reducer_sum(reducer, sums, flags);
  assert_all_true(added);
  assert_all_memory_equal(whole_sum(reducer), expected, VALUES * sizeof *expected);
  assert_all_memory_equal(sums, expected_sums, sizeof sums);
}

/* Whoever holds which replicas, also ranks that hold none: the bits are those of the sum in 128-bit integers. */
static void test_exact_ignores_who_holds_what(void **state) {
  (void)state;
  static float expected[VALUES];
  tn_reducer *reducer = create(TN_REDUCTION_EXACT, -1);
  const int bits = tn_reducer_fraction_bits(reducer);
  wide_integer sum_words[TN_SUM_COUNT] = {0};
  for (int i = 0; i < VALUES; i++) {
    wide_integer sum = 0;
    for (int replica = 0; replica < REPLICAS; replica++)
      sum += oracle_fixed((double)gradient_of(replica, i), bits);
    expected[i] = oracle_float(sum, bits);
  }
  double sums[TN_SUM_COUNT];
  for (int replica = 0; replica < REPLICAS; replica++) {
    sums_of(replica, sums);
    for (int s = 0; s < TN_SUM_COUNT; s++)
      sum_words[s] += oracle_fixed(sums[s], 40);
  }
  for (int s = 0; s < TN_SUM_COUNT; s++)
    sums[s] = ldexp((double)sum_words[s], -40);
  for (int way = 0; way < 40; way++)
    assert_exact(reducer, way, expected, sums);
  tn_reducer_destroy(&reducer);
  assert_all_true(reducer == NULL);
}

/* The bound that reduce.h states, 1e-6 wider: the way to float32 leads over double. The reference has 64 digits, and 40
 * suffice beside 2^-24. */
static void test_exact_errs_no_more_than_it_says(void **state) {
  (void)state;
  tn_reducer *reducer = create(TN_REDUCTION_EXACT, -1);
  double sums[TN_SUM_COUNT];
  int64_t flags[TN_FLAG_COUNT];
  bool added = true;
  for (int replica = 0; replica < REPLICAS; replica++)
    if (owner_of(replica, 0) == rank())
      added = add_replica(reducer, replica) == TN_OK && added;
  tn_reducer_sum(reducer, sums, flags);
  const float *const whole = whole_sum(reducer);
  double worst = 0.0; /* of the errors, each as a share of its bound */
  for (int i = 0; i < VALUES; i++) {
    long double reference = 0;
    for (int replica = 0; replica < REPLICAS; replica++)
      reference += (long double)gradient_of(replica, i);
    const double error = (double)fabsl((long double)whole[i] - reference);
    const double bound = REPLICAS * ldexp(0.5, -tn_reducer_fraction_bits(reducer)) + 0x1p-24 * (double)fabsl(reference);
    worst = fmax(worst, error / bound);
  }
  tn_reducer_destroy(&reducer);
  assert_all_true(added);
  assert_all_true(worst <= 1.000001);
  assert_all_true(worst > 0.5); /* the bound is not idle */
}

/* At the very end of the range the sum of all replicas still fits, to either side. */
static void test_exact_has_the_headroom_it_promises(void **state) {
  (void)state;
  for (int sign = -1; sign <= 1; sign += 2) {
    tn_reducer *reducer = create(TN_REDUCTION_EXACT, 40);
    const float greatest = (float)sign * nextafterf((float)tn_reducer_limit(reducer), 0.0F);
    bool added = true;
    for (int replica = 0; replica < REPLICAS; replica++)
      if (owner_of(replica, 0) == rank()) {
        const double sums[TN_SUM_COUNT] = {[TN_SUM_ROWS] = 1};
        int64_t index = 0;
        float value = 0;
        for (int i = 0; i < VALUES; i++)
          tn_reducer_gradient(reducer)[i] = greatest;
        added = tn_reducer_add(reducer, sums, &index, &value) == TN_OK && added;
      }
    double sums[TN_SUM_COUNT];
    int64_t flags[TN_FLAG_COUNT];
    tn_reducer_sum(reducer, sums, flags);
    const float *const whole = whole_sum(reducer);
    const double first = (double)whole[0];
    const double last = (double)whole[VALUES - 1];
    tn_reducer_destroy(&reducer);
    assert_all_true(added);
    assert_all_near(first, (double)(REPLICAS * greatest), 0);
    assert_all_near(last, (double)(REPLICAS * greatest), 0);
  }
}

static void test_fraction_bits_and_limits(void **state) {
  (void)state;
  const struct {
    int64_t replicas;
    int given, bits;
    double limit;
  } cases[] = {{1, -1, 40, 0x1p22},    {4, -1, 40, 0x1p20},       {5, -1, 39, 0x1p20}, {12, -1, 38, 0x1p20},
               {1024, -1, 32, 0x1p20}, {4194304, -1, 20, 0x1p20}, {12, 0, 0, 0x1p58},  {12, 57, 57, 2.0}};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    tn_reducer *reducer = NULL;
    assert_all_ok(tn_reducer_create(&reducer, team, TN_REDUCTION_EXACT, cases[c].given, cases[c].replicas, VALUES));
    assert_all_int_equal(tn_reducer_fraction_bits(reducer), cases[c].bits);
    assert_all_near(tn_reducer_limit(reducer), cases[c].limit, 0);
    tn_reducer_destroy(&reducer);
  }
}

static void test_impossible_settings_are_refused(void **state) {
  (void)state;
  tn_reducer *reducer = NULL;
  assert_all_status(tn_reducer_create(&reducer, team, TN_REDUCTION_EXACT, 58, REPLICAS, VALUES), TN_ERR_CONFIG);
  assert_all_true(reducer == NULL);
  assert_all_message("parallel.exact_fraction_bits = 58: with 12 replicas it can be 0 to 57; auto would take 38");
  assert_all_status(tn_reducer_create(&reducer, team, TN_REDUCTION_EXACT, -1, 4194305, VALUES), TN_ERR_CONFIG);
  assert_all_message("parallel.replicas = 4194305");
}

/* One rank alone has a bad number: it says so, the reduction takes place, and everybody sees the flag. */
static void assert_one_bad_number(tn_reduction reduction, float bad, const char *message) {
  for (int culprit = 0; culprit < size(); culprit++) {
    tn_reducer *reducer = create(reduction, -1);
    double sums[TN_SUM_COUNT];
    int64_t flags[TN_FLAG_COUNT];
    int64_t index = -1;
    float value = 0;
    sums_of(rank(), sums);
    fill_gradient(tn_reducer_gradient(reducer), rank());
    if (rank() == culprit)
      tn_reducer_gradient(reducer)[4321] = bad;
    tn_error_clear();
    const tn_status status = tn_reducer_add(reducer, sums, &index, &value);
    if (status != TN_OK)
      tn_reducer_raise(reducer, TN_FLAG_ERROR);
    tn_reducer_sum(reducer, sums, flags);
    tn_reducer_destroy(&reducer);
    assert_all_status(status, rank() == culprit ? TN_ERR_NUMERIC : TN_OK);
    assert_all_message(rank() == culprit ? message : "");
    assert_all_int_equal(index, rank() == culprit ? 4321 : -1);
    assert_all_true(rank() != culprit || memcmp(&value, &bad, sizeof bad) == 0);
    assert_all_int_equal(flags[TN_FLAG_ERROR], 1);
    assert_all_int_equal(flags[TN_FLAG_STOP], 0);
  }
}

static void test_one_bad_gradient(void **state) {
  (void)state;
  assert_one_bad_number(TN_REDUCTION_FLOAT, NAN, "a gradient is not finite (nan)");
  assert_one_bad_number(TN_REDUCTION_FLOAT, -INFINITY, "a gradient is not finite (-inf)");
  assert_one_bad_number(TN_REDUCTION_EXACT, NAN, "a gradient is not finite (nan)");
  assert_one_bad_number(TN_REDUCTION_EXACT, -0x1p20F,
                        "a value of -1.04858e+06 is not below 1.04858e+06, the limit of reduction = exact with "
                        "parallel.exact_fraction_bits = 38: set it to 37 or less");
  assert_one_bad_number(TN_REDUCTION_EXACT, 3e20F, "set parallel.reduction = float");
}

static void test_one_bad_sum(void **state) {
  (void)state;
  const struct {
    tn_reduction reduction;
    double loss;
    const char *message;
  } cases[] = {{TN_REDUCTION_FLOAT, NAN, "the loss is not finite (nan)"},
               {TN_REDUCTION_EXACT, INFINITY, "the loss is not finite (inf)"},
               {TN_REDUCTION_EXACT, 0x1p58, "the loss of 2.8823e+17 is beyond what reduction = exact can add"}};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    tn_reducer *reducer = create(cases[c].reduction, -1);
    const double sums[TN_SUM_COUNT] = {[TN_SUM_LOSS] = cases[c].loss, [TN_SUM_ROWS] = 1};
    int64_t index = -1;
    float value = 0;
    const tn_status status = tn_reducer_add(reducer, sums, &index, &value);
    tn_reducer_destroy(&reducer);
    assert_all_status(status, TN_ERR_NUMERIC);
    assert_all_message(cases[c].message);
    assert_all_int_equal(index, VALUES + TN_SUM_LOSS);
  }
}

/* Each rank hosts two replicas; the second adds to the block, as the backward pass would. */
static void test_float_sums(void **state) {
  (void)state;
  tn_reducer *reducer = create(TN_REDUCTION_FLOAT, -1);
  float *const gradient = tn_reducer_gradient(reducer);
  for (int local = 0; local < 2; local++) {
    double sums[TN_SUM_COUNT];
    int64_t index = 0;
    float value = 0;
    sums_of(2 * rank() + local, sums);
    assert_all_true(tn_reducer_accumulates(reducer) == (local == 1));
    for (int i = 0; i < VALUES; i++)
      gradient[i] = (local == 1 ? gradient[i] : 0.0F) + gradient_of(2 * rank() + local, i);
    assert_all_ok(tn_reducer_add(reducer, sums, &index, &value));
  }
  double sums[TN_SUM_COUNT];
  int64_t flags[TN_FLAG_COUNT];
  tn_reducer_sum(reducer, sums, flags);

  double expected[TN_SUM_COUNT] = {0};
  for (int replica = 0; replica < 2 * size(); replica++) {
    double one[TN_SUM_COUNT];
    sums_of(replica, one);
    for (int s = 0; s < TN_SUM_COUNT; s++)
      expected[s] += one[s];
  }
  const float *const whole = whole_sum(reducer);
  double worst = 0;
  for (int i = 0; i < VALUES; i++) {
    double exact = 0;
    double magnitude = 0;
    for (int replica = 0; replica < 2 * size(); replica++) {
      exact += (double)gradient_of(replica, i);
      magnitude += fabs((double)gradient_of(replica, i));
    }
    worst = fmax(worst, fabs((double)whole[i] - exact) / magnitude);
  }
  tn_reducer_destroy(&reducer);
  /* n numbers added in any order are within (n - 1) u sum|g|, u = 2^-24 (Higham 2002, section 4.2), and a bit for u^2
   */
  assert_all_near(worst, 0, (2 * size() - 1) * 0x1.001p-24);
  assert_all_near(sums[TN_SUM_ROWS], expected[TN_SUM_ROWS], 0);
  assert_all_near(sums[TN_SUM_CORRECT], expected[TN_SUM_CORRECT], 0);
  /* fractions ride in a part below 2^8 of each rank: rounded once a rank and once an addition */
  assert_all_near(sums[TN_SUM_WEIGHT], expected[TN_SUM_WEIGHT], 2 * size() * 0x1p-24 * expected[TN_SUM_WEIGHT]);
  assert_all_near(sums[TN_SUM_LOSS], expected[TN_SUM_LOSS], 2 * size() * 0x1p-24 * expected[TN_SUM_LOSS]);
}

static void assert_late_sum(tn_reducer *reducer, int added) {
  const int bits = tn_reducer_fraction_bits(reducer);
  double sums[TN_SUM_COUNT];
  int64_t flags[TN_FLAG_COUNT];
  tn_reducer_sum(reducer, sums, flags);
  const float *const whole = whole_sum(reducer);
  int wrong = 0;
  for (int i = 0; i < VALUES; i++) {
    wide_integer sum = 0;
    for (int replica = 0; replica < added; replica++)
      sum += oracle_fixed((double)gradient_of(replica, i), bits);
    const float expected = oracle_float(sum, bits);
    wrong += memcmp(&whole[i], &expected, sizeof expected) != 0;
  }
  double rows = 0;
  for (int replica = 0; replica < added; replica++)
    rows += 100000007 + replica;
  assert_all_int_equal(wrong, 0);
  assert_all_near(sums[TN_SUM_ROWS], rows, 0);
}

/* With one replica a rank a team's gradients become integers as they are added: the same sum to the bit, also where the
 * last rank has no rows. */
static void test_exact_with_one_replica_a_rank(void **state) {
  (void)state;
  tn_reducer *reducer = NULL;
  assert_all_ok(tn_reducer_create(&reducer, team, TN_REDUCTION_EXACT, -1, size(), VALUES));
  assert_all_ok(add_replica(reducer, rank()));
  assert_late_sum(reducer, size());
  tn_reducer_begin(reducer);
  assert_all_ok(rank() == size() - 1 ? TN_OK : add_replica(reducer, rank()));
  assert_late_sum(reducer, size() - 1);
  tn_reducer_destroy(&reducer);
}

/* A number that cannot be added is named, and leaves numbers to the reduction that is still to come. */
static void test_one_bad_gradient_with_one_replica_a_rank(void **state) {
  (void)state;
  const bool culprit = rank() == size() - 1;
  const double ones[TN_SUM_COUNT] = {[TN_SUM_ROWS] = 1};
  double sums[TN_SUM_COUNT];
  int64_t flags[TN_FLAG_COUNT];
  int64_t index = -1;
  float value = 0;
  tn_reducer *reducer = NULL;
  assert_all_ok(tn_reducer_create(&reducer, team, TN_REDUCTION_EXACT, -1, size(), VALUES));
  fill_gradient(tn_reducer_gradient(reducer), rank());
  if (culprit)
    tn_reducer_gradient(reducer)[77] = INFINITY;
  const tn_status status = tn_reducer_add(reducer, ones, &index, &value);
  tn_reducer_sum(reducer, sums, flags);
  const bool finite = isfinite(whole_sum(reducer)[77]);
  tn_reducer_destroy(&reducer);
  assert_all_status(status, culprit ? TN_ERR_NUMERIC : TN_OK);
  assert_all_int_equal(index, culprit ? 77 : -1);
  assert_all_true(!culprit || value == INFINITY);
  assert_all_true(finite);
  assert_all_near(sums[TN_SUM_ROWS], size(), 0);
}

/* A team with one replica a rank adds first and looks then, if it is asked to. */
static void test_float_gradients_are_looked_at_late(void **state) {
  (void)state;
  const bool culprit = rank() == size() - 1;
  const double ones[TN_SUM_COUNT] = {[TN_SUM_ROWS] = 1};
  double sums[TN_SUM_COUNT];
  int64_t flags[TN_FLAG_COUNT];
  int64_t index = -1;
  float value = 0;
  tn_reducer *reducer = NULL;
  assert_all_ok(tn_reducer_create(&reducer, team, TN_REDUCTION_FLOAT, -1, size(), VALUES));
  const bool late = tn_reducer_looks_late(reducer);
  fill_gradient(tn_reducer_gradient(reducer), rank());
  if (culprit && late)
    tn_reducer_gradient(reducer)[4321] = -INFINITY;
  const tn_status added = tn_reducer_add(reducer, ones, &index, &value);
  tn_reducer_sum(reducer, sums, flags);
  const float sum = whole_sum(reducer)[4321];
  const tn_status looked = tn_reducer_look(reducer, &index, &value);
  tn_reducer_destroy(&reducer);
  assert_all_true(late == (tn_team_size(team) > 1 || size() == 1));
  assert_all_ok(added);
  assert_all_true(!late || sum == -INFINITY);
  assert_all_status(looked, culprit && late ? TN_ERR_NUMERIC : TN_OK);
  assert_all_int_equal(index, culprit && late ? 4321 : -1);
  assert_all_true(!culprit || !late || value == -INFINITY);
}

/* What stands in the block of a rank without rows, from the last step perhaps, does not count. */
static void assert_idle_ranks_add_nothing(tn_reduction reduction) {
  tn_reducer *reducer = create(reduction, -1);
  for (int step = 0; step < 2; step++) {
    double sums[TN_SUM_COUNT] = {0};
    int64_t flags[TN_FLAG_COUNT];
    int64_t index = 0;
    float value = 0;
    tn_reducer_begin(reducer);
    fill_gradient(tn_reducer_gradient(reducer), 5);
    sums[TN_SUM_ROWS] = rank() == size() - 1 ? 7 : 0;
    assert_all_ok(tn_reducer_add(reducer, sums, &index, &value));
    tn_reducer_sum(reducer, sums, flags);
    const float *const whole = whole_sum(reducer);
    int wrong = 0;
    for (int i = 0; i < VALUES; i++) /* both ways round to multiples of 2^-38 at most */
      wrong += fabs((double)whole[i] - (double)gradient_of(5, i)) > 0x1p-39;
    assert_all_int_equal(wrong, 0);
    assert_all_near(sums[TN_SUM_ROWS], 7, 0);
  }
  tn_reducer_begin(reducer);
  double sums[TN_SUM_COUNT];
  int64_t flags[TN_FLAG_COUNT];
  tn_reducer_sum(reducer, sums, flags);
  const float *const whole = whole_sum(reducer);
  double greatest = 0;
  for (int i = 0; i < VALUES; i++)
    greatest = fmax(greatest, fabs((double)whole[i]));
  tn_reducer_destroy(&reducer);
  assert_all_near(greatest, 0, 0);
  assert_all_near(sums[TN_SUM_ROWS], 0, 0);
}

static void test_idle_ranks_add_nothing(void **state) {
  (void)state;
  assert_idle_ranks_add_nothing(TN_REDUCTION_FLOAT);
  assert_idle_ranks_add_nothing(TN_REDUCTION_EXACT);
}

static void test_flags_count_ranks_and_are_lowered(void **state) {
  (void)state;
  for (int reduction = TN_REDUCTION_FLOAT; reduction <= TN_REDUCTION_EXACT; reduction++) {
    tn_reducer *reducer = create((tn_reduction)reduction, -1);
    double sums[TN_SUM_COUNT];
    int64_t flags[TN_FLAG_COUNT];
    tn_reducer_raise(reducer, TN_FLAG_CHECKPOINT);
    tn_reducer_raise(reducer, TN_FLAG_CHECKPOINT);
    if (rank() == size() - 1)
      tn_reducer_raise(reducer, TN_FLAG_STOP);
    tn_reducer_sum(reducer, sums, flags);
    assert_all_int_equal(flags[TN_FLAG_CHECKPOINT], size());
    assert_all_int_equal(flags[TN_FLAG_STOP], 1);
    assert_all_int_equal(flags[TN_FLAG_TIME_LIMIT], 0);
    tn_reducer_begin(reducer);
    tn_reducer_sum(reducer, sums, flags);
    assert_all_int_equal(flags[TN_FLAG_CHECKPOINT] + flags[TN_FLAG_STOP], 0);
    tn_reducer_destroy(&reducer);
  }
}

/* The team is what it was asked to be: the tests before would pass with ranks that are all alone. */
static void test_teams_are_as_large_as_their_nodes(void **state) {
  const way_to_sum way = *(const way_to_sum *)*state;
  const int pairs = size() % 2 == 0 ? 2 : 1; /* with an odd rank left, auto does without */
  const int expected = way == BY_MPI ? 1 : (way == BY_NODE ? size() : pairs);
  assert_all_int_equal(tn_team_size(team), expected);
  assert_all_int_equal(tn_team_rank(team), rank() % expected);
}

static void test_unequal_nodes_are_refused_where_a_stage_is_asked_for(void **state) {
  const way_to_sum way = *(const way_to_sum *)*state;
  if (way != BY_NODES_OF_TWO || size() != 3)
    return;
  tn_team *wanted = NULL;
  assert_all_status(tn_team_create(&wanted, comm, TN_NODE_STAGE_ON, 1), TN_ERR_CONFIG);
  assert_all_message("parallel.node_stage = on: the nodes have from 1 to 2 ranks");
  assert_all_true(wanted == NULL);
}

static void test_a_stage_that_does_not_fit_is_refused_or_left(void **state) {
  if (*(const way_to_sum *)*state != BY_NODE || size() == 1)
    return;
  tn_team *wanted = NULL;
  assert_all_status(tn_team_create(&wanted, comm, TN_NODE_STAGE_ON, (int64_t)1 << 60), TN_ERR_MEMORY);
  assert_all_message("enlarge it, or set parallel.node_stage = off");
  assert_all_ok(tn_team_create(&wanted, comm, TN_NODE_STAGE_AUTO, (int64_t)1 << 60));
  assert_all_int_equal(tn_team_size(wanted), 1);
  tn_team_destroy(&wanted);
}

/* Rank 0's bytes reach every rank, whoever shares memory with whom. */
static void test_a_team_broadcasts(void **state) {
  (void)state;
  enum { BYTES = 5000 };
  tn_shared *shared = NULL;
  void *memory = NULL;
  assert_all_ok(tn_team_memory(team, BYTES, &shared, &memory));
  if (rank() == 0)
    memset(memory, 7, BYTES);
  tn_team_broadcast(team, shared, memory, BYTES);
  int other = 0;
  for (int i = 0; i < BYTES; i++)
    other += ((const char *)memory)[i] != 7;
  tn_shared_destroy(&shared);
  assert_all_int_equal(other, 0);
}

#define TEST(function, way) cmocka_unit_test_prestate_setup_teardown(function, open_team, close_team, &ways[way])
#define TESTS(way)                                                                                                     \
  TEST(test_teams_are_as_large_as_their_nodes, way), TEST(test_exact_ignores_who_holds_what, way),                     \
      TEST(test_exact_has_the_headroom_it_promises, way), TEST(test_exact_errs_no_more_than_it_says, way),             \
      TEST(test_fraction_bits_and_limits, way), TEST(test_impossible_settings_are_refused, way),                       \
      TEST(test_one_bad_gradient, way), TEST(test_one_bad_sum, way), TEST(test_float_sums, way),                       \
      TEST(test_exact_with_one_replica_a_rank, way), TEST(test_float_gradients_are_looked_at_late, way),               \
      TEST(test_one_bad_gradient_with_one_replica_a_rank, way), TEST(test_idle_ranks_add_nothing, way),                \
      TEST(test_flags_count_ranks_and_are_lowered, way),                                                               \
      TEST(test_unequal_nodes_are_refused_where_a_stage_is_asked_for, way),                                            \
      TEST(test_a_stage_that_does_not_fit_is_refused_or_left, way), TEST(test_a_team_broadcasts, way)

int main(int argc, char **argv) {
  static way_to_sum ways[WAYS] = {BY_MPI, BY_NODE, BY_NODES_OF_TWO};
  const struct CMUnitTest tests[] = {TESTS(BY_MPI), TESTS(BY_NODE), TESTS(BY_NODES_OF_TWO)};
  return mpi_test_run(argc, argv, "reduce", tests, sizeof tests / sizeof *tests);
}
