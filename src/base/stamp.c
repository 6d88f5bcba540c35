#include "base/stamp.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

void tn_stamp_host(char *host, size_t size) {
  if (gethostname(host, size) != 0)
    snprintf(host, size, "unknown");
  host[size - 1] = '\0'; /* what is cut off need not end in one */
}

void tn_stamp_time(char text[TN_STAMP_TIME_SIZE]) {
  const time_t now = time(NULL);
  struct tm utc;
  text[0] = '\0';
  if (gmtime_r(&now, &utc))
    strftime(text, TN_STAMP_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &utc);
}
