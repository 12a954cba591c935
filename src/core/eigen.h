/* eigen.h: eigenvalues and eigenvectors of symmetric matrices, by the LAPACK that comes with OpenBLAS. */
#ifndef CS_CORE_EIGEN_H
#define CS_CORE_EIGEN_H

#include "core/status.h"

#include <stdint.h>

/* The eigenvectors of a symmetric matrix.
 *
 * matrix  [n,n], read; afterwards row i is the i-th eigenvector, of length 1
 * values  [n], written: the eigenvalues, ascending
 * Errors  CS_ERR_MEMORY (2 n^2 numbers of scratch), CS_ERR_NUMERIC when the iteration does not converge (numbers that are not finite)
 * One thread; the same bits each time. About n^3 * 4 operations: half a minute for n = 3072. Cannot be interrupted. */
enum cs_status cs_eigen_symmetric(int n, double *matrix, double *values, struct cs_error *error);

#endif
