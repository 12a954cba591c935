/* affine_body.h: one multiplication and two additions a number, channel by channel: batch norm. */
#ifndef CS_NN_KERNELS_AFFINE_BODY_H
#define CS_NN_KERNELS_AFFINE_BODY_H

#include "nn/kernels/vector.h"

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

#endif
