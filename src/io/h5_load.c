#include "io/h5_load.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

#define PATH_SIZE 256

bool tn_h5_exists(const tn_h5_file *file, const char *path) {
  char part[PATH_SIZE];
  const size_t length = strlen(path);
  if (length >= sizeof part || strcmp(path, "/") == 0)
    return length < sizeof part;
  for (size_t i = 1; i <= length; i++) {
    if (path[i] != '/' && path[i] != '\0')
      continue;
    memcpy(part, path, i);
    part[i] = '\0';
    H5L_info_t info;
    if (H5Lget_info(file->id, part, &info, H5P_DEFAULT) < 0 || info.type != H5L_TYPE_HARD)
      return false;
  }
  return true;
}

static tn_status unlike(const tn_h5_file *file, const char *path, const char *what) {
  return tn_fail(TN_ERR_DAMAGED, "%s: %s %s: thinnet has not written this file, or it is damaged", file->name, path,
                 what);
}

static const char *kind_name(tn_h5_kind kind) {
  return kind == TN_H5_FLOAT32   ? "is not of type float32"
         : kind == TN_H5_FLOAT64 ? "is not of type float64"
                                 : "is not of type int64";
}

/* A checksum is the only filter in use; others could unpack a small file to any size. */
static bool has_known_filters(hid_t creation) {
  const int count = H5Pget_nfilters(creation);
  for (int i = 0; i < count; i++) {
    unsigned flags = 0, values[8] = {0};
    size_t value_count = 8;
    if (H5Pget_filter2(creation, (unsigned)i, &flags, &value_count, values, 0, NULL, NULL) != H5Z_FILTER_FLETCHER32)
      return false;
  }
  return count >= 0;
}

/* Chunks larger than the array would be allocated whole. */
static bool has_sound_layout(hid_t creation, int rank, const hsize_t *shape) {
  const H5D_layout_t layout = H5Pget_layout(creation);
  hsize_t chunk[2] = {0};
  if (H5Pget_external_count(creation) != 0 || (layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED))
    return false;
  if (layout == H5D_CONTIGUOUS)
    return true;
  if (H5Pget_chunk(creation, 2, chunk) != rank)
    return false;
  for (int i = 0; i < rank; i++)
    if (chunk[i] < 1 || chunk[i] > shape[i])
      return false;
  return true;
}

static bool has_storage(hid_t dataset, int rank, const hsize_t *shape) {
  const hid_t creation = H5Dget_create_plist(dataset);
  const bool is_sound = creation >= 0 && has_known_filters(creation) && has_sound_layout(creation, rank, shape);
  tn_h5_close(creation);
  return is_sound;
}

static tn_status check_type(const tn_h5_file *file, const char *path, tn_h5_kind kind, hid_t dataset) {
  const hid_t type = H5Dget_type(dataset);
  const bool is_equal = type >= 0 && H5Tequal(type, tn_h5_file_type(kind)) > 0;
  tn_h5_close(type);
  return is_equal ? TN_OK : unlike(file, path, kind_name(kind));
}

static tn_status get_shape(const tn_h5_file *file, const char *path, hid_t dataset, int rank, hsize_t *shape) {
  const hid_t space = H5Dget_space(dataset);
  const bool is_sound = space >= 0 && H5Sget_simple_extent_type(space) == H5S_SIMPLE &&
                        H5Sget_simple_extent_ndims(space) == rank &&
                        H5Sget_simple_extent_dims(space, shape, NULL) == rank;
  tn_h5_close(space);
  return is_sound ? TN_OK : unlike(file, path, rank == 1 ? "has not one dimension" : "has not two dimensions");
}

/* Values cannot be more than the file has bytes for: every array is stored whole. */
static tn_status check_size(const tn_h5_file *file, const char *path, const hsize_t *shape) {
  const hsize_t most = (hsize_t)file->bytes / sizeof(float);
  if (shape[0] > most || shape[1] > most || (shape[1] > 0 && shape[0] > most / shape[1]))
    return unlike(file, path, "has more values than the file has room for");
  return TN_OK;
}

/* Opens an array and finds its shape, all of it checked. A one-dimensional one has shape[1] = 1. */
static tn_status open_array(const tn_h5_file *file, const char *path, tn_h5_kind kind, int rank, hid_t *dataset,
                            hsize_t *shape) {
  shape[0] = 0;
  shape[1] = 1;
  *dataset = tn_h5_exists(file, path) ? H5Dopen2(file->id, path, H5P_DEFAULT) : H5I_INVALID_HID;
  if (*dataset < 0)
    return unlike(file, path, "is missing");
  tn_status status = check_type(file, path, kind, *dataset);
  if (status == TN_OK)
    status = get_shape(file, path, *dataset, rank, shape);
  if (status == TN_OK)
    status = check_size(file, path, shape);
  if (status == TN_OK && !has_storage(*dataset, rank, shape))
    status = unlike(file, path, "is stored in an unknown way");
  if (status != TN_OK)
    tn_h5_close(*dataset);
  return status;
}

tn_status tn_h5_load_shape(const tn_h5_file *file, const char *path, tn_h5_kind kind, int rank, int64_t *shape) {
  hid_t dataset = H5I_INVALID_HID;
  hsize_t found[2] = {0, 1};
  TN_TRY(open_array(file, path, kind, rank, &dataset, found));
  tn_h5_close(dataset);
  shape[0] = (int64_t)found[0];
  if (rank == 2)
    shape[1] = (int64_t)found[1];
  return TN_OK;
}

