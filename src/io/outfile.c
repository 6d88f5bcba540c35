#include "io/outfile.h"

#include "base/memory.h"
#include "io/disk.h"
#include "io/h5.h"
#include "io/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* What HDF5 may need beside the data: superblock and root group, and headers and groups for each dataset. */
#define METADATA_BYTES         (1 << 16)
#define METADATA_DATASET_BYTES (1 << 13)

typedef struct region {
  char *path;
  int64_t offset; /* of its first row in the file */
  int64_t row_bytes, rows, written_rows;
} region;

struct tn_outfile {
  char *path;
  char *temporary; /* NULL: there is none that would have to be removed */
  int fd;          /* -1: closed */
  bool overwrite;
  int count;
  region *regions;
};

typedef struct type_row {
  const char *name;
  size_t size;
} type_row;

static const type_row type_rows[] = {
    [TN_OUT_U8] = {"uint8", 1},    [TN_OUT_I8] = {"int8", 1},     [TN_OUT_U16] = {"uint16", 2},
    [TN_OUT_I16] = {"int16", 2},   [TN_OUT_I32] = {"int32", 4},   [TN_OUT_I64] = {"int64", 8},
    [TN_OUT_F32] = {"float32", 4}, [TN_OUT_F64] = {"float64", 8}, [TN_OUT_STRING] = {"string", 1},
};

const char *tn_out_type_name(tn_out_type type) {
  return type_rows[type].name;
}

size_t tn_out_type_size(tn_out_type type) {
  return type_rows[type].size;
}

/* The type of a dataset's elements; the caller closes it. */
static hid_t make_type(const tn_out_dataset *set) {
  const hid_t types[] = {
      [TN_OUT_U8] = H5T_NATIVE_UINT8,  [TN_OUT_I8] = H5T_NATIVE_INT8,    [TN_OUT_U16] = H5T_NATIVE_UINT16,
      [TN_OUT_I16] = H5T_NATIVE_INT16, [TN_OUT_I32] = H5T_NATIVE_INT32,  [TN_OUT_I64] = H5T_NATIVE_INT64,
      [TN_OUT_F32] = H5T_NATIVE_FLOAT, [TN_OUT_F64] = H5T_NATIVE_DOUBLE, [TN_OUT_STRING] = H5T_C_S1};
  const hid_t type = H5Tcopy(types[set->type]);
  if (type < 0 || set->type != TN_OUT_STRING)
    return type;
  if (H5Tset_size(type, (size_t)set->cols) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0)
    return type;
  tn_h5_close(type);
  return H5I_INVALID_HID;
}

/* Strings are one value, whatever their length. */
static bool is_sound_rank(const tn_out_dataset *set) {
  return set->type == TN_OUT_STRING ? set->rank == 1 : set->rank == 2 || (set->rank == 1 && set->cols == 1);
}

/* Checks the shapes and sums up the bytes the file may take. */
static tn_status measure(tn_outfile *out, const tn_out_dataset *datasets, int64_t *total_bytes) {
  int64_t total = METADATA_BYTES;
  for (int i = 0; i < out->count; i++) {
    const tn_out_dataset *set = &datasets[i];
    region *place = &out->regions[i];
    if (!is_sound_rank(set))
      return tn_fail(TN_ERR_INTERNAL, "%s: %s: a dataset has one dimension (one column) or two, not %d", out->path,
                     set->path, set->rank);
    if (set->rows < 1 || set->cols < 1)
      return tn_fail(TN_ERR_DATA,
                     "%s: %s would be empty (%lld rows of %lld values): at least one row of one value is needed",
                     out->path, set->path, (long long)set->rows, (long long)set->cols);
    place->rows = set->rows;
    int64_t bytes = 0;
    if (__builtin_mul_overflow(set->cols, (int64_t)tn_out_type_size(set->type), &place->row_bytes) ||
        __builtin_mul_overflow(place->row_bytes, set->rows, &bytes) || __builtin_add_overflow(total, bytes, &total) ||
        __builtin_add_overflow(total, METADATA_DATASET_BYTES, &total))
      return tn_fail(TN_ERR_DATA, "%s: %s of %lld rows of %lld values is larger than a file can be", out->path,
                     set->path, (long long)set->rows, (long long)set->cols);
    TN_TRY(tn_string_copy(&place->path, set->path));
  }
  *total_bytes = total;
  return TN_OK;
}

