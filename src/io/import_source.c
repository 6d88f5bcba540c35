#include "io/import_source.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define BUFFER_BYTES (1 << 18)
#define READ_MAX     (1 << 30) /* gzread counts in int */

struct tn_source {
  const char *path;
  gzFile stream;
  int64_t file_bytes;
};

static tn_status open_stream(tn_source *source) {
  const int fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is refused, not waited for */
  if (fd < 0)
    return tn_fail_errno(TN_ERR_IO, errno, "%s: cannot be opened", source->path);
  struct stat about;
  tn_status status = TN_OK;
  if (fstat(fd, &about) != 0)
    status = tn_fail_errno(TN_ERR_IO, errno, "%s: cannot be examined", source->path);
  else if (!S_ISREG(about.st_mode))
    status = tn_fail(TN_ERR_IO, "%s: is not a regular file: write its content to one first", source->path);
  else if (!(source->stream = gzdopen(fd, "rb")))
    status = tn_fail(TN_ERR_MEMORY, "%s: out of memory", source->path);
  if (status != TN_OK) {
    close(fd);
    return status;
  }
  source->file_bytes = about.st_size;
  gzbuffer(source->stream, BUFFER_BYTES);
  return TN_OK;
}

tn_status tn_source_open(tn_source **source, const char *path) {
  TN_TRY(tn_alloc(source, 1, sizeof **source, "a file to read"));
  (*source)->path = path;
  const tn_status status = open_stream(*source);
  if (status != TN_OK)
    tn_source_close(source);
  return status;
}

void tn_source_close(tn_source **source) {
  if (*source && (*source)->stream)
    gzclose_r((*source)->stream);
  tn_free(source);
}

const char *tn_source_path(const tn_source *source) {
  return source->path;
}

/* Turns zlib's error into ours; a gzip file that ends too early is known by Z_BUF_ERROR alone. */
static tn_status check_stream(const tn_source *source) {
  int code = Z_OK;
  const char *reason = gzerror(source->stream, &code);
  if (code == Z_OK || code == Z_STREAM_END)
    return TN_OK;
  if (code == Z_ERRNO)
    return tn_fail_errno(TN_ERR_IO, errno, "%s: cannot be read", source->path);
  if (code == Z_MEM_ERROR)
    return tn_fail(TN_ERR_MEMORY, "%s: out of memory", source->path);
  if (code == Z_BUF_ERROR)
    return tn_fail(TN_ERR_DATA, "%s: the gzip data end too early: fetch the file again", source->path);
  const char *behind_name = strstr(reason, ": "); /* zlib knows the file by its descriptor alone */
  return tn_fail(TN_ERR_DATA, "%s: damaged gzip data (%s) near byte %lld: fetch the file again", source->path,
                 behind_name ? behind_name + 2 : reason, (long long)gzoffset(source->stream));
}

tn_status tn_source_read(tn_source *source, void *bytes, int64_t count, int64_t *read_count) {
  char *next = bytes;
  *read_count = 0;
  while (*read_count < count) {
    const int64_t rest = count - *read_count;
    const int got = gzread(source->stream, next + *read_count, (unsigned)(rest < READ_MAX ? rest : READ_MAX));
    if (got <= 0)
      return check_stream(source);
    *read_count += got;
  }
  return TN_OK;
}

tn_status tn_source_rewind(tn_source *source) {
  if (gzrewind(source->stream) != 0)
    return tn_fail(TN_ERR_IO, "%s: cannot be read from its start again", source->path);
  return TN_OK;
}

tn_status tn_source_length(tn_source *source, int64_t *bytes) {
  *bytes = source->file_bytes;
  TN_TRY(tn_source_rewind(source));
  if (!tn_source_is_packed(source))
    return TN_OK;
  char *scratch = NULL;
  int64_t got = BUFFER_BYTES;
  *bytes = 0;
  tn_status status = tn_alloc(&scratch, BUFFER_BYTES, 1, "a buffer to read into");
  while (status == TN_OK && got == BUFFER_BYTES) {
    status = tn_source_read(source, scratch, BUFFER_BYTES, &got);
    *bytes += got;
  }
  tn_free(&scratch);
  return status == TN_OK ? tn_source_rewind(source) : status;
}

bool tn_source_is_packed(const tn_source *source) {
  return !gzdirect(source->stream);
}

double tn_source_fraction(const tn_source *source) {
  const int64_t offset = gzoffset(source->stream);
  return offset >= source->file_bytes ? 1.0 : offset < 0 ? 0.0 : (double)offset / (double)source->file_bytes;
}
