/* perturb_jpeg.c: what is lost when a picture is stored as JPEG. See perturb.h.
 *
 * Of a JPEG file only the quantisation of cosine coefficients loses anything (the entropy coding behind it is exact), so a picture goes
 * through the transform, the quantisation and back, and no file is made. Tables: ITU-T T.81 (1992), annex K.1 and K.2.
 */
#include "measure/perturb.h"

#include <math.h>

enum { SIDE = 8 };

static const unsigned char luma_table[SIDE * SIDE] = {16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
	14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55,
	64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99};
static const unsigned char chroma_table[SIDE * SIDE] = {17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
	24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
	99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99};

/* basis[k][i] = s(k) cos((2i + 1) k pi / 16), orthonormal. */
static void make_basis(float basis[SIDE][SIDE])
{
	for (int k = 0; k < SIDE; k++) {
		for (int i = 0; i < SIDE; i++)
			basis[k][i] =
				(float)((k ? 0.5 : 0.35355339059327373) * cos((2 * i + 1) * k * 0.19634954084936207));
	}
}

static void make_steps(const unsigned char table[SIDE * SIDE], int quality, float steps[SIDE * SIDE])
{
	int scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;

	for (int i = 0; i < SIDE * SIDE; i++) {
		int step = (table[i] * scale + 50) / 100;

		steps[i] = (float)(step < 1 ? 1 : step > 255 ? 255 : step);
	}
}

/* Forward, quantise, back. */
static void squeeze(float block[SIDE][SIDE], float basis[SIDE][SIDE], const float *steps)
{
	float half[SIDE][SIDE], wave[SIDE][SIDE];

	for (int k = 0; k < SIDE; k++) {
		for (int x = 0; x < SIDE; x++) {
			half[k][x] = 0;
			for (int y = 0; y < SIDE; y++)
				half[k][x] += basis[k][y] * block[y][x];
		}
	}
	for (int k = 0; k < SIDE; k++) {
		for (int l = 0; l < SIDE; l++) {
			float sum = 0, step = steps[k * SIDE + l];

			for (int x = 0; x < SIDE; x++)
				sum += basis[l][x] * half[k][x];
			wave[k][l] = roundf(sum / step) * step;
		}
	}
	for (int k = 0; k < SIDE; k++) {
		for (int x = 0; x < SIDE; x++) {
			half[k][x] = 0;
			for (int l = 0; l < SIDE; l++)
				half[k][x] += basis[l][x] * wave[k][l];
		}
	}
	for (int y = 0; y < SIDE; y++) {
		for (int x = 0; x < SIDE; x++) {
			block[y][x] = 0;
			for (int k = 0; k < SIDE; k++)
				block[y][x] += basis[k][y] * half[k][x];
		}
	}
}

static float clamp(float x)
{
	return fminf(255, fmaxf(0, x));
}

void cs_perturb_jpeg(const float *in, int h, int w, int quality, float *out)
{
	float basis[SIDE][SIDE], steps[2][SIDE * SIDE], block[3][SIDE][SIDE];

	quality = quality < 1 ? 1 : quality > 100 ? 100 : quality;
	make_basis(basis);
	make_steps(luma_table, quality, steps[0]);
	make_steps(chroma_table, quality, steps[1]);
	for (int top = 0; top < h; top += SIDE) {
		for (int left = 0; left < w; left += SIDE) {
			for (int i = 0; i < SIDE * SIDE; i++) {
				int y = top + i / SIDE, x = left + i % SIDE;
				const float *p = in + ((int64_t)(y < h ? y : h - 1) * w + (x < w ? x : w - 1)) * 3;

				block[0][i / SIDE][i % SIDE] = 0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2] - 128;
				block[1][i / SIDE][i % SIDE] = -0.168736f * p[0] - 0.331264f * p[1] + 0.5f * p[2];
				block[2][i / SIDE][i % SIDE] = 0.5f * p[0] - 0.418688f * p[1] - 0.081312f * p[2];
			}
			for (int k = 0; k < 3; k++)
				squeeze(block[k], basis, steps[k > 0]);
			for (int i = 0; i < SIDE * SIDE; i++) {
				int y = top + i / SIDE, x = left + i % SIDE;
				float luma = block[0][i / SIDE][i % SIDE] + 128, cb = block[1][i / SIDE][i % SIDE];
				float cr = block[2][i / SIDE][i % SIDE], *p = out + ((int64_t)y * w + x) * 3;

				if (y >= h || x >= w)
					continue;
				p[0] = clamp(luma + 1.402f * cr);
				p[1] = clamp(luma - 0.344136f * cb - 0.714136f * cr);
				p[2] = clamp(luma + 1.772f * cb);
			}
		}
	}
}
