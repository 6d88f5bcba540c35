/* Who keeps a waiting rank waiting, judged from what is known of all ranks. Pure: no MPI, no clock, no memory. */
#ifndef TN_DIST_STALL_JUDGE_H
#define TN_DIST_STALL_JUDGE_H

#include "base/text.h"
#include "dist/comm.h"

/* What is known of a rank. */
typedef struct tn_sighting {
  int64_t collectives; /* begun so far */
  int64_t step;
  double changed_s; /* since it last said anything new */
  double silent_s;  /* since the last sign of life of its process */
  int phase;
  bool known; /* false: its node has said nothing yet */
  bool waits; /* in the collective begun last */
} tn_sighting;

/* A rank and its machine. */
typedef struct tn_member {
  int lead; /* the lowest rank of its node */
  int node_rank;
  char host[TN_HOST_MAX];
} tn_member;

typedef struct tn_verdict {
  int speaker;    /* the lowest rank that waits and lives: the one that reports */
  int blame;      /* of the ranks that are waited for, as tn_stall_blame says; 0: there are none */
  double still_s; /* since the last change of any rank that is waited for (of any rank at all, where there is none) */
} tn_verdict;

/* How far rank `of` may be what rank `self` waits for in its collective:
 * 3  its process has given no sign of life for silent_limit_s, or it has not come to the collective and is at work;
 * 2  nothing is known of it;
 * 1  it waits itself, in an earlier collective;
 * 0  it is in the same collective, or further. */
int tn_stall_blame(const tn_sighting *ranks, int self, int of, double silent_limit_s);

/* The verdict on why rank `self`, which is in a collective, goes on waiting. The ranks that are waited for are those of
 * the greatest blame. */
tn_verdict tn_stall_judge(const tn_sighting *ranks, int size, int self, double silent_limit_s);

/* Adds "rank 2 on HOST (step 7, compute, for 31 s), ...": the ranks that are waited for, the first few of them. */
void tn_stall_list(tn_text *text, const tn_sighting *ranks, const tn_member *members, int size, int self,
                   const tn_verdict *verdict, double silent_limit_s);

#endif
