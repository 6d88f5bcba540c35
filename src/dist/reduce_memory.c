/* Where the reducer's numbers stand. */
#include "base/memory.h"
#include "dist/reducer.h"
#include "dist/sums.h"

enum {
  FLOAT_TAIL = TN_SUM_COUNT * TN_SUM_PARTS + TN_FLAG_COUNT,
  INTEGER_TAIL = TN_SUM_COUNT * TN_SUM_WORDS + TN_FLAG_COUNT
};

static int64_t whole_lines(int64_t bytes) {
  return (bytes + TN_ALIGNMENT - 1) / TN_ALIGNMENT * TN_ALIGNMENT;
}

static int64_t float_bytes(bool exact, int64_t values) {
  return whole_lines((values + (exact ? 0 : FLOAT_TAIL)) * (int64_t)sizeof(float));
}

/* values: 0 where gradients stay floats. */
static int64_t integer_bytes(bool exact, int64_t values) {
  return exact ? whole_lines((values + INTEGER_TAIL) * (int64_t)sizeof(int64_t)) : 0;
}

int64_t tn_reducer_bytes(tn_reduction reduction, int64_t values) {
  const bool exact = reduction == TN_REDUCTION_EXACT;
  return float_bytes(exact, values) + integer_bytes(exact, values);
}

/* Of the integers in a rank's block. */
static int64_t integer_values(const tn_reducer *reducer) {
  return reducer->one_replica ? 0 : reducer->values;
}

static int64_t block_bytes(const tn_reducer *reducer) {
  return float_bytes(reducer->exact, reducer->values) + integer_bytes(reducer->exact, integer_values(reducer));
}

/* The blocks of a team stand one behind the other in its window, floats and integers of a rank together. */
static void lay_out(tn_reducer *reducer, const tn_team *team, char *memory) {
  const int64_t floats = float_bytes(reducer->exact, reducer->values);
  const int64_t bytes = block_bytes(reducer);
  char *const mine = memory + tn_team_rank(team) * bytes;
  reducer->first_floats = (const float *)(const void *)memory;
  reducer->first_integers = (const int64_t *)(const void *)(memory + floats);
  reducer->floats = (float *)(void *)mine;
  reducer->integers = (int64_t *)(void *)(mine + floats);
  reducer->tail = reducer->integers + integer_values(reducer);
  reducer->stage = (tn_stage){.team = team,
                              .window = reducer->window,
                              .values = reducer->values,
                              .tail = reducer->exact ? INTEGER_TAIL : FLOAT_TAIL,
                              .stride = bytes,
                              .share = tn_share_of(reducer->values, tn_team_rank(team), tn_team_size(team))};
}

/* A rank alone finds the sum where its gradient was. */
static tn_status allocate_totals(tn_reducer *reducer) {
  if (tn_team_size(reducer->stage.team) == 1) {
    reducer->total = reducer->floats;
    reducer->integer_total = reducer->integers;
    return TN_OK;
  }
  const int64_t count = reducer->stage.share.count;
  TN_TRY(tn_alloc(&reducer->total, count + FLOAT_TAIL, sizeof *reducer->total, "a share of the gradient"));
  if (!reducer->exact)
    return TN_OK;
  return tn_alloc(&reducer->integer_total, count + INTEGER_TAIL, sizeof *reducer->integer_total,
                  "a share of the gradient as integers (parallel.reduction = exact)");
}

tn_status tn_reduce_memory_create(tn_reducer *reducer, const tn_team *team) {
  void *memory = NULL;
  TN_TRY(tn_team_memory(team, tn_team_size(team) * block_bytes(reducer), &reducer->window, &memory));
  lay_out(reducer, team, memory);
  return tn_comm_agree(team->comm, allocate_totals(reducer));
}

void tn_reduce_memory_destroy(tn_reducer *reducer) {
  if (reducer->total != reducer->floats) {
    tn_free(&reducer->total);
    tn_free(&reducer->integer_total);
  }
  tn_shared_destroy(&reducer->window);
}
