/* outer.h: C[m,n] (+)= A^T B for A[k,m], B[k,n]: a sum of k outer products, as every weight gradient is one.
 *
 * By the instruction set's own loops where it has them, else by OpenBLAS.
 */
#ifndef CS_NN_OUTER_H
#define CS_NN_OUTER_H

#include "nn/kernels/kernels.h"

/* Floats of scratch that cs_outer takes for products of up to m rows. */
int64_t cs_outer_scratch(int64_t m);

/* lda, ldb, ldc: row lengths as stored. `add`: to what C holds; else C is written. */
void cs_outer(const struct cs_kernels *kernels, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
	const float *b, int64_t ldb, bool add, float *c, int64_t ldc, float *scratch);

#endif
