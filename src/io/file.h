/* Whole files that are there or not: written under a temporary name, sealed with a checksum, synced, read back,
 * renamed. */
#ifndef TN_IO_FILE_H
#define TN_IO_FILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A run folder with one writer. The owner record (file "owner": a random token, host, process, start time) is checked
 * before every rename and removal: a rank orphaned by a dead launcher cannot write into the folder of the run started
 * after it. Where the file system has locks, nobody can take the folder over between the check and the rename, but from
 * a writer that stands still just there for more than a second. All functions are local: rank 0 alone calls them. */
typedef struct tn_folder tn_folder;

/* Creates the folder where it is missing (its parents too), removes temporary files that dead runs have left, and takes
 * ownership from whoever had it: the newest run wins. TN_ERR_IO. The caller owns *folder. */
tn_status tn_folder_open(tn_folder **folder, const char *path);
/* Whether the folder could be opened: it may be written into, or made. Takes and makes nothing. TN_ERR_IO. */
tn_status tn_folder_check(const char *path);
/* Gives ownership up: removes the owner record where it is still this folder's own, and what temporary files are left.
 * The message of an earlier error stays. NULL is allowed. */
void tn_folder_close(tn_folder **folder);
const char *tn_folder_path(const tn_folder *folder);

/* PATH/NAME.TOKEN: a file PATH/NAME.TOKEN-NUMBER.tmp counts as one of the folder's temporary files, so that opening the
 * folder removes it where it is left of a dead run. For what other processes of the run keep there. */
void tn_folder_temporary_prefix(const tn_folder *folder, const char *name, char *prefix, size_t size);

/* Writes `bytes` followed by a trailer (magic, length, XXH3-128 of the bytes) as NAME in the folder, replacing what
 * was there at once or not at all: temporary name, write, fsync, read back and verify, owner check, rename, fsync of
 * the folder. Every failure leaves the old file and removes the temporary one, but for that of the last step, which
 * leaves the new one. TN_ERR_IO names the path and the reason; TN_ERR_TAKEN: another run has taken the folder over. */
tn_status tn_folder_write(tn_folder *folder, const char *name, const void *bytes, int64_t count);

/* The same without the trailer, for text (config.ini). */
tn_status tn_folder_write_text(tn_folder *folder, const char *name, const char *text);

/* Makes TO another name of the file FROM (hard link beside it, renamed over TO; a copy where links fail), whole or
 * absent. */
tn_status tn_folder_link(tn_folder *folder, const char *from, const char *to);

/* Removes a file of the folder; one that is not there is fine. */
tn_status tn_folder_remove(tn_folder *folder, const char *name);

/* Reads a sealed file and checks its trailer: *bytes (freed with tn_free) and *count are without the trailer.
 * TN_ERR_IO: cannot be read. TN_ERR_DAMAGED: no trailer, wrong length or wrong hash; the message says which. */
tn_status tn_file_read_sealed(const char *path, void **bytes, int64_t *count);

/* Whether a file ends with the start of a trailer: it was sealed once, and may be damaged since. Reads its end alone.
 * TN_ERR_IO: cannot be read. */
tn_status tn_file_is_sealed(const char *path, bool *sealed);

/* 128 bits as 32 hex digits, and a zero. */
#define TN_DIGEST_SIZE 33

/* XXH3-64, for checks between ranks. */
uint64_t tn_hash64(const void *bytes, int64_t count, uint64_t seed);

#endif