static tn_status no_space(const tn_outfile *out, int error_number, int64_t bytes) {
  struct statvfs disk;
  if ((error_number != ENOSPC && error_number != EDQUOT) || fstatvfs(out->fd, &disk) != 0)
    return tn_fail_errno(TN_ERR_IO, error_number, "%s: cannot reserve %lld bytes", out->path, (long long)bytes);
  return tn_fail_errno(TN_ERR_IO, error_number, "%s: needs %lld bytes, %llu are free: make room or write elsewhere",
                       out->path, (long long)bytes, (unsigned long long)disk.f_bavail * disk.f_frsize);
}

/* Makes the file this long, with its space reserved where the file system can (fallocate itself: the C library's
 * posix_fallocate writes to every block where it cannot, which takes hours on a large file). */
static tn_status reserve(const tn_outfile *out, int64_t bytes) {
  int result = 0;
  do
    result = fallocate(out->fd, 0, 0, bytes);
  while (result != 0 && errno == EINTR);
  if (result != 0 && errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)
    return no_space(out, errno, bytes);
  if (result != 0 && ftruncate(out->fd, bytes) != 0)
    return no_space(out, errno, bytes);
  return TN_OK;
}

/* Writes a buffer at its place whatever the number of calls it takes. */
static tn_status write_at(const tn_outfile *out, const void *bytes, int64_t count, int64_t offset) {
  const char *next = bytes;
  while (count > 0) {
    const ssize_t written = pwrite(out->fd, next, (size_t)count, offset);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return tn_fail_errno(TN_ERR_IO, written < 0 ? errno : ENOSPC, "%s: cannot be written", out->temporary);
    next += written;
    count -= written;
    offset += written;
  }
  return TN_OK;
}

/* An empty HDF5 file, built in memory. */
static tn_status empty_image(void **image, int64_t *size) {
  tn_status status = TN_OK;
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  hid_t file = H5I_INVALID_HID;
  ssize_t bytes = -1;
  if (access >= 0 && H5Pset_fapl_core(access, METADATA_BYTES, 0) >= 0)
    file = H5Fcreate("thinnet-layout", H5F_ACC_TRUNC, H5P_DEFAULT, access);
  if (file >= 0 && H5Fflush(file, H5F_SCOPE_LOCAL) >= 0)
    bytes = H5Fget_file_image(file, NULL, 0);
  if (bytes > 0)
    status = tn_alloc(image, bytes, 1, "an empty HDF5 file");
  if (status == TN_OK && (bytes <= 0 || H5Fget_file_image(file, *image, (size_t)bytes) != bytes))
    status = tn_h5_fail(TN_ERR_INTERNAL, "an empty HDF5 file cannot be built in memory");
  *size = bytes;
  tn_h5_close(file);
  tn_h5_close(access);
  return status;
}

/* Creation properties of a dataset whose storage has its place from the start, and that HDF5 itself never writes to.
 * No times are recorded: the same rows give the same file. */
static hid_t dataset_properties(void) {
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  if (properties >= 0 && H5Pset_layout(properties, H5D_CONTIGUOUS) >= 0 &&
      H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY) >= 0 &&
      H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER) >= 0 && H5Pset_obj_track_times(properties, false) >= 0)
    return properties;
  tn_h5_close(properties);
  return H5I_INVALID_HID;
}

