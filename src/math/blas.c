/* What BLAS libraries do not share: how many threads they use, and who they are. Each library's own functions are weak,
 * so that whichever is linked answers. */
#include "math/gemm.h"

#include <stddef.h>
#include <stdio.h>

#define WEAK __attribute__((weak))

void openblas_set_num_threads(int threads) WEAK;
char *openblas_get_config(void) WEAK;
void MKL_Set_Num_Threads(int threads) WEAK;
void MKL_Get_Version_String(char *text, int size) WEAK;
void bli_thread_set_num_threads(int64_t threads) WEAK;
const char *bli_info_get_version_str(void) WEAK;

void tn_blas_set_threads(int threads) {
  if (openblas_set_num_threads != NULL)
    openblas_set_num_threads(threads);
  if (MKL_Set_Num_Threads != NULL)
    MKL_Set_Num_Threads(threads);
  if (bli_thread_set_num_threads != NULL)
    bli_thread_set_num_threads(threads);
}

const char *tn_blas_version(void) {
  if (openblas_get_config != NULL)
    return openblas_get_config();
  static char text[200];
  if (MKL_Get_Version_String != NULL) {
    MKL_Get_Version_String(text, sizeof text - 1);
    return text;
  }
  if (bli_info_get_version_str != NULL) {
    snprintf(text, sizeof text, "BLIS %s", bli_info_get_version_str());
    return text;
  }
  return "unknown BLAS";
}
