#include "base/distance.h"

#include <limits.h>
#include <stddef.h>

enum { WORD_MAX = 63 };

static int least(int a, int b, int c) {
  const int smaller = a < b ? a : b;
  return smaller < c ? smaller : c;
}

int tn_distance(const char *a, const char *b) {
  int row[WORD_MAX + 1]; /* distances of the prefix of a to every prefix of b */
  int columns = 0;
  for (; columns < WORD_MAX && b[columns]; columns++)
    row[columns] = columns;
  row[columns] = columns;
  for (int i = 0; i < WORD_MAX && a[i]; i++) {
    int diagonal = row[0];
    row[0] = i + 1;
    for (int j = 0; j < columns; j++) {
      const int substituted = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = least(substituted, row[j + 1] + 1, row[j] + 1);
    }
  }
  return row[columns];
}

const char *tn_distance_nearest(const char *word, const char *const *words) {
  const char *nearest = NULL;
  int nearest_distance = INT_MAX;
  for (; *words; words++) {
    const int distance = tn_distance(word, *words);
    if (distance < nearest_distance) {
      nearest = *words;
      nearest_distance = distance;
    }
  }
  return nearest;
}
