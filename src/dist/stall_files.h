/* What a node's ranks say of themselves, in a file for the other nodes: a line a rank, replaced in place. Nothing here
 * fails: without the file the others know nothing of the node, and say so. */
#ifndef TN_DIST_STALL_FILES_H
#define TN_DIST_STALL_FILES_H

#include "dist/stall_judge.h"

/* Opens PREFIX-LEAD.tmp, the file of the node whose lowest rank is `lead`; creates it where `create`. Returns -1 where
 * that is not possible. */
int tn_stall_file_open(const char *prefix, int lead, bool create);
void tn_stall_file_remove(const char *prefix, int lead);

/* Writes the lines of the node's ranks. text: tn_stall_file_bytes(ranks of the node) bytes to put them together in. */
size_t tn_stall_file_bytes(int node_size);
void tn_stall_file_write(int fd, const tn_sighting *ranks, const tn_member *members, int size, int lead, char *text);

/* Reads what another node's file says of its ranks into ranks[size]. The ages grow by the time since the file was
 * written, by the clocks of the day of both nodes. */
void tn_stall_file_read(const char *prefix, int lead, const tn_member *members, int size, tn_sighting *ranks);

#endif
