/* Values of an array file into the output's types. */
#include "io/import_array.h"

#include <float.h>
#include <math.h>
#include <string.h>

bool tn_is_little_endian(void) {
  const uint16_t one = 1;
  uint8_t first = 0;
  memcpy(&first, &one, 1);
  return first == 1;
}

/* Turns the bytes of each value round. */
static void swap_bytes(int64_t size, void *buffer, int64_t count) {
  for (char *value = buffer, *end = value + size * count; value < end; value += size)
    for (int64_t low = 0, high = size - 1; low < high; low++, high--) {
      const char byte = value[low];
      value[low] = value[high];
      value[high] = byte;
    }
}

static int64_t check_bools(const uint8_t *values, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if (values[i] > 1)
      return i;
  return -1;
}

static int64_t check_uint64(const uint64_t *values, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if (values[i] > INT64_MAX)
      return i;
  return -1;
}

static int64_t check_floats(const float *values, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if (!isfinite(values[i]))
      return i;
  return -1;
}

static int64_t check_doubles(const double *values, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if (!isfinite((float)values[i])) /* rounds as the reader of the data will */
      return i;
  return -1;
}

/* Wider than they were: from the last to the first, so that none is overwritten before it is read. */
static void widen_uint32(void *buffer, int64_t count) {
  char *bytes = buffer;
  for (int64_t i = count - 1; i >= 0; i--) {
    uint32_t value = 0;
    memcpy(&value, bytes + i * 4, sizeof value);
    const int64_t wide = value;
    memcpy(bytes + i * 8, &wide, sizeof wide);
  }
}

/* IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits; float32 holds all its values. */
static float half_value(uint16_t half) {
  const int exponent = (half >> 10) & 0x1f;
  const int fraction = half & 0x3ff;
  float size;
  if (exponent == 0x1f)
    size = fraction ? NAN : INFINITY;
  else if (exponent == 0)
    size = ldexpf((float)fraction, -24);
  else
    size = ldexpf((float)(fraction + 0x400), exponent - 25);
  return half & 0x8000 ? -size : size;
}

static void widen_half(void *buffer, int64_t count) {
  char *bytes = buffer;
  for (int64_t i = count - 1; i >= 0; i--) {
    uint16_t half = 0;
    memcpy(&half, bytes + i * 2, sizeof half);
    const float value = half_value(half);
    memcpy(bytes + i * 4, &value, sizeof value);
  }
}

int64_t tn_array_convert(const tn_array_header *header, void *buffer, int64_t count) {
  if (header->swapped)
    swap_bytes(tn_array_type_size(header->type), buffer, count);
  switch (header->type) {
  case TN_ARRAY_BOOL:
    return check_bools(buffer, count);
  case TN_ARRAY_U32:
    widen_uint32(buffer, count);
    return -1;
  case TN_ARRAY_U64:
    return check_uint64(buffer, count);
  case TN_ARRAY_F16:
    widen_half(buffer, count);
    return check_floats(buffer, count);
  case TN_ARRAY_F32:
    return check_floats(buffer, count);
  case TN_ARRAY_F64:
    return check_doubles(buffer, count);
  default:
    return -1;
  }
}
