/* jitter.c: brightness, contrast, saturation and hue. See jitter.h.
 *
 * Each of the four is linear in the pixel but for the contrast's constant, which needs the mean luma; together they are one 3 x 3 matrix and an
 * offset, applied in one pass.
 */
#include "data/jitter.h"

#include <math.h>

static const double luma[3] = {0.299, 0.587, 0.114};

static double mean_luma(int64_t count, const uint8_t *pixels)
{
	uint64_t sum[3] = {0};

	for (int64_t i = 0; i < count; i++) {
		for (int k = 0; k < 3; k++)
			sum[k] += pixels[3 * i + k];
	}
	return (luma[0] * (double)sum[0] + luma[1] * (double)sum[1] + luma[2] * (double)sum[2]) / (double)count;
}

/* The rotation of the chroma plane of YIQ by an angle, as it acts on RGB. */
static void turn(double degrees, double matrix[3][3])
{
	static const double to[3][3] = {
		{0.299, 0.587, 0.114}, {0.595716, -0.274453, -0.321263}, {0.211456, -0.522591, 0.311135}};
	static const double back[3][3] = {{1, 0.9563, 0.6210}, {1, -0.2721, -0.6474}, {1, -1.1070, 1.7046}};
	double c = cos(degrees * M_PI / 180), s = sin(degrees * M_PI / 180);

	for (int i = 0; i < 3; i++) {
		for (int j = 0; j < 3; j++) {
			double first = c * to[1][j] - s * to[2][j], second = s * to[1][j] + c * to[2][j];

			matrix[i][j] = back[i][0] * to[0][j] + back[i][1] * first + back[i][2] * second;
		}
	}
}

/* The whole change: out = matrix * in + offset. */
static void compose(const struct cs_jitter *jitter, double mean, float matrix[3][3], float *offset)
{
	double around[3][3], scale = (double)jitter->brightness * (double)jitter->contrast;
	double saturation = (double)jitter->saturation;

	turn((double)jitter->hue, around);
	for (int i = 0; i < 3; i++) {
		/* a grey keeps its place under saturation and hue: rows of `around` sum to 1 */
		double grey = around[i][0] + around[i][1] + around[i][2];

		for (int j = 0; j < 3; j++)
			matrix[i][j] = (float)(scale * (saturation * around[i][j] + (1 - saturation) * grey * luma[j]));
	}
	*offset = (float)((1 - (double)jitter->contrast) * (double)jitter->brightness * mean);
}

static inline uint8_t byte(float x)
{
	return (uint8_t)(x <= 0 ? 0 : x >= 255 ? 255 : x + 0.5f);
}

void cs_jitter_apply(const struct cs_jitter *jitter, int64_t count, uint8_t *pixels)
{
	float m[3][3], offset;

	compose(jitter, mean_luma(count, pixels), m, &offset);
	for (int64_t i = 0; i < count; i++, pixels += 3) {
		float r = pixels[0], g = pixels[1], b = pixels[2];

		for (int k = 0; k < 3; k++)
			pixels[k] = byte(m[k][0] * r + m[k][1] * g + m[k][2] * b + offset);
	}
}
