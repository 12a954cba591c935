/* eigen.c: the door to LAPACK. See eigen.h.
 *
 * LAPACK counts columns first; of a symmetric matrix that is the same matrix, and the eigenvectors it leaves in columns are rows to us.
 * Debian's OpenBLAS exports LAPACK's own symbols, but its header needs a package of its own: the one routine is declared here.
 */
#include "core/eigen.h"

#include "core/alloc.h"
#include "core/gemm.h"

#include <math.h>

/* Divide and conquer (Cuppen 1981). */
extern void dsyevd_(const char *job, const char *part, const int *n, double *a, const int *stride, double *values, double *work,
	const int *work_size, int *whole_work, const int *whole_work_size, int *info);

enum cs_status cs_eigen_symmetric(int n, double *matrix, double *values, struct cs_error *error)
{
	int wanted = -1, whole_wanted = -1, info = 0, whole_size = 0, size;
	double best = 0;
	int *whole = NULL;
	double *work = NULL;
	enum cs_status status = CS_OK;

	for (int64_t i = 0; i < (int64_t)n * n; i++) {
		if (!isfinite(matrix[i]))
			return cs_fail(error, CS_ERR_NUMERIC, "a matrix of %dx%d holds a number that is not finite: it has no eigenvectors", n, n);
	}
	cs_gemm_single_thread();
	dsyevd_("V", "L", &n, matrix, &n, values, &best, &wanted, &whole_size, &whole_wanted, &info);
	size = (int)best;
	work = cs_alloc((size_t)(size > 0 ? size : 1) * sizeof *work);
	whole = cs_alloc((size_t)(whole_size > 0 ? whole_size : 1) * sizeof *whole);
	if (!work || !whole)
		status = cs_fail_memory(error, "eigenvectors");
	else
		dsyevd_("V", "L", &n, matrix, &n, values, work, &size, whole, &whole_size, &info);
	if (!status && info)
		status = cs_fail(error, CS_ERR_NUMERIC, "the eigenvectors of a matrix of %dx%d were not found (LAPACK says %d)", n, n, info);
	cs_free(work);
	cs_free(whole);
	return status;
}
