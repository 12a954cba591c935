/* gemm.c: the door to OpenBLAS. See gemm.h. */
#include "core/gemm.h"

#include <cblas.h>
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void set_up(void)
{
	openblas_set_num_threads(1);
}

void cs_gemm_single_thread(void)
{
	pthread_once(&once, set_up);
}

void cs_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
	const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
	cs_gemm_single_thread();
	if (m == 0 || n == 0)
		return;
	cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans,
		(blasint)m, (blasint)n, (blasint)k, 1.0f, a, (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
}

const char *cs_gemm_kernel(void)
{
	return openblas_get_corename();
}

const char *cs_gemm_version(void)
{
	return openblas_get_config();
}
