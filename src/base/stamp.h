/* What a record says of who wrote it, and when. */
#ifndef TN_BASE_STAMP_H
#define TN_BASE_STAMP_H

#include <stddef.h>

/* The name of this host, cut off where it does not fit; "unknown" where the system does not tell it. Local. */
void tn_stamp_host(char *host, size_t size);

/* The time of day as ISO 8601 UTC, "2026-11-21T10:11:12Z". Local. */
#define TN_STAMP_TIME_SIZE 32
void tn_stamp_time(char text[TN_STAMP_TIME_SIZE]);

#endif
