#include "io/table_file.h"

#include "base/memory.h"
#include "io/h5_load.h"
#include "io/table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The system's reason for a file that cannot be read is clearer than HDF5's. */
static tn_status check_readable(const char *file) {
  const int fd = open(file, O_RDONLY | O_CLOEXEC);
  struct stat about;
  if (fd < 0)
    return tn_fail_errno(TN_ERR_DATA, errno, "%s: the data file cannot be opened", file);
  const bool is_file = fstat(fd, &about) == 0 && !S_ISDIR(about.st_mode);
  close(fd);
  return is_file ? TN_OK : tn_fail(TN_ERR_DATA, "%s: is a folder: give an HDF5 file", file);
}

tn_status tn_table_file_open(hid_t *id, const char *file) {
  TN_TRY(check_readable(file));
  tn_status status = TN_OK;
  const hid_t access = tn_h5_reading_access();
  *id = H5Fopen(file, H5F_ACC_RDONLY, access);
  if (*id < 0)
    status = tn_h5_fail(TN_ERR_DATA, "%s: is an HDF5 file, but a damaged or incomplete one", file);
  tn_h5_close(access);
  if (status != TN_OK && H5Fis_hdf5(file) == 0)
    return tn_fail(TN_ERR_DATA, "%s: is not an HDF5 file: `thinnet import` makes one of IDX, CSV or NPY files", file);
  return status;
}

typedef struct visitor {
  tn_table_visitor *visit;
  void *context;
} visitor;

static void visit_dataset(const visitor *to, const char *path, hid_t dataset) {
  char name[TN_H5_TYPE_NAME_SIZE];
  hsize_t dimensions[H5S_MAX_RANK] = {0};
  int64_t shape[H5S_MAX_RANK] = {0};
  const hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
  const int rank = H5Sget_simple_extent_dims(space, dimensions, NULL);
  if (type >= 0 && rank >= 0) {
    for (int i = 0; i < rank; i++)
      shape[i] = (int64_t)dimensions[i];
    tn_h5_type_name(type, name);
    to->visit(to->context, path, name, rank, shape);
  }
  tn_h5_close(space);
  tn_h5_close(type);
}

static herr_t visit_object(hid_t root, const char *name, const H5O_info_t *info, void *context) {
  char path[2048];
  if (info->type != H5O_TYPE_DATASET || snprintf(path, sizeof path, "/%s", name) >= (int)sizeof path)
    return 0;
  const hid_t dataset = H5Dopen2(root, name, H5P_DEFAULT);
  if (dataset >= 0)
    visit_dataset(context, path, dataset);
  tn_h5_close(dataset);
  return 0;
}

static bool visit_all(hid_t id, visitor to) {
  return H5Ovisit2(id, H5_INDEX_NAME, H5_ITER_INC, visit_object, &to, H5O_INFO_BASIC) >= 0;
}

/* What of a file's contents fits into a message. */
typedef struct contents {
  char text[512];
  size_t length;
  int listed, count;
} contents;

static void append_dataset(void *context, const char *path, const char *type, int rank, const int64_t *shape) {
  contents *found = context;
  (void)type, (void)rank, (void)shape;
  const size_t room = sizeof found->text - found->length;
  const int length = snprintf(found->text + found->length, room, "%s%s", found->count ? ", " : "", path);
  found->count++;
  if (found->listed == found->count - 1 && length >= 0 && (size_t)length < room) {
    found->length += (size_t)length;
    found->listed++;
  }
  found->text[found->length] = '\0';
}

static tn_status missing(const char *file, const char *path, const char *what, const contents *found) {
  if (found->count == 0)
    return tn_fail(TN_ERR_DATA, "%s: %s %s; the file has no datasets at all", file, path, what);
  char more[64] = "";
  if (found->listed < found->count)
    snprintf(more, sizeof more, " and %d more", found->count - found->listed);
  return tn_fail(TN_ERR_DATA, "%s: %s %s; the file has: %s%s", file, path, what, found->text, more);
}

tn_status tn_table_missing(hid_t id, const char *file, const char *path) {
  const tn_status status = tn_h5_fail(TN_ERR_DATA, "%s: dataset %s cannot be opened", file, path);
  H5O_info_t info;
  const bool is_there = H5Oget_info_by_name2(id, path, &info, H5O_INFO_BASIC, H5P_DEFAULT) >= 0;
  if (is_there && info.type == H5O_TYPE_DATASET)
    return status;
  contents found = {.count = 0};
  visit_all(id, (visitor){append_dataset, &found});
  return missing(file, path, is_there ? "is a group, not a dataset" : "does not exist", &found);
}

/* A sealed file whose end is gone looks like any other. */
static tn_status check_no_seal(hid_t id, const char *file) {
  static const char ours[] = "thinnet-";
  char *format = NULL;
  tn_status status = TN_OK;
  if (tn_h5_load_text(&(tn_h5_file){.id = id, .name = file}, "/", "format", &format) == TN_OK &&
      strncmp(format, ours, strlen(ours)) == 0)
    status = tn_fail(TN_ERR_DAMAGED, "%s: is a %.64s file whose end is missing or changed", file, format);
  tn_free(&format);
  return status;
}

static tn_status list(const char *file, tn_table_visitor *visit, void *context) {
  hid_t id = H5I_INVALID_HID;
  TN_TRY(tn_table_file_open(&id, file));
  tn_status status = check_no_seal(id, file);
  if (status == TN_OK && !visit_all(id, (visitor){visit, context}))
    status = tn_h5_fail(TN_ERR_DATA, "%s: its contents cannot be listed", file);
  tn_h5_close(id);
  return status;
}

tn_status tn_table_list(const char *file, tn_table_visitor *visit, void *context) {
  const tn_h5_report report = tn_h5_silence();
  const tn_status status = list(file, visit, context);
  tn_h5_restore(report);
  return status;
}
