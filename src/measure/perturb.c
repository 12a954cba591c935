/* perturb.c: noise, blur, occlusion, motion, scrambling. See perturb.h; JPEG is in perturb_jpeg.c. */
#include "measure/perturb.h"

#include "core/alloc.h"
#include "core/random.h"

#include <math.h>
#include <string.h>

/* Kinds of noise have streams of their own. */
enum { STREAM_GAUSSIAN, STREAM_SALT, STREAM_SCRAMBLE };

static float clamp(float x)
{
	return fminf(255, fmaxf(0, x));
}

static int within(int i, int n)
{
	return i < 0 ? 0 : i >= n ? n - 1 : i;
}

void cs_perturb_gaussian(const float *in, int h, int w, int c, float level, uint64_t seed, uint64_t sample, float *out)
{
	struct cs_random random;

	cs_random_init(&random, seed, CS_RANDOM_PERTURB, STREAM_GAUSSIAN, sample);
	for (int64_t i = 0, n = (int64_t)h * w * c; i < n; i++)
		out[i] = clamp(in[i] + 255 * level * cs_random_normal(&random));
}

void cs_perturb_salt_pepper(
	const float *in, int h, int w, int c, float share, uint64_t seed, uint64_t sample, float *out)
{
	struct cs_random random;

	cs_random_init(&random, seed, CS_RANDOM_PERTURB, STREAM_SALT, sample);
	for (int64_t i = 0, n = (int64_t)h * w; i < n; i++) {
		float lot = cs_random_uniform(&random), colour = cs_random_u32(&random) & 1 ? 255 : 0;

		for (int k = 0; k < c; k++)
			out[i * c + k] = lot < share ? colour : in[i * c + k];
	}
}

/* One direction: `n` numbers `step` apart. */
static void blur_line(const float *in, int n, int64_t step, const float *kernel, int reach, float *out)
{
	for (int i = 0; i < n; i++) {
		double sum = 0;

		for (int k = -reach; k <= reach; k++)
			sum += (double)kernel[k + reach] * (double)in[within(i + k, n) * step];
		out[i * step] = (float)sum;
	}
}

enum cs_status cs_perturb_blur(const float *in, int h, int w, int c, float sigma, float *out, struct cs_error *error)
{
	int64_t count = (int64_t)h * w * c;
	int reach = (int)ceilf(3 * sigma);
	float *kernel, *rows;
	double sum = 0;

	if (!(sigma >= 0 && sigma <= 100))
		return cs_fail(error, CS_ERR_ARGUMENT, "a blur of %g pixels: expected 0 to 100", (double)sigma);
	if (sigma == 0) {
		memcpy(out, in, sizeof *out * (size_t)count);
		return CS_OK;
	}
	kernel = cs_calloc((size_t)reach * 2 + 1, sizeof *kernel);
	rows = cs_calloc((size_t)count, sizeof *rows);
	if (!kernel || !rows) {
		cs_free(kernel);
		cs_free(rows);
		return cs_fail_memory(error, "a blur");
	}
	for (int k = -reach; k <= reach; k++) {
		kernel[k + reach] = expf(-0.5f * (float)(k * k) / (sigma * sigma));
		sum += (double)kernel[k + reach];
	}
	for (int k = 0; k <= 2 * reach; k++)
		kernel[k] = (float)((double)kernel[k] / sum);
	for (int y = 0; y < h; y++) {
		for (int k = 0; k < c; k++)
			blur_line(in + (int64_t)y * w * c + k, w, c, kernel, reach, rows + (int64_t)y * w * c + k);
	}
	for (int64_t x = 0; x < (int64_t)w * c; x++)
		blur_line(rows + x, h, (int64_t)w * c, kernel, reach, out + x);
	cs_free(kernel);
	cs_free(rows);
	return CS_OK;
}

void cs_perturb_occlude(float *image, int h, int w, int c, int top, int left, int size, const float *fill)
{
	int bottom = top + size < h ? top + size : h, right = left + size < w ? left + size : w;

	for (int y = top < 0 ? 0 : top; y < bottom; y++) {
		for (int x = left < 0 ? 0 : left; x < right; x++)
			memcpy(image + ((int64_t)y * w + x) * c, fill, sizeof *fill * (size_t)c);
	}
}

void cs_perturb_move(const float *in, int h, int w, int c, const struct cs_motion *motion, float *out)
{
	float angle = motion->degrees * 0.017453292519943295f, cosine = cosf(angle) / motion->scale,
	      sine = sinf(angle) / motion->scale;
	float cy = (float)(h - 1) / 2, cx = (float)(w - 1) / 2;

	for (int y = 0; y < h; y++) {
		for (int x = 0; x < w; x++) {
			float dy = (float)y - cy - motion->down, dx = (float)x - cx - motion->right;
			float sy = cy + cosine * dy + sine * dx, sx = cx - sine * dy + cosine * dx;
			float fy = fminf((float)(h - 1), fmaxf(0, sy)), fx = fminf((float)(w - 1), fmaxf(0, sx));
			int y0 = (int)fy, x0 = (int)fx, y1 = within(y0 + 1, h), x1 = within(x0 + 1, w);
			float wy = fy - (float)y0, wx = fx - (float)x0;

			for (int k = 0; k < c; k++) {
				float a = in[((int64_t)y0 * w + x0) * c + k], b = in[((int64_t)y0 * w + x1) * c + k];
				float d = in[((int64_t)y1 * w + x0) * c + k], e = in[((int64_t)y1 * w + x1) * c + k];

				*out++ = (1 - wy) * ((1 - wx) * a + wx * b) + wy * ((1 - wx) * d + wx * e);
			}
		}
	}
}

enum cs_status cs_perturb_scramble(const float *in, int h, int w, int c, int size, uint64_t seed, uint64_t sample,
	float *out, struct cs_error *error)
{
	int64_t rows, columns, *order;
	struct cs_random random;

	if (size < 1)
		return cs_fail(error, CS_ERR_ARGUMENT, "patches of %d pixels: expected 1 or more", size);
	rows = h / size;
	columns = w / size;
	order = cs_calloc((size_t)(rows * columns) + 1, sizeof *order);
	if (!order)
		return cs_fail_memory(error, "the order of patches");
	memcpy(out, in, sizeof *out * (size_t)h * (size_t)w * (size_t)c);
	for (int64_t i = 0; i < rows * columns; i++)
		order[i] = i;
	cs_random_init(&random, seed, CS_RANDOM_PERTURB, STREAM_SCRAMBLE, sample);
	cs_random_shuffle(&random, order, rows * columns);
	for (int64_t i = 0; i < rows * columns; i++) {
		int64_t to = i / columns * size * w + i % columns * size,
			from = order[i] / columns * size * w + order[i] % columns * size;

		for (int y = 0; y < size; y++)
			memcpy(out + (to + (int64_t)y * w) * c, in + (from + (int64_t)y * w) * c,
				sizeof *out * (size_t)size * (size_t)c);
	}
	cs_free(order);
	return CS_OK;
}
