#include "io/table.h"

#include "base/memory.h"
#include "io/h5.h"
#include "io/table_file.h"

#include <string.h>

#define CHUNK_CACHE_MAX_BYTES (64 << 20)

static tn_status wrong_type(const tn_table *table, hid_t type) {
  char name[TN_H5_TYPE_NAME_SIZE];
  tn_h5_type_name(type, name);
  return tn_fail(TN_ERR_DATA, "%s: dataset %s is of type %s: integers or floats are needed", table->file, table->path,
                 name);
}

/* The file's type decides what features are kept as. An enumeration (h5py's bool is one) counts as its integers. */
static tn_status check_type(tn_table *table, hid_t type) {
  const H5T_class_t class = H5Tget_class(type);
  if (class != H5T_INTEGER && class != H5T_FLOAT && class != H5T_ENUM)
    return wrong_type(table, type);
  const hid_t base = class == H5T_ENUM ? H5Tget_super(type) : H5Tcopy(type);
  const bool is_signed = H5Tget_sign(base) != H5T_SGN_NONE;
  const size_t size = H5Tget_size(base);
  tn_h5_close(base);
  table->is_integer = class != H5T_FLOAT;
  table->element = TN_F32;
  if (table->is_integer && size == 1)
    table->element = is_signed ? TN_I8 : TN_U8;
  if (table->is_integer && size == 2)
    table->element = is_signed ? TN_I16 : TN_U16;
  return TN_OK;
}

/* (N) is one column; what lies behind the first dimension becomes columns. */
static tn_status check_shape(tn_table *table, hid_t space) {
  hsize_t shape[H5S_MAX_RANK] = {0};
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank < 1 || H5Sget_simple_extent_dims(space, shape, NULL) < 0)
    return tn_fail(TN_ERR_DATA,
                   "%s: dataset %s has no rows (it is a single value, or empty): the shape (N, D) is needed",
                   table->file, table->path);
  int64_t cols = 1, values = 0;
  bool is_too_large = shape[0] > INT64_MAX;
  for (int i = 1; i < rank; i++)
    is_too_large = is_too_large || shape[i] > INT64_MAX || __builtin_mul_overflow(cols, (int64_t)shape[i], &cols);
  if (is_too_large || __builtin_mul_overflow(cols, (int64_t)shape[0], &values) || values > INT64_MAX / 8)
    return tn_fail(TN_ERR_DATA, "%s: dataset %s has more values than can be addressed", table->file, table->path);
  table->rank = rank < 2 ? 1 : 2;
  table->rows = (int64_t)shape[0];
  table->cols = cols;
  if (values == 0)
    return tn_fail(TN_ERR_DATA, "%s: dataset %s is empty: it has %lld rows of %lld values, at least one is needed",
                   table->file, table->path, (long long)table->rows, (long long)cols);
  return TN_OK;
}

/* Bytes of the chunks that hold one block of rows; 0: the dataset is not in chunks. */
static size_t chunk_row_bytes(hid_t dataset, hid_t creation) {
  hsize_t chunk[H5S_MAX_RANK] = {0}, shape[H5S_MAX_RANK] = {0};
  if (H5Pget_layout(creation) != H5D_CHUNKED || H5Pget_chunk(creation, H5S_MAX_RANK, chunk) < 1)
    return 0;
  const hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
  const int rank = H5Sget_simple_extent_dims(space, shape, NULL);
  double bytes = (double)H5Tget_size(type) * (double)chunk[0];
  for (int i = 1; i < rank; i++) {
    const hsize_t chunks = (shape[i] + chunk[i] - 1) / chunk[i];
    bytes *= (double)(chunks * chunk[i]);
  }
  tn_h5_close(type);
  tn_h5_close(space);
  return bytes < CHUNK_CACHE_MAX_BYTES ? (size_t)bytes : CHUNK_CACHE_MAX_BYTES;
}

/* Rows are read in blocks, one after the other. HDF5's cache of 1 MB would unpack a larger chunk again for every block:
 * the dataset is opened again with a cache that holds the chunks of a block. */
static hid_t enlarge_cache(hid_t file, const char *path, hid_t dataset) {
  const hid_t creation = H5Dget_create_plist(dataset), access = H5Pcreate(H5P_DATASET_ACCESS);
  const size_t bytes = creation >= 0 ? chunk_row_bytes(dataset, creation) : 0;
  if (bytes > 1 << 20 && access >= 0 && H5Pset_chunk_cache(access, 12421, bytes, 1.0) >= 0) {
    H5Dclose(dataset);
    dataset = H5Dopen2(file, path, access);
  }
  tn_h5_close(access);
  tn_h5_close(creation);
  return dataset;
}

static tn_status open_dataset(tn_table *table, hid_t file) {
  hid_t dataset = H5Dopen2(file, table->path, H5P_DEFAULT);
  if (dataset >= 0)
    dataset = enlarge_cache(file, table->path, dataset);
  table->handles[1] = dataset;
  return dataset < 0 ? tn_table_missing(file, table->file, table->path) : TN_OK;
}

static tn_status describe(tn_table *table) {
  const hid_t dataset = table->handles[1];
  const hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
  tn_status status = TN_OK;
  if (type < 0 || space < 0)
    status = tn_h5_fail(TN_ERR_DATA, "%s: dataset %s has no readable type or shape", table->file, table->path);
  if (status == TN_OK)
    status = check_type(table, type);
  if (status == TN_OK)
    status = check_shape(table, space);
  tn_h5_close(space);
  tn_h5_close(type);
  return status;
}

static tn_status open_table(tn_table **table_address, const char *file, const char *path) {
  TN_TRY(tn_alloc(table_address, 1, sizeof **table_address, "a table"));
  tn_table *table = *table_address;
  table->handles[0] = table->handles[1] = H5I_INVALID_HID;
  TN_TRY(tn_string_copy(&table->file, file));
  TN_TRY(tn_string_copy(&table->path, path));
  hid_t id = H5I_INVALID_HID;
  TN_TRY(tn_table_file_open(&id, file));
  table->handles[0] = id;
  TN_TRY(open_dataset(table, id));
  return describe(table);
}

tn_status tn_table_open(tn_table **table, const char *file, const char *path) {
  *table = NULL;
  const tn_h5_report report = tn_h5_silence();
  const tn_status status = open_table(table, file, path);
  if (status != TN_OK)
    tn_table_close(table);
  tn_h5_restore(report);
  return status;
}

void tn_table_close(tn_table **table) {
  if (!*table)
    return;
  const tn_h5_report report = tn_h5_silence();
  tn_h5_close((*table)->handles[1]);
  tn_h5_close((*table)->handles[0]);
  tn_h5_restore(report);
  tn_free(&(*table)->path);
  tn_free(&(*table)->file);
  tn_free(table);
}
