/* What this thinnet was built with. */
#include "dist/comm.h"
#include "io/table.h"
#include "math/gemm.h"

#include <stdio.h>
#include <thinnet/eval.h>
#include <thinnet/version.h>

const char *tn_version_text(void) {
  static char text[512];
  snprintf(text, sizeof text, "thinnet %s (%s; %s; %s; compiler %s)", TN_VERSION, tn_comm_mpi_version(),
           tn_blas_version(), tn_hdf5_version(), __VERSION__);
  return text;
}
