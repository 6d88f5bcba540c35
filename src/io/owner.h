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

/* Compares a folder's record with a token. TN_OK: it is the token's; otherwise TN_ERR_IO tells whose it is. */
tn_status tn_owner_check(const char *folder, const char *token);

#endif
