#include "io/h5_store.h"

#include <stdbool.h>

#define CHUNK_VALUES (1 << 17) /* HDF5's cache holds one such chunk of doubles */

hid_t tn_h5_file_type(tn_h5_kind kind) {
  return kind == TN_H5_FLOAT32 ? H5T_IEEE_F32LE : kind == TN_H5_FLOAT64 ? H5T_IEEE_F64LE : H5T_STD_I64LE;
}

hid_t tn_h5_memory_type(tn_h5_kind kind) {
  return kind == TN_H5_FLOAT32 ? H5T_NATIVE_FLOAT : kind == TN_H5_FLOAT64 ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64;
}

static tn_status not_stored(const tn_h5_file *file, const char *path) {
  return tn_h5_fail(TN_ERR_IO, "%s: %s cannot be stored", file->name, path);
}

static hid_t intermediate_groups(void) {
  const hid_t link = H5Pcreate(H5P_LINK_CREATE);
  if (link >= 0)
    H5Pset_create_intermediate_group(link, 1);
  return link;
}

tn_status tn_h5_store_group(const tn_h5_file *file, const char *path) {
  const hid_t link = intermediate_groups();
  const hid_t group = H5Gcreate2(file->id, path, link, H5P_DEFAULT, H5P_DEFAULT);
  const tn_status status = group < 0 ? not_stored(file, path) : TN_OK;
  tn_h5_close(group);
  tn_h5_close(link);
  return status;
}

/* No times are kept: the same content gives the same file. */
static hid_t array_properties(int rank, const hsize_t *shape) {
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  const bool is_empty = shape[0] == 0 || (rank == 2 && shape[1] == 0);
  hsize_t chunk[2] = {1, 1}, room = CHUNK_VALUES;
  for (int i = rank - 1; i >= 0 && !is_empty; i--) {
    chunk[i] = shape[i] < room ? shape[i] : room;
    room /= chunk[i];
    room = room < 1 ? 1 : room;
  }
  H5Pset_obj_track_times(creation, false);
  if (!is_empty) {
    H5Pset_chunk(creation, rank, chunk);
    H5Pset_fletcher32(creation);
  }
  return creation;
}

static tn_status store_dataset(const tn_h5_file *file, const char *path, hid_t file_type, hid_t memory_type, int rank,
                               const int64_t *shape, const void *values) {
  const hsize_t extent[2] = {(hsize_t)shape[0], rank == 2 ? (hsize_t)shape[1] : 1};
  const hid_t link = intermediate_groups(), creation = array_properties(rank, extent);
  const hid_t space = H5Screate_simple(rank, extent, NULL);
  tn_status status = TN_OK;
  const hid_t dataset = H5Dcreate2(file->id, path, file_type, space, link, creation, H5P_DEFAULT);
  if (dataset < 0 || H5Dwrite(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
    status = not_stored(file, path);
  if (dataset >= 0 && H5Dclose(dataset) < 0 && status == TN_OK)
    status = not_stored(file, path);
  tn_h5_close(space);
  tn_h5_close(creation);
  tn_h5_close(link);
  return status;
}

tn_status tn_h5_store_array(const tn_h5_file *file, const char *path, tn_h5_kind kind, int rank, const int64_t *shape,
                            const void *values) {
  return store_dataset(file, path, tn_h5_file_type(kind), tn_h5_memory_type(kind), rank, shape, values);
}

static hid_t string_type(size_t size) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  if (type >= 0) {
    H5Tset_size(type, size);
    H5Tset_cset(type, H5T_CSET_UTF8);
  }
  return type;
}

tn_status tn_h5_store_strings(const tn_h5_file *file, const char *path, int64_t count, int64_t size,
                              const char *strings) {
  const hid_t type = string_type((size_t)size);
  const tn_status status = store_dataset(file, path, type, type, 1, &count, strings);
  tn_h5_close(type);
  return status;
}

static tn_status store_attribute(const tn_h5_file *file, const char *path, const char *name, hid_t file_type,
                                 hid_t memory_type, const void *value) {
  const hid_t space = H5Screate(H5S_SCALAR);
  tn_status status = TN_OK;
  const hid_t attribute =
      H5Acreate_by_name(file->id, path, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  if (attribute < 0 || H5Awrite(attribute, memory_type, value) < 0)
    status = tn_h5_fail(TN_ERR_IO, "%s: attribute %s of %s cannot be stored", file->name, name, path);
  tn_h5_close(attribute);
  tn_h5_close(space);
  return status;
}

tn_status tn_h5_store_text(const tn_h5_file *file, const char *path, const char *name, const char *text) {
  const hid_t type = string_type(H5T_VARIABLE);
  const tn_status status = store_attribute(file, path, name, type, type, &text);
  tn_h5_close(type);
  return status;
}

tn_status tn_h5_store_int(const tn_h5_file *file, const char *path, const char *name, int64_t value) {
  return store_attribute(file, path, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
}

tn_status tn_h5_store_real(const tn_h5_file *file, const char *path, const char *name, double value) {
  return store_attribute(file, path, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}
