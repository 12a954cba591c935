/* gemm.h: matrix products, by OpenBLAS. The only file that includes cblas.h is gemm.c.
 *
 * OpenBLAS runs single-threaded inside our workers: the shape of every product depends on network and batch alone, so the
 * bits of the result do not depend on the number of threads.
 */
#ifndef CS_CORE_GEMM_H
#define CS_CORE_GEMM_H

#include <stdbool.h>
#include <stdint.h>

/* C[m,n] = A'[m,k] * B'[k,n] + beta * C, row-major, with A' = A or its transpose (A is then stored [k,m]), likewise B'.
 * lda, ldb and ldc are row lengths as stored. beta 0 never reads C. */
void cs_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
	const float *b, int64_t ldb, float beta, float *c, int64_t ldc);

/* See that OpenBLAS uses one thread, before anything else of it is called (eigen.c). */
void cs_gemm_single_thread(void);

/* The name of the kernel that OpenBLAS chose for this processor ("SkylakeX", "Zen"), and its version line. */
const char *cs_gemm_kernel(void);
const char *cs_gemm_version(void);

#endif