/* Creates one dataset, with the groups above it, and keeps where its rows begin. */
static tn_status place_dataset(hid_t file, const tn_out_dataset *set, region *place) {
  tn_status status = TN_OK;
  const hsize_t shape[2] = {(hsize_t)set->rows, (hsize_t)set->cols};
  const hid_t space = H5Screate_simple(set->rank, shape, NULL);
  const hid_t creation = dataset_properties();
  const hid_t link = H5Pcreate(H5P_LINK_CREATE);
  const hid_t type = make_type(set);
  hid_t dataset = H5I_INVALID_HID;
  haddr_t offset = HADDR_UNDEF;
  if (space >= 0 && creation >= 0 && type >= 0 && link >= 0 && H5Pset_create_intermediate_group(link, 1) >= 0)
    dataset = H5Dcreate2(file, set->path, type, space, link, creation, H5P_DEFAULT);
  if (dataset >= 0)
    offset = H5Dget_offset(dataset);
  if (offset == HADDR_UNDEF || H5Dclose(dataset) < 0)
    status = tn_h5_fail(TN_ERR_IO, "%s: the dataset cannot be created", set->path);
  place->offset = (int64_t)offset;
  tn_h5_close(type);
  tn_h5_close(link);
  tn_h5_close(creation);
  tn_h5_close(space);
  return status;
}

static tn_status place_datasets(tn_outfile *out, const tn_out_dataset *datasets) {
  tn_status status = TN_OK;
  const hid_t access = tn_h5_reading_access(); /* without locks: nobody else knows the temporary file */
  const hid_t file = access >= 0 ? H5Fopen(out->temporary, H5F_ACC_RDWR, access) : H5I_INVALID_HID;
  if (file < 0)
    status = tn_h5_fail(TN_ERR_IO, "%s: cannot be opened", out->temporary);
  for (int i = 0; i < out->count && status == TN_OK; i++)
    if (place_dataset(file, &datasets[i], &out->regions[i]) != TN_OK)
      status = tn_fail_in(TN_ERR_IO, "%s", out->path);
  if (file >= 0 && H5Fclose(file) < 0 && status == TN_OK)
    status = tn_h5_fail(TN_ERR_IO, "%s: cannot be closed", out->temporary);
  tn_h5_close(access);
  return status;
}

/* Lays the file out. HDF5 may lose data, or crash, where it meets a full disk: it is handed an empty file whose space
 * is reserved already, and shortens it to what the datasets need as it closes it. */
static tn_status lay_out(tn_outfile *out, const tn_out_dataset *datasets, int64_t total_bytes) {
  void *image = NULL;
  int64_t image_bytes = 0;
  const tn_h5_report report = tn_h5_silence();
  tn_status status = empty_image(&image, &image_bytes);
  if (status == TN_OK)
    status = reserve(out, total_bytes);
  if (status == TN_OK)
    status = write_at(out, image, image_bytes, 0);
  if (status == TN_OK)
    status = place_datasets(out, datasets);
  tn_free(&image);
  tn_h5_restore(report);
  return status;
}

tn_status tn_outfile_check_input(const char *path, const char *input) {
  struct stat target, source;
  if (stat(path, &target) != 0 || stat(input, &source) != 0 || target.st_dev != source.st_dev ||
      target.st_ino != source.st_ino)
    return TN_OK;
  return tn_fail(TN_ERR_USAGE, "%s: is the file that is read (%s), and would replace it: give another name", path,
                 input);
}

static tn_status check_target(const tn_outfile *out) {
  struct stat target;
  if (stat(out->path, &target) != 0)
    return errno == ENOENT ? TN_OK : tn_fail_errno(TN_ERR_IO, errno, "%s: cannot be written", out->path);
  if (!S_ISREG(target.st_mode))
    return tn_fail(TN_ERR_USAGE, "%s: is not a regular file: give the name of a file", out->path);
  if (!out->overwrite)
    return tn_fail(TN_ERR_USAGE, "%s: exists already: give another name, or --overwrite to replace it", out->path);
  return TN_OK;
}

