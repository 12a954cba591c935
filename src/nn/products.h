/* products.h: two dense products, of backward passes and of dense layers, by the instruction set's own loops where it has them, else by
 * OpenBLAS. By those loops a row of C does not depend on how many others there are.
 *
 * lda, ldb, ldc are row lengths as stored. Scratch is the caller's, per worker.
 */
#ifndef CS_NN_PRODUCTS_H
#define CS_NN_PRODUCTS_H

#include "nn/kernels/kernels.h"

/* Floats of scratch that either takes for products of up to m rows. */
int64_t cs_product_scratch(int64_t m);

/* C[m,n] = A^T B for A[k,m], B[k,n], or with `add` C += A^T B: a sum of k outer products, as every weight gradient is one. */
void cs_product_outer(const struct cs_kernels *kernels, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
	const float *b, int64_t ldb, bool add, float *c, int64_t ldc, float *scratch);

/* C[m,n] = A B for A[m,k], B[k,n]. */
void cs_product_plain(const struct cs_kernels *kernels, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
	const float *b, int64_t ldb, float *c, int64_t ldc, float *scratch);

#endif
