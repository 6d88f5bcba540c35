/* A checkpoint with other objects and values behind a right trailer is refused, or read whole. The input is a list of
 * edits that HDF5 itself makes: its own metadata stay sound, because it does not survive all others. */
#include "checkpoint_fixture.h"
#include "io/file.h"
#include "io/trailer.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static char folder[] = "/tmp/thinnet-fuzz-XXXXXX";
static void *image;
static int64_t image_bytes;

static void remove_folder(void) {
  char path[64];
  const char *const names[] = {"sound.h5", "edited.h5"};
  for (int i = 0; i < 2; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    unlink(path);
  }
  rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  checkpoint_fixture fix;
  char path[64];
  if (!mkdtemp(folder))
    abort();
  atexit(remove_folder);
  checkpoint_fixture_create(&fix, "5,3");
  checkpoint_fixture_write(&fix, 2, folder, "sound.h5");
  checkpoint_fixture_destroy(&fix);
  snprintf(path, sizeof path, "%s/sound.h5", folder);
  if (tn_file_read_sealed(path, &image, &image_bytes) != TN_OK)
    abort();
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  return 0;
}

/* The input, taken from its front; zeros behind its end. */
typedef struct bytes {
  const uint8_t *next;
  size_t left;
} bytes;

static uint8_t take(bytes *input) {
  if (input->left == 0)
    return 0;
  input->left--;
  return *input->next++;
}

static const char *take_object(bytes *input) {
  static const char *const objects[] = {"/",
                                        "/input",
                                        "/input/scale",
                                        "/input/shift",
                                        "/model",
                                        "/optimizer",
                                        "/progress",
                                        "/model/layer1",
                                        "/model/layer2",
                                        "/model/layer1/weight",
                                        "/optimizer/m",
                                        "/optimizer/v",
                                        "/model/layer3/bias",
                                        "/optimizer/v/layer2/weight",
                                        "/optimizer/a"};
  return objects[take(input) % (sizeof objects / sizeof objects[0])];
}

static const char *take_attribute(bytes *input) {
  static const char *const names[] = {"format", "format_version", "thinnet_version", "config", "digest",
                                      "epoch",  "sum_loss",       "activation",      "rate"};
  return names[take(input) % (sizeof names / sizeof names[0])];
}

static hid_t take_type(bytes *input) {
  const hid_t types[] = {H5T_IEEE_F32LE, H5T_STD_I64LE, H5T_IEEE_F64LE, H5T_IEEE_F32BE,
                         H5T_STD_U8LE,   H5T_C_S1,      H5T_STD_B64LE,  H5T_STD_REF_OBJ};
  const hid_t type = H5Tcopy(types[take(input) % (sizeof types / sizeof types[0])]);
  if (H5Tget_class(type) == H5T_STRING)
    H5Tset_size(type, 1 + (size_t)take(input));
  return type;
}

static hid_t take_space(bytes *input) {
  const hsize_t sizes[] = {0, 1, 3, 4, 5, 6, 30, 1ull << 31, 1ull << 62};
  hsize_t shape[3];
  const int rank = take(input) % 5;
  for (int i = 0; i < 3; i++)
    shape[i] = sizes[take(input) % (sizeof sizes / sizeof sizes[0])];
  return rank == 0 ? H5Screate(H5S_SCALAR) : rank == 4 ? H5Screate(H5S_NULL) : H5Screate_simple(rank, shape, NULL);
}

static hid_t take_creation(bytes *input) {
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  hsize_t chunk[2] = {1 + take(input) % 6, 1 + take(input) % 6};
  const uint8_t kind = take(input);
  if (kind & 1)
    H5Pset_chunk(creation, 1 + (kind >> 1 & 1), chunk);
  if (kind & 4)
    H5Pset_fletcher32(creation);
  if (kind & 8)
    H5Pset_deflate(creation, 1);
  if (kind & 16)
    H5Pset_external(creation, "/dev/zero", 0, 1 << 20);
  return creation;
}

