#include "io/sealed.h"

#include "base/memory.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <thinnet/version.h>

#define GROWTH_BYTES (1 << 20)

/* HDF5 takes two files in memory of one name for the same file. */
static void next_name(char name[64]) {
  static atomic_int count;
  snprintf(name, 64, "thinnet-image-%d", atomic_fetch_add(&count, 1));
}

/* Files in memory, never on the disk. */
static hid_t memory_access(void) {
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  if (access >= 0)
    H5Pset_fapl_core(access, GROWTH_BYTES, 0);
  return access;
}

/* By default HDF5 writes the earliest format, whose images in memory open again. */
static tn_status create_image(tn_h5_file *file) {
  char name[64];
  next_name(name);
  const hid_t access = memory_access();
  file->id = H5Fcreate(name, H5F_ACC_EXCL, H5P_DEFAULT, access);
  const tn_status status =
      file->id < 0 ? tn_h5_fail(TN_ERR_IO, "%s: HDF5 cannot start a file in memory", file->name) : TN_OK;
  tn_h5_close(access);
  return status;
}

tn_status tn_sealed_create(tn_h5_file *file, const char *name, const char *format, int64_t format_version) {
  *file = (tn_h5_file){.id = H5I_INVALID_HID, .name = name};
  tn_status status = create_image(file);
  if (status == TN_OK)
    status = tn_h5_store_text(file, "/", "format", format);
  if (status == TN_OK)
    status = tn_h5_store_int(file, "/", "format_version", format_version);
  if (status == TN_OK)
    status = tn_h5_store_text(file, "/", "thinnet_version", TN_VERSION);
  if (status != TN_OK)
    tn_sealed_close(file);
  return status;
}

static tn_status take_image(const tn_h5_file *file, void **bytes, int64_t *count) {
  *bytes = NULL;
  *count = H5Fflush(file->id, H5F_SCOPE_LOCAL) < 0 ? -1 : H5Fget_file_image(file->id, NULL, 0);
  if (*count <= 0)
    return tn_h5_fail(TN_ERR_IO, "%s: HDF5 cannot finish the file in memory", file->name);
  TN_TRY(tn_alloc(bytes, *count, 1, "a file in memory"));
  if (H5Fget_file_image(file->id, *bytes, (size_t)*count) == *count)
    return TN_OK;
  tn_free(bytes);
  return tn_h5_fail(TN_ERR_IO, "%s: HDF5 does not give out the file in memory", file->name);
}

tn_status tn_sealed_write(const tn_h5_file *file, tn_folder *folder, const char *name) {
  void *bytes = NULL;
  int64_t count = 0;
  TN_TRY(take_image(file, &bytes, &count));
  const tn_status status = tn_folder_write(folder, name, bytes, count);
  tn_free(&bytes);
  return status;
}

static tn_status open_image(tn_h5_file *file, void *bytes, int64_t count) {
  char name[64];
  next_name(name);
  const hid_t access = memory_access();
  if (access >= 0 && H5Pset_file_image(access, bytes, (size_t)count) >= 0)
    file->id = H5Fopen(name, H5F_ACC_RDONLY, access);
  file->bytes = count;
  const tn_status status =
      file->id < 0 ? tn_h5_fail(TN_ERR_DAMAGED, "%s: is sealed, but HDF5 cannot read it", file->name) : TN_OK;
  tn_h5_close(access);
  return status;
}

static tn_status check_format(const tn_h5_file *file, const char *format, int64_t format_version) {
  char *found = NULL;
  int64_t version = 0;
  TN_TRY(tn_h5_load_text(file, "/", "format", &found));
  tn_status status = TN_OK;
  if (strcmp(found, format) != 0)
    status = tn_fail(TN_ERR_DATA, "%s: its format is %.64s, expected is %s", file->name, found, format);
  tn_free(&found);
  TN_TRY(status);
  TN_TRY(tn_h5_load_int(file, "/", "format_version", &version));
  if (version > format_version)
    return tn_fail(TN_ERR_DATA,
                   "%s: has the format version %lld, this thinnet (" TN_VERSION ") reads up to %lld: use "
                   "a newer thinnet",
                   file->name, (long long)version, (long long)format_version);
  return version >= 1 ? TN_OK
                      : tn_fail(TN_ERR_DAMAGED, "%s: has the format version %lld", file->name, (long long)version);
}

tn_status tn_sealed_open(tn_h5_file *file, const char *path, const char *format, int64_t format_version) {
  *file = (tn_h5_file){.id = H5I_INVALID_HID, .name = path};
  void *bytes = NULL;
  int64_t count = 0;
  TN_TRY(tn_file_read_sealed(path, &bytes, &count));
  tn_status status = open_image(file, bytes, count);
  tn_free(&bytes);
  if (status == TN_OK)
    status = check_format(file, format, format_version);
  if (status != TN_OK)
    tn_sealed_close(file);
  return status;
}

void tn_sealed_close(tn_h5_file *file) {
  tn_h5_close(file->id);
  file->id = H5I_INVALID_HID;
}
