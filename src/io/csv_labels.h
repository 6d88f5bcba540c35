/* The label column of CSV files: numbers, or the names of classes. */
#ifndef TN_IO_CSV_LABELS_H
#define TN_IO_CSV_LABELS_H

#include "io/csv_classes.h"

typedef enum tn_label_kind { TN_LABELS_UNKNOWN, TN_LABELS_NUMBERS, TN_LABELS_NAMES } tn_label_kind;

/* The first label says of which kind all of them are. */
typedef struct tn_labels {
  tn_label_kind kind;
  const char *path; /* where the first one stands; borrowed */
  int64_t line;
  tn_classes classes; /* where they are names */
} tn_labels;

/* Takes a label's kind. TN_ERR_DATA: it is empty, or of another kind than the first one; or it is a name, and the line
 * taken for a header may have been a row. */
tn_status tn_labels_judge(tn_labels *labels, const tn_csv_cell *cell, locale_t c_locale);

#endif
