#include "cli/rank_list.h"

#include <stdlib.h>
#include <string.h>

/* More ranks than any machine has; their products still fit. */
#define RANKS_MAX (1 << 30)

static bool add(tn_rank_list *list, int64_t ranks) {
  const int64_t before = list->count > 0 ? list->ranks[list->count - 1] : 0;
  if (ranks <= before || ranks > RANKS_MAX || list->count == TN_RANK_LIST_MAX)
    return false;
  list->ranks[list->count++] = ranks;
  return true;
}

/* Takes digits, and leaves *text behind them. */
static bool read_number(const char **text, int64_t *number) {
  const size_t length = strspn(*text, "0123456789");
  if (length == 0 || length > 10)
    return false;
  *number = strtoll(*text, NULL, 10);
  *text += length;
  return true;
}

static bool counts_on(const tn_rank_list *list) {
  const int64_t *last = &list->ranks[list->count - 1];
  const bool even = list->count > 2 && last[0] - last[-1] == last[-1] - last[-2];
  return even || last[0] % last[-1] != 0;
}

/* Goes on to `end`, which has to be met. */
static bool go_on(tn_rank_list *list, int64_t end) {
  if (list->count < 2)
    return false;
  const int64_t last = list->ranks[list->count - 1], before = list->ranks[list->count - 2];
  const bool by_difference = counts_on(list);
  for (int64_t next = last; next < end;) {
    next = by_difference ? next + (last - before) : next * (last / before);
    if (!add(list, next))
      return false;
  }
  return list->ranks[list->count - 1] == end;
}

bool tn_rank_list_read(const char *text, tn_rank_list *list) {
  static const char dots[] = "...,";
  tn_rank_list found = {0};
  do {
    const bool goes_on = strncmp(text, dots, strlen(dots)) == 0;
    int64_t number = 0;
    if (goes_on)
      text += strlen(dots);
    if (!read_number(&text, &number) || !(goes_on ? go_on(&found, number) : add(&found, number)))
      return false;
    if (*text == '\0') {
      *list = found;
      return true;
    }
  } while (*text++ == ',');
  return false;
}
