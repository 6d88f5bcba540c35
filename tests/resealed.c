#include "resealed.h"

#include "io/trailer.h"
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *resealed_write(const char *name, const void *bytes, size_t count) {
  unsigned char *file = malloc(count + TN_TRAILER_SIZE);
  memcpy(file, bytes, count);
  tn_trailer_make(bytes, (int64_t)count, file + count);
  unlink(scratch_path(name)); /* some file systems bring a file that is cut to the disk at once */
  const char *path = scratch_write(name, file, count + TN_TRAILER_SIZE);
  free(file);
  return path;
}

const char *resealed_edit(const char *path, const char *name, void (*edit)(hid_t file)) {
  size_t count = 0;
  char *bytes = scratch_read(path, &count);
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_core(access, 1 << 16, 0);
  H5Pset_file_image(access, bytes, count - TN_TRAILER_SIZE);
  const hid_t file = H5Fopen("resealed", H5F_ACC_RDWR, access);
  free(bytes);
  if (file < 0) {
    fprintf(stderr, "resealed: cannot open %s\n", path);
    exit(1);
  }
  edit(file);
  H5Fflush(file, H5F_SCOPE_LOCAL);
  const ssize_t size = H5Fget_file_image(file, NULL, 0);
  char *image = malloc((size_t)size);
  H5Fget_file_image(file, image, (size_t)size);
  H5Fclose(file);
  H5Pclose(access);
  path = resealed_write(name, image, (size_t)size);
  free(image);
  return path;
}

static hid_t text_type(void) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

char *attribute_text(hid_t file, const char *path, const char *name) {
  char *text = NULL;
  const hid_t type = text_type(), attribute = H5Aopen_by_name(file, path, name, H5P_DEFAULT, H5P_DEFAULT);
  if (attribute < 0 || H5Aread(attribute, type, &text) < 0) {
    fprintf(stderr, "no text %s of %s\n", name, path);
    exit(1);
  }
  H5Aclose(attribute);
  H5Tclose(type);
  return text;
}

void attribute_set_text(hid_t file, const char *path, const char *name, const char *text) {
  const hid_t type = text_type(), space = H5Screate(H5S_SCALAR);
  H5Adelete_by_name(file, path, name, H5P_DEFAULT);
  const hid_t attribute = H5Acreate_by_name(file, path, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  if (attribute < 0 || H5Awrite(attribute, type, &text) < 0) {
    fprintf(stderr, "cannot set %s of %s\n", name, path);
    exit(1);
  }
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
}
