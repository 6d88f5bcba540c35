/* How far apart two words are, for "did you mean". */
#ifndef TN_BASE_DISTANCE_H
#define TN_BASE_DISTANCE_H

/* Levenshtein's distance: single-character insertions, deletions and substitutions from a to b.
 * Only the first 63 characters of each are compared. */
int tn_distance(const char *a, const char *b);

/* The nearest of a NULL-terminated list of words, the first of several; NULL where the list is empty. */
const char *tn_distance_nearest(const char *word, const char *const *words);

#endif