static tn_status allocate(tn_outfile **out_address, const char *path, int count) {
  TN_TRY(tn_alloc(out_address, 1, sizeof **out_address, "an output file"));
  tn_outfile *out = *out_address;
  out->fd = -1;
  TN_TRY(tn_string_copy(&out->path, path));
  TN_TRY(tn_alloc(&out->regions, count, sizeof *out->regions, "the datasets of an output file"));
  out->count = count;
  return TN_OK;
}

static tn_status create(tn_outfile **out, const char *path, const tn_out_dataset *datasets, int count, bool overwrite) {
  int64_t total_bytes = 0;
  TN_TRY(allocate(out, path, count));
  (*out)->overwrite = overwrite;
  TN_TRY(measure(*out, datasets, &total_bytes));
  TN_TRY(check_target(*out));
  TN_TRY(tn_partial_create(path, &(*out)->temporary, &(*out)->fd));
  return lay_out(*out, datasets, total_bytes);
}

tn_status tn_outfile_create(tn_outfile **out, const char *path, const tn_out_dataset *datasets, int count,
                            bool overwrite) {
  *out = NULL;
  const tn_status status = create(out, path, datasets, count, overwrite);
  if (status != TN_OK)
    tn_outfile_abandon(out);
  return status;
}

tn_status tn_outfile_write(tn_outfile *out, int index, int64_t first, int64_t count, const void *rows) {
  if (index < 0 || index >= out->count)
    return tn_fail(TN_ERR_INTERNAL, "%s: there is no dataset %d", out->path, index);
  region *place = &out->regions[index];
  if (first < 0 || count < 0 || first > place->rows - count)
    return tn_fail(TN_ERR_INTERNAL, "%s: %s has %lld rows, rows %lld to %lld do not fit", out->path, place->path,
                   (long long)place->rows, (long long)first, (long long)(first + count - 1));
  TN_TRY(write_at(out, rows, count * place->row_bytes, place->offset + first * place->row_bytes));
  place->written_rows += count;
  return TN_OK;
}

static tn_status check_complete(const tn_outfile *out) {
  for (int i = 0; i < out->count; i++)
    if (out->regions[i].written_rows < out->regions[i].rows)
      return tn_fail(TN_ERR_INTERNAL, "%s: only %lld of the %lld rows of %s were written", out->path,
                     (long long)out->regions[i].written_rows, (long long)out->regions[i].rows, out->regions[i].path);
  return TN_OK;
}

/* Network file systems tell of a full disk as a file is closed. */
static tn_status close_and_rename(tn_outfile *out) {
  const int closed = close(out->fd);
  out->fd = -1;
  if (closed != 0)
    return tn_fail_errno(TN_ERR_IO, errno, "%s: cannot be closed", out->temporary);
  TN_TRY(check_target(out));
  if (rename(out->temporary, out->path) != 0)
    return tn_fail_errno(TN_ERR_IO, errno, "%s: cannot be renamed to %s", out->temporary, out->path);
  tn_free(&out->temporary);
  return tn_disk_sync_parent(out->path);
}

static tn_status publish(tn_outfile *out) {
  TN_TRY(check_complete(out));
  if (fsync(out->fd) != 0)
    return tn_fail_errno(TN_ERR_IO, errno, "%s: cannot be written to the disk", out->temporary);
  const int copy = fcntl(out->fd, F_DUPFD_CLOEXEC, 0); /* keeps the lock until the file has its name */
  const tn_status status = close_and_rename(out);
  if (copy >= 0)
    close(copy);
  return status;
}

tn_status tn_outfile_commit(tn_outfile **out) {
  const tn_status status = publish(*out);
  tn_outfile_abandon(out);
  return status;
}

void tn_outfile_abandon(tn_outfile **out_address) {
  tn_outfile *out = *out_address;
  if (!out)
    return;
  if (out->temporary)
    unlink(out->temporary);
  if (out->fd >= 0)
    close(out->fd);
  for (int i = 0; i < out->count; i++)
    tn_free(&out->regions[i].path);
  tn_free(&out->regions);
  tn_free(&out->temporary);
  tn_free(&out->path);
  tn_free(out_address);
}
