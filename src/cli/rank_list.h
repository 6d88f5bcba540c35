/* Numbers of ranks as --ranks takes them. */
#ifndef TN_CLI_RANK_LIST_H
#define TN_CLI_RANK_LIST_H

#include <stdbool.h>
#include <stdint.h>

#define TN_RANK_LIST_MAX 256

typedef struct tn_rank_list {
  int count;
  int64_t ranks[TN_RANK_LIST_MAX];
} tn_rank_list;

/* "2,4,8": numbers from 1 on, each greater than the one before. "a,b,...,z" goes on from a and b to z, which has to be
 * met: by the factor b / a where that is whole, else by the difference; three numbers of equal differences before the
 * dots go on by the difference. False, and the list untouched, for anything else. */
bool tn_rank_list_read(const char *text, tn_rank_list *list);

#endif
