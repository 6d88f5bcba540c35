#include "dist/stall_files.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* Every line has the same length, so that writing in place leaves nothing of the old content. */
#define FIRST_LINE      "written %17.3f\n"
#define FIRST_LINE_READ "written %lf"
#define LINE            "%10d %20" PRId64 " %1d %20" PRId64 " %2d %15.3f %15.3f\n"
#define LINE_READ       "%d %" SCNd64 " %d %" SCNd64 " %d %lf %lf"
#define LINE_BYTES      96

static double day_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void file_path(char *path, size_t size, const char *prefix, int lead) {
  snprintf(path, size, "%s-%d.tmp", prefix, lead);
}

int tn_stall_file_open(const char *prefix, int lead, bool create) {
  char path[4096];
  file_path(path, sizeof path, prefix, lead);
  return open(path, O_WRONLY | O_CLOEXEC | (create ? O_CREAT : 0), 0666);
}

void tn_stall_file_remove(const char *prefix, int lead) {
  char path[4096];
  file_path(path, sizeof path, prefix, lead);
  unlink(path);
}

size_t tn_stall_file_bytes(int node_size) {
  return (size_t)LINE_BYTES * ((size_t)node_size + 1);
}

/* Another node of a network file system sees it once it has been brought to the disk. */
void tn_stall_file_write(int fd, const tn_sighting *ranks, const tn_member *members, int size, int lead, char *text) {
  size_t length = (size_t)snprintf(text, LINE_BYTES, FIRST_LINE, day_s());
  for (int r = lead; r < size; r++)
    if (members[r].lead == lead)
      length += (size_t)snprintf(text + length, LINE_BYTES, LINE, r, ranks[r].collectives, ranks[r].waits,
                                 ranks[r].step, ranks[r].phase, ranks[r].changed_s, ranks[r].silent_s);
  if (pwrite(fd, text, length, 0) == (ssize_t)length)
    (void)fdatasync(fd);
}

/* False: not a line of a rank of this node. */
static bool take_line(const char *line, int lead, const tn_member *members, int size, double age_s,
                      tn_sighting *ranks) {
  tn_sighting rank = {.known = true};
  int number = 0;
  int waits = 0;
  if (sscanf(line, LINE_READ, &number, &rank.collectives, &waits, &rank.step, &rank.phase, &rank.changed_s,
             &rank.silent_s) != 7)
    return false;
  if (number < 0 || number >= size || members[number].lead != lead)
    return false;
  rank.waits = waits != 0;
  rank.changed_s += age_s;
  rank.silent_s += age_s;
  ranks[number] = rank;
  return true;
}

void tn_stall_file_read(const char *prefix, int lead, const tn_member *members, int size, tn_sighting *ranks) {
  char path[4096];
  char line[2 * LINE_BYTES];
  double written_s = 0.0;
  file_path(path, sizeof path, prefix, lead);
  FILE *file = fopen(path, "re");
  if (!file)
    return;
  if (fgets(line, sizeof line, file) && sscanf(line, FIRST_LINE_READ, &written_s) == 1) {
    const double age_s = day_s() > written_s ? day_s() - written_s : 0.0;
    while (fgets(line, sizeof line, file) && take_line(line, lead, members, size, age_s, ranks)) {
    }
  }
  fclose(file);
}
