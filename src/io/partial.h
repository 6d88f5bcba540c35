/* The file that an output is written to until it is whole. Private to src/io. */
#ifndef TN_IO_PARTIAL_H
#define TN_IO_PARTIAL_H

#include "base/error.h"

/* Creates PATH.partial-HOST-PROCESS-NUMBER for reading and writing, HOST being a hash: beside `path`, so that it can be
 * renamed to it, and under a name that no other writer has. It is locked until *fd and its copies are closed, which
 * shows others that its writer lives: those of this host whose writers were killed are removed first, for they may be
 * what fills the disk. Where the file system has no locks, they stay. *name is freed with tn_free. TN_ERR_IO. */
tn_status tn_partial_create(const char *path, char **name, int *fd);

#endif
