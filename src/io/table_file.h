/* Data files as a whole: opening one, and finding one's way in it. Private to the tables. */
#ifndef TN_IO_TABLE_FILE_H
#define TN_IO_TABLE_FILE_H

#include "io/h5.h"

/* Opens for reading, without locks. TN_ERR_DATA: the file cannot be opened, or is no HDF5 file. */
tn_status tn_table_file_open(hid_t *id, const char *file);

/* The message for a path that is no dataset: what it is instead, and which datasets there are. TN_ERR_DATA. */
tn_status tn_table_missing(hid_t id, const char *file, const char *path);

#endif
