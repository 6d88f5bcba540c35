#include "math/kernels.h"
#include "math/multiversion.h"

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

#define CONVERT_ROW(type)                                                                                              \
  do {                                                                                                                 \
    const type *restrict values = in;                                                                                  \
    for (int64_t j = 0; j < n; j++)                                                                                    \
      out[j] = (float)values[j] * scale[j] + shift[j];                                                                 \
  } while (0)

TN_MULTIVERSION
void tn_kernel_convert(tn_element element, int64_t n, const void *restrict in, const float *restrict scale,
                       const float *restrict shift, float *restrict out) {
  switch (element) {
  case TN_U8:
    CONVERT_ROW(uint8_t);
    break;
  case TN_I8:
    CONVERT_ROW(int8_t);
    break;
  case TN_U16:
    CONVERT_ROW(uint16_t);
    break;
  case TN_I16:
    CONVERT_ROW(int16_t);
    break;
  case TN_F32:
    CONVERT_ROW(float);
    break;
  }
}
