/* IDX, CSV and NPY files into an HDF5 data file, in blocks, so that none of them has to fit in memory. */
#ifndef TN_IO_IMPORT_H
#define TN_IO_IMPORT_H

#include <thinnet/import.h>

#endif
