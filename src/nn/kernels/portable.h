/* portable.h: the reference form of every kernel, in plain C. The other instruction sets' tables begin as a copy of it. */
#ifndef CS_NN_KERNELS_PORTABLE_H
#define CS_NN_KERNELS_PORTABLE_H

#include "nn/kernels/kernels.h"

/* The single entries, for tables that replace only some. Contracts: struct cs_kernels. */
void cs_portable_im2col(const struct cs_layer *conv, const float *in, int64_t first_row, int64_t rows, float *columns);
void cs_portable_col2im(const struct cs_layer *conv, const float *columns, int64_t first_row, int64_t rows, float *in);
void cs_portable_bias_activate(
	enum cs_activation activation, float alpha, const float *bias, float *rows, int64_t n, int64_t width);
void cs_portable_normalise_back(const float *mean, const float *factor, const float *offset, const float *gain,
	const float *in, const float *d_out, float *d_in, int64_t n, int64_t width);
void cs_portable_normalise(const float *mean, const float *factor, const float *offset, const float *in, float *out,
	int64_t n, int64_t width);
void cs_portable_moments(const float *rows, int64_t n, int64_t width, double *sums);
void cs_portable_norm_maxpool(const struct cs_layer *pool, const float *const norm[3], bool rectified, const float *in,
	float *out, float *winners, cs_switch *switches);
void cs_portable_maxpool(const struct cs_layer *pool, const float *in, float *out, cs_switch *switches);
void cs_portable_maxpool_back(const struct cs_layer *pool, const float *d_out, const cs_switch *switches, float *d_in);
void cs_portable_add(int64_t n, const float *x, float *y);
void cs_portable_axpy(int64_t n, float a, const float *x, float *y);
void cs_portable_column_sums(int64_t n, int64_t width, const float *rows, float *out);
void cs_portable_derive(enum cs_activation activation, float alpha, const float *outputs, float *gradient, int64_t n);
void cs_portable_dropout_mask(const struct cs_random *stream, uint32_t threshold, int64_t n, uint8_t *keep);
void cs_portable_dropout(const uint8_t *keep, float factor, const float *from, float *to, int64_t n);

/* Do the pool's windows, separate and without gaps, reach every cell of the map? Then its backward writes every cell, and nothing has
 * to be zeroed first. */
bool cs_portable_pool_covers(const struct cs_layer *pool);

#endif
