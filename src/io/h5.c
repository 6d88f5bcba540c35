#include "io/h5.h"

#include "io/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

tn_h5_report tn_h5_silence(void) {
  tn_h5_report report = {NULL, NULL};
  H5Eget_auto2(H5E_DEFAULT, &report.function, &report.context);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  return report;
}

void tn_h5_restore(tn_h5_report report) {
  H5Eclear2(H5E_DEFAULT);
  H5Eset_auto2(H5E_DEFAULT, report.function, report.context);
}

/* The stack is walked from the failing function outwards: the first record is the cause. */
static herr_t take_first(unsigned depth, const H5E_error2_t *error, void *text) {
  if (depth == 0 && error->desc)
    snprintf(text, TN_MESSAGE_MAX, "%s", error->desc);
  return 0;
}

tn_status tn_h5_fail(tn_status status, const char *format, ...) {
  char reason[TN_MESSAGE_MAX] = "HDF5 gives no reason";
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_first, reason);
  H5Eclear2(H5E_DEFAULT);
  char text[TN_MESSAGE_MAX];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return tn_fail(status, "%s (HDF5: %s)", text, reason);
}

void tn_h5_close(hid_t id) {
  if (id >= 0)
    H5Idec_ref(id);
}

hid_t tn_h5_reading_access(void) {
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
#if H5_VERSION_GE(1, 12, 1) || (H5_VERSION_GE(1, 10, 7) && !H5_VERSION_GE(1, 12, 0))
  if (access >= 0)
    H5Pset_file_locking(access, false, true);
#else
  setenv("HDF5_USE_FILE_LOCKING", "FALSE", 0); /* the only way there, where the user has not set it otherwise */
#endif
  return access;
}

/* h5py stores bool as an enumeration of FALSE and TRUE. */
static bool is_bool(hid_t type) {
  int8_t value = 0;
  return H5Tget_nmembers(type) == 2 && H5Tget_size(type) == 1 && H5Tenum_valueof(type, "TRUE", &value) >= 0;
}

void tn_h5_type_name(hid_t type, char name[TN_H5_TYPE_NAME_SIZE]) {
  static const char *const names[] = {[H5T_TIME] = "time",
                                      [H5T_STRING] = "string",
                                      [H5T_BITFIELD] = "bitfield",
                                      [H5T_OPAQUE] = "opaque",
                                      [H5T_COMPOUND] = "compound",
                                      [H5T_REFERENCE] = "reference",
                                      [H5T_VLEN] = "variable-length",
                                      [H5T_ARRAY] = "array"};
  const H5T_class_t class = H5Tget_class(type);
  const size_t bits = 8 * H5Tget_size(type);
  if (class == H5T_INTEGER)
    snprintf(name, TN_H5_TYPE_NAME_SIZE, "%sint%zu", H5Tget_sign(type) == H5T_SGN_NONE ? "u" : "", bits);
  else if (class == H5T_FLOAT)
    snprintf(name, TN_H5_TYPE_NAME_SIZE, "float%zu", bits);
  else if (class == H5T_ENUM)
    snprintf(name, TN_H5_TYPE_NAME_SIZE, "%s", is_bool(type) ? "bool" : "enumeration");
  else
    snprintf(name, TN_H5_TYPE_NAME_SIZE, "%s", class >= 0 && class < H5T_NCLASSES ? names[class] : "unknown");
}

const char *tn_hdf5_version(void) {
  static char text[32];
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  snprintf(text, sizeof text, "HDF5 %u.%u.%u", major, minor, release);
  return text;
}
