#include "io/owner.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/stamp.h"
#include "io/disk.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_SIZE  512
#define TOKEN_LINE "token = "

tn_status tn_owner_draw(char token[TN_OWNER_TOKEN_SIZE]) {
  unsigned char random[(TN_OWNER_TOKEN_SIZE - 1) / 2];
  ssize_t drawn = 0;
  do
    drawn = getrandom(random, sizeof random, 0);
  while (drawn < 0 && errno == EINTR);
  if (drawn != (ssize_t)sizeof random)
    return tn_fail_errno(TN_ERR_IO, errno, "the system gives no random numbers");
  for (size_t i = 0; i < sizeof random; i++)
    snprintf(token + 2 * i, 3, "%02x", random[i]);
  return TN_OK;
}

tn_status tn_owner_format(char **text, const char *token) {
  char host[256], started[TN_STAMP_TIME_SIZE];
  tn_stamp_host(host, sizeof host);
  tn_stamp_time(started);
  TN_TRY(tn_alloc(text, TEXT_SIZE, 1, "an owner record"));
  snprintf(*text, TEXT_SIZE, TOKEN_LINE "%s\nhost = %s\nprocess = %ld\nstarted = %s\n", token, host, (long)getpid(),
           started);
  return TN_OK;
}

static bool holds_token(const char *text, const char *token) {
  const size_t key = strlen(TOKEN_LINE), length = strlen(token);
  return strncmp(text, TOKEN_LINE, key) == 0 && strncmp(text + key, token, length) == 0 && text[key + length] == '\n';
}

/* The value of a line "key = value", for messages. */
static void find_value(const char *text, const char *key, char *value, size_t size) {
  const char *line = strstr(text, key);
  const char *start = line ? line + strlen(key) : "?";
  snprintf(value, size, "%.*s", (int)strcspn(start, "\n"), start);
}

/* Of a record, as people read it. */
typedef struct writer {
  char host[256], process[32], started[32];
} writer;

static writer read_writer(const char *text) {
  writer found = {0};
  find_value(text, "\nhost = ", found.host, sizeof found.host);
  find_value(text, "\nprocess = ", found.process, sizeof found.process);
  find_value(text, "\nstarted = ", found.started, sizeof found.started);
  return found;
}

static tn_status owned_by(const char *folder, const char *text) {
  const writer owner = read_writer(text);
  return tn_fail(TN_ERR_TAKEN,
                 "%s: another run has taken this folder over (host %s, process %s, started %s): this one writes "
                 "nothing more to it",
                 folder, owner.host, owner.process, owner.started);
}

static tn_status path_of_record(char path[4096], const char *folder) {
  if (snprintf(path, 4096, "%s/" TN_OWNER_NAME, folder) >= 4096)
    return tn_fail(TN_ERR_IO, "%s: the path is too long", folder);
  return TN_OK;
}

tn_status tn_owner_check(const char *folder, const char *token) {
  char path[4096];
  struct stat about;
  TN_TRY(path_of_record(path, folder));
  if (stat(path, &about) != 0 && errno == ENOENT)
    return tn_fail(TN_ERR_TAKEN,
                   "%s: the owner record is gone: another run has taken this folder over and has ended, or somebody "
                   "removed it; this run writes nothing more to it",
                   folder);
  void *text = NULL;
  int64_t count = 0;
  TN_TRY(tn_disk_read(path, &text, &count));
  tn_status status = TN_OK;
  if (!holds_token(text, token))
    status = owned_by(folder, text);
  tn_free(&text);
  return status;
}

/* Whether a process of this host, and not this one, is alive under the writer's number. */
static bool is_alive(const writer *owner) {
  char host[256];
  tn_stamp_host(host, sizeof host);
  const long process = strtol(owner->process, NULL, 10);
  return strcmp(host, owner->host) == 0 && process > 0 && process != (long)getpid() &&
         (kill((pid_t)process, 0) == 0 || errno == EPERM);
}

void tn_owner_warn_of_living(const char *folder) {
  char path[4096];
  void *text = NULL;
  int64_t count = 0;
  if (path_of_record(path, folder) == TN_OK && access(path, F_OK) == 0 && tn_disk_read(path, &text, &count) == TN_OK) {
    const writer owner = read_writer(text);
    if (is_alive(&owner))
      tn_warn("%s: taken over from a run that seems to be alive (host %s, process %s, started %s): that one can write "
              "nothing more to it",
              folder, owner.host, owner.process, owner.started);
  }
  tn_free(&text);
}
