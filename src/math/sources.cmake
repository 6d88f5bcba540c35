target_sources(tn_math PRIVATE
  math/activation.c
  math/beta.c
  math/blas.c
  math/convert.c
  math/factors.c
  math/gemm.c
  math/kernels.c
  math/norm.c
  math/permutation.c
  math/philox.c
  math/pick.c
  math/random.c
  math/share.c
  math/sum.c
  math/warp.c)
