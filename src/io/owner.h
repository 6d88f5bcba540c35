/* The owner record of a run folder: who may write there. Private to src/io. */
#ifndef TN_IO_OWNER_H
#define TN_IO_OWNER_H

#include "base/error.h"

#define TN_OWNER_NAME       "owner"
#define TN_OWNER_TOKEN_SIZE 33 /* 128 random bits in hex, and a zero */

/* Draws a token from the system's random numbers. TN_ERR_IO. */
tn_status tn_owner_draw(char token[TN_OWNER_TOKEN_SIZE]);

/* The record's text: the token, and for people the host, the process and the time in UTC. To be freed with tn_free. */
tn_status tn_owner_format(char **text, const char *token);

/* Compares a folder's record with a token. TN_OK: it is the token's; otherwise TN_ERR_TAKEN tells whose it is.
 * TN_ERR_IO: it cannot be read. */
tn_status tn_owner_check(const char *folder, const char *token);

/* Warns where the process that the record names is another one of this host and alive: two runs in one folder. Of other
 * hosts nothing is known. */
void tn_owner_warn_of_living(const char *folder);

#endif