static void format_shape(char text[64], int rank, int64_t rows, int64_t cols) {
  if (rank == 1)
    snprintf(text, 64, "(%lld)", (long long)rows);
  else
    snprintf(text, 64, "(%lld, %lld)", (long long)rows, (long long)cols);
}

static tn_status wrong_shape(const tn_h5_file *file, const char *path, int rank, const hsize_t *found,
                             const int64_t *expected) {
  char left[64], right[64];
  format_shape(left, rank, (int64_t)found[0], (int64_t)found[1]);
  format_shape(right, rank, expected[0], rank == 2 ? expected[1] : 1);
  return tn_fail(TN_ERR_DAMAGED, "%s: %s has the shape %s, expected is %s", file->name, path, left, right);
}

tn_status tn_h5_load_array(const tn_h5_file *file, const char *path, tn_h5_kind kind, int rank, const int64_t *shape,
                           void *values) {
  hid_t dataset = H5I_INVALID_HID;
  hsize_t found[2] = {0, 1};
  TN_TRY(open_array(file, path, kind, rank, &dataset, found));
  tn_status status = TN_OK;
  if (found[0] != (hsize_t)shape[0] || (rank == 2 && found[1] != (hsize_t)shape[1]))
    status = wrong_shape(file, path, rank, found, shape);
  else if (H5Dread(dataset, tn_h5_memory_type(kind), H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
    status = tn_h5_fail(TN_ERR_DAMAGED, "%s: %s cannot be read", file->name, path);
  tn_h5_close(dataset);
  return status;
}

bool tn_h5_has_attribute(const tn_h5_file *file, const char *path, const char *name) {
  return tn_h5_exists(file, path) && H5Aexists_by_name(file->id, path, name, H5P_DEFAULT) > 0;
}

static bool is_scalar(hid_t attribute) {
  const hid_t space = H5Aget_space(attribute);
  const bool result = space >= 0 && H5Sget_simple_extent_type(space) == H5S_SCALAR;
  tn_h5_close(space);
  return result;
}

static tn_status open_attribute(const tn_h5_file *file, const char *path, const char *name, hid_t *attribute) {
  *attribute = H5I_INVALID_HID;
  if (tn_h5_exists(file, path))
    *attribute = H5Aopen_by_name(file->id, path, name, H5P_DEFAULT, H5P_DEFAULT);
  if (*attribute >= 0 && is_scalar(*attribute))
    return TN_OK;
  tn_h5_close(*attribute);
  return tn_fail(TN_ERR_DAMAGED, "%s: %s has no attribute %s, or not as a single value", file->name, path, name);
}

static tn_status wrong_attribute(const tn_h5_file *file, const char *path, const char *name, const char *expected) {
  return tn_fail(TN_ERR_DAMAGED, "%s: attribute %s of %s cannot be read as %s", file->name, name, path, expected);
}

static tn_status load_number(const tn_h5_file *file, const char *path, const char *name, tn_h5_kind kind, void *value) {
  hid_t attribute = H5I_INVALID_HID;
  TN_TRY(open_attribute(file, path, name, &attribute));
  const hid_t type = H5Aget_type(attribute);
  tn_status status = TN_OK;
  if (type < 0 || H5Tequal(type, tn_h5_file_type(kind)) <= 0 || H5Aread(attribute, tn_h5_memory_type(kind), value) < 0)
    status = wrong_attribute(file, path, name, kind == TN_H5_INT64 ? "int64" : "float64");
  tn_h5_close(type);
  tn_h5_close(attribute);
  return status;
}

tn_status tn_h5_load_int(const tn_h5_file *file, const char *path, const char *name, int64_t *value) {
  return load_number(file, path, name, TN_H5_INT64, value);
}

tn_status tn_h5_load_real(const tn_h5_file *file, const char *path, const char *name, double *value) {
  return load_number(file, path, name, TN_H5_FLOAT64, value);
}

static bool is_text(hid_t type) {
  return type >= 0 && H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) > 0;
}

tn_status tn_h5_load_text(const tn_h5_file *file, const char *path, const char *name, char **text) {
  char *found = NULL;
  *text = NULL;
  hid_t attribute = H5I_INVALID_HID;
  TN_TRY(open_attribute(file, path, name, &attribute));
  const hid_t type = H5Aget_type(attribute);
  tn_status status = TN_OK;
  if (!is_text(type) || H5Aread(attribute, type, &found) < 0 || !found)
    status = wrong_attribute(file, path, name, "a text");
  if (status == TN_OK)
    status = tn_string_copy(text, found);
  H5free_memory(found);
  tn_h5_close(type);
  tn_h5_close(attribute);
  return status;
}

bool tn_h5_load_name(const tn_h5_file *file, const char *group, int index, char *name, size_t size) {
  H5G_info_t info;
  if (!tn_h5_exists(file, group) || H5Gget_info_by_name(file->id, group, &info, H5P_DEFAULT) < 0 ||
      (hsize_t)index >= info.nlinks)
    return false;
  const ssize_t length =
      H5Lget_name_by_idx(file->id, group, H5_INDEX_NAME, H5_ITER_INC, (hsize_t)index, name, size, H5P_DEFAULT);
  return length > 0 && (size_t)length < size;
}