static void set_attribute(hid_t file, bytes *input) {
  const char *object = take_object(input), *name = take_attribute(input);
  char value[512] = "";
  const hid_t type = take_type(input), space = take(input) % 4 ? H5Screate(H5S_SCALAR) : take_space(input);
  H5Adelete_by_name(file, object, name, H5P_DEFAULT);
  const hid_t attribute = H5Acreate_by_name(file, object, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  for (size_t i = 0; i < sizeof value && take(input) % 16; i++)
    value[i] = (char)take(input);
  if (H5Sget_simple_extent_npoints(space) == 1 && H5Tget_size(type) <= sizeof value)
    H5Awrite(attribute, type, value);
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
}

static void replace_array(hid_t file, bytes *input) {
  const char *object = take_object(input);
  const hid_t type = take_type(input), space = take_space(input), creation = take_creation(input);
  H5Ldelete(file, object, H5P_DEFAULT);
  H5Dclose(H5Dcreate2(file, object, type, space, H5P_DEFAULT, creation, H5P_DEFAULT));
  H5Pclose(creation);
  H5Sclose(space);
  H5Tclose(type);
}

static void relink(hid_t file, bytes *input) {
  const char *object = take_object(input), *other = take_object(input);
  const uint8_t kind = take(input) % 5;
  H5Ldelete(file, object, H5P_DEFAULT);
  if (kind == 1)
    H5Gclose(H5Gcreate2(file, object, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  if (kind == 2)
    H5Lcreate_soft(other, file, object, H5P_DEFAULT, H5P_DEFAULT);
  if (kind == 3)
    H5Lcreate_hard(file, other, file, object, H5P_DEFAULT, H5P_DEFAULT);
  if (kind == 4)
    H5Lcreate_external("/dev/zero", other, file, object, H5P_DEFAULT, H5P_DEFAULT);
}

static void edit(hid_t file, bytes *input) {
  for (int i = 0; i < 8 && input->left > 0; i++) {
    const uint8_t what = take(input) % 3;
    if (what == 0)
      set_attribute(file, input);
    else if (what == 1)
      replace_array(file, input);
    else
      relink(file, input);
  }
}

/* The edited content in memory, with a right trailer. */
static unsigned char *make_file(bytes *input, size_t *count) {
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_core(access, 1 << 16, 0);
  H5Pset_file_image(access, image, (size_t)image_bytes);
  const hid_t file = H5Fopen("fuzz", H5F_ACC_RDWR, access);
  edit(file, input);
  H5Fflush(file, H5F_SCOPE_LOCAL);
  const ssize_t size = H5Fget_file_image(file, NULL, 0);
  unsigned char *content = size > 0 ? malloc((size_t)size + TN_TRAILER_SIZE) : NULL;
  if (content)
    H5Fget_file_image(file, content, (size_t)size);
  H5Fclose(file);
  H5Pclose(access);
  if (content)
    tn_trailer_make(content, size, content + size);
  *count = (size_t)size + TN_TRAILER_SIZE;
  return content;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  bytes input = {data, size};
  size_t count = 0;
  char path[64];
  unsigned char *content = make_file(&input, &count);
  if (!content)
    return 0;
  snprintf(path, sizeof path, "%s/edited.h5", folder);
  unlink(path);
  FILE *stream = fopen(path, "wb");
  if (!stream || fwrite(content, 1, count, stream) != count || fclose(stream) != 0)
    abort();
  free(content);
  tn_checkpoint *checkpoint = NULL;
  const tn_status status = tn_checkpoint_read(&checkpoint, path);
  if (status != TN_OK && status != TN_ERR_DAMAGED && status != TN_ERR_DATA)
    abort();
  if ((status == TN_OK) != (checkpoint != NULL) || (status != TN_OK && !strstr(tn_error_message(), path)))
    abort();
  tn_checkpoint_destroy(&checkpoint);
  if (H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) != 0)
    abort();
  return 0;
}
