/* The median of times. */
#ifndef TN_BASE_MEDIAN_H
#define TN_BASE_MEDIAN_H

/* The value in the middle (of an even number the upper one of two), of at least one; sorts them. */
double tn_median(double *values, int count);

#endif
