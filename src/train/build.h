/* Which build of thinnet this is. */
#ifndef TN_TRAIN_BUILD_H
#define TN_TRAIN_BUILD_H

#include <stdint.h>

/* A hash of the file that this code was loaded from, the library or the program; 0 where it cannot be read. Local. */
uint64_t tn_build_hash(void);

#endif
