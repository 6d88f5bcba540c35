#include "math/kernels.h"

int64_t tn_element_size(tn_element element) {
  switch (element) {
  case TN_U8:
  case TN_I8:
    return 1;
  case TN_U16:
  case TN_I16:
    return 2;
  case TN_F32:
    break;
  }
  return 4;
}

/* One loop for each element type, so that the compiler sees its width. */
#define DEFINE_CONVERT(name, type)                                                                                     \
  static void name(int64_t n, const type *restrict in, const float *restrict scale, const float *restrict shift,       \
                   float *restrict out) {                                                                              \
    for (int64_t j = 0; j < n; j++)                                                                                    \
      out[j] = (float)in[j] * scale[j] + shift[j];                                                                     \
  }
DEFINE_CONVERT(convert_u8, uint8_t)
DEFINE_CONVERT(convert_i8, int8_t)
DEFINE_CONVERT(convert_u16, uint16_t)
DEFINE_CONVERT(convert_i16, int16_t)
DEFINE_CONVERT(convert_f32, float)

void tn_kernel_convert(tn_element element, int64_t n, const void *in, const float *scale, const float *shift,
                       float *out) {
  switch (element) {
  case TN_U8:
    convert_u8(n, in, scale, shift, out);
    break;
  case TN_I8:
    convert_i8(n, in, scale, shift, out);
    break;
  case TN_U16:
    convert_u16(n, in, scale, shift, out);
    break;
  case TN_I16:
    convert_i16(n, in, scale, shift, out);
    break;
  case TN_F32:
    convert_f32(n, in, scale, shift, out);
    break;
  }
}
