#include "dist/sums.h"

#include <math.h>

void tn_sum_split(double sum, float parts[TN_SUM_PARTS]) {
  const double high = trunc(sum * 0x1p-16) * 0x1p16;
  const double middle = trunc((sum - high) * 0x1p-8) * 0x1p8;
  parts[0] = (float)high;
  parts[1] = (float)middle;
  parts[2] = (float)(sum - high - middle);
}

double tn_sum_join(const float parts[TN_SUM_PARTS]) {
  return (double)parts[0] + ((double)parts[1] + (double)parts[2]);
}

void tn_sum_add_fixed(double sum, int64_t words[TN_SUM_WORDS]) {
  const double whole = floor(sum);
  words[0] += (int64_t)whole;
  words[1] += llrint((sum - whole) * 0x1p40);
}

double tn_sum_from_fixed(const int64_t words[TN_SUM_WORDS]) {
  const int64_t one = (int64_t)1 << 40;
  const int64_t whole = words[0] + words[1] / one;
  return (double)whole + (double)(words[1] % one) * 0x1p-40;
}

void tn_sum_add_all(int64_t count, const double *values, int64_t *words) {
  for (int64_t i = 0; i < count; i++) {
    if (fabs(values[i]) < 0x1p40) /* false for a NaN */
      tn_sum_add_fixed(values[i], words + i * TN_SUM_WORDS);
    else
      words[count * TN_SUM_WORDS]++;
  }
}

void tn_sum_read_all(int64_t count, const int64_t *words, double *values) {
  for (int64_t i = 0; i < count; i++)
    values[i] = words[count * TN_SUM_WORDS] > 0 ? (double)NAN : tn_sum_from_fixed(words + i * TN_SUM_WORDS);
}
