/* What a machine forgets when its power goes: the bytes and the names below a folder that nobody has synced. */
#ifndef FAULTS_POWER_H
#define FAULTS_POWER_H

#include <stdbool.h>

/* Starts to keep account, of names too where `names`. What names have replaced is kept in the folder `shadows`, which
 * is made, and has to be on the same file system as the files. */
void power_watch(const char *shadows, bool names);

/* Each is told before the call is made (created, linked: after it has gone well); all return at once where nothing is
 * watched. */
void power_written(int fd);
void power_synced(int fd);
void power_created(const char *path);
void power_linked(const char *path);
void power_renaming(const char *from, const char *to);
void power_unlinking(const char *path);

/* Undoes what was not synced: files written since their last sync become empty, and names go back to what they were
 * when their folder was last synced. */
void power_lose(void);

#endif
