/* What all of src/io needs of HDF5: errors as one message instead of a printed stack, and ids closed whatever their
 * kind. Files in memory are sealed.h's, what is stored in them h5_store.h's and h5_load.h's. */
#ifndef TN_IO_H5_H
#define TN_IO_H5_H

#include "base/error.h"

#define H5_USE_110_API /* names of later versions mean what they mean in 1.10 */
#include <hdf5.h>

/* How HDF5 reports errors is the application's to choose: it is switched off while this library calls HDF5, and given
 * back after. */
typedef struct tn_h5_report {
  H5E_auto2_t function;
  void *context;
} tn_h5_report;

tn_h5_report tn_h5_silence(void);
void tn_h5_restore(tn_h5_report report);

/* Sets the message to the formatted text with HDF5's own reason (the innermost record of its error stack) behind it,
 * and empties that stack; to be called before anything else of HDF5, which empties it too. Returns `status`. */
tn_status tn_h5_fail(tn_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Closes an id of any kind; a negative one is allowed. For what was only read, where a failure loses nothing. */
void tn_h5_close(hid_t id);

/* An access property list for reading files that others may be reading or writing: HDF5's locks would refuse a file
 * that is open for writing, and fail outright on file systems without locks. The caller closes it. */
hid_t tn_h5_reading_access(void);

/* A type for a person: "float32", "uint8", "bool", "string", ... */
#define TN_H5_TYPE_NAME_SIZE 32
void tn_h5_type_name(hid_t type, char name[TN_H5_TYPE_NAME_SIZE]);

#endif
