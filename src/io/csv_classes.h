/* The classes that the rows of CSV files name: a set of names, sorted byte by byte, so that a class's number depends on
 * the names alone and not on the order of rows. */
#ifndef TN_IO_CSV_CLASSES_H
#define TN_IO_CSV_CLASSES_H

#include "io/csv_columns.h"
#include "io/outfile.h"

/* More, or longer ones, are no classes, but what is different in every row. They bound the memory. */
#define TN_CLASSES_MAX     65536
#define TN_CLASS_MAX_BYTES 255

/* Where /class_names stand: name k is that of class k. */
#define TN_CLASS_NAMES_PATH "/class_names"

typedef struct tn_class tn_class;

typedef struct tn_classes {
  int64_t count;
  tn_class **sorted; /* room for TN_CLASSES_MAX, once there is one */
} tn_classes;

/* Takes the name in a field; names are the same where their bytes are. `is_training`: it stands in a training row.
 * TN_ERR_DATA names the field: no UTF-8, too long, one name too many. */
tn_status tn_classes_add(tn_classes *classes, const tn_csv_cell *cell, bool is_training);

/* The class with this name, from 0; below 0: there is none. */
int64_t tn_classes_find(const tn_classes *classes, const char *name);

/* TN_ERR_DATA where a class stands in no training row; the message names a row that has it. */
tn_status tn_classes_check_training(const tn_classes *classes, const tn_columns *columns);

/* The dataset for the names, and its writing as dataset `index` of a file. */
tn_out_dataset tn_classes_dataset(const tn_classes *classes);
tn_status tn_classes_write(const tn_classes *classes, tn_outfile *out, int index);

void tn_classes_free(tn_classes *classes);

#endif
