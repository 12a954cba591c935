/* affine_body.h: one multiplication and two additions a number, channel by channel: batch norm. */
#ifndef CS_NN_KERNELS_AFFINE_BODY_H
#define CS_NN_KERNELS_AFFINE_BODY_H

#include "nn/kernels/vector.h"
#include "nn/layer.h"

enum { HALF = LANES / 2 };
typedef double dvec __attribute__((vector_size(HALF * 8), aligned(8), may_alias));
typedef float hvec __attribute__((vector_size(HALF * 4), aligned(4), may_alias));

static void normalise(const float *mean, const float *factor, const float *offset, const float *in, float *out,
	int64_t n, int64_t width)
{
	for (int64_t row = 0; row < n; row++, in += width, out += width) {
		int64_t c = 0;

		for (; c + LANES <= width; c += LANES)
			vstore(out + c, (vload(in + c) - vload(mean + c)) * vload(factor + c) + vload(offset + c));
		if (c < width)
			vstore_part(out + c,
				(vload_part(in + c, width - c) - vload_part(mean + c, width - c)) *
						vload_part(factor + c, width - c) +
					vload_part(offset + c, width - c),
				width - c);
	}
}

static void normalise_back(const float *mean, const float *factor, const float *offset, const float *gain, const float *in,
	const float *d_out, float *d_in, int64_t n, int64_t width)
{
	for (int64_t row = 0; row < n; row++, in += width, d_out += width, d_in += width) {
		for (int64_t c = 0; c < width; c += LANES) {
			int64_t valid = width - c < LANES ? width - c : LANES;
			vec share = (vload_part(in + c, valid) - vload_part(mean + c, valid)) * vload_part(factor + c, valid) +
				vload_part(offset + c, valid);

			vstore_part(d_in + c, share + vload_part(gain + c, valid) * vload_part(d_out + c, valid), valid);
		}
	}
}

static void affine(const float *mean, const float *factor, const float *offset, int64_t valid, bool rectified,
	float *cells, int64_t n)
{
	vec m = vload_part(mean, valid), f = vload_part(factor, valid), o = vload_part(offset, valid);

	if (rectified) {
		for (int64_t i = 0; i < n; i++)
			vstore(cells + i * LANES, vrectify((vload(cells + i * LANES) - m) * f + o));
		return;
	}
	for (int64_t i = 0; i < n; i++)
		vstore(cells + i * LANES, (vload(cells + i * LANES) - m) * f + o);
}

static void moments(const float *rows, int64_t n, int64_t width, double *sums)
{
	double *squares = sums + width;

	for (int64_t row = 0; row < n; row++, rows += width) {
		int64_t c = 0;

		for (; c + HALF <= width; c += HALF) {
			dvec x = __builtin_convertvector(*(const hvec *)(rows + c), dvec);

			*(dvec *)(sums + c) += x;
			*(dvec *)(squares + c) += x * x;
		}
		for (; c < width; c++) {
			sums[c] += (double)rows[c];
			squares[c] += (double)rows[c] * (double)rows[c];
		}
	}
}

static void norm_maxpool(const struct cs_layer *pool, const float *const norm[3], bool rectified, const float *in,
	float *out, float *winners, cs_switch *switches)
{
	int64_t h = pool->in.dim[0], w = pool->in.dim[1], c = pool->in.dim[2];
	int64_t oh = pool->out.dim[0], ow = pool->out.dim[1], wr = pool->spec.window[0], wc = pool->spec.window[1];

	for (int64_t i = 0; i < oh * ow; i++, out += c, winners += c, switches += c) {
		int64_t y = i / ow * pool->spec.stride[0] - pool->pad_top,
			x = i % ow * pool->spec.stride[1] - pool->pad_left;
		int64_t top = y < 0 ? -y : 0, bottom = y + wr > h ? h - y : wr;
		int64_t left = x < 0 ? -x : 0, right = x + wc > w ? w - x : wc;

		for (int64_t k = 0; k < c; k += LANES) {
			int64_t valid = c - k < LANES ? c - k : LANES;
			vec mean = vload_part(norm[0] + k, valid), factor = vload_part(norm[1] + k, valid);
			vec offset = vload_part(norm[2] + k, valid), best = vset(0), won = vset(0), first = vset(0);
			vcell cell = vcell_set((int)(top * wc + left));

			for (int64_t r = top; r < bottom; r++) {
				for (int64_t s = left; s < right; s++) {
					vec from = vload_part(in + ((y + r) * w + x + s) * c + k, valid);
					vec value = (from - mean) * factor + offset;
					vmask wins = vwins(value, best);

					if (r == top && s == left) {
						best = value;
						won = first = from;
						continue;
					}
					best = vchoose(wins, value, best);
					won = vchoose(wins, from, won);
					cell = vcell_choose(wins, vcell_set((int)(r * wc + s)), cell);
				}
			}
			if (rectified) {
				/* a window without a positive number is one of zeros: its first cell wins */
				cell = vcell_choose(vdead(best), vcell_set((int)(top * wc + left)), cell);
				won = vchoose(vdead(best), first, won);
				best = vrectify(best);
			}
			vstore_part(out + k, best, valid);
			vstore_part(winners + k, won, valid);
			vcell_store(switches + k, cell, valid);
		}
	}
}

#endif
