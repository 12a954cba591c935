/* spectrum.c: power spectra by a direct transform, rings, grids. See spectrum.h. */
#include "measure/spectrum.h"

#include "core/alloc.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define TURN 6.283185307179586

struct transform {
	int h, w;
	double *values; /* [h,w] of one channel */
	double *rows; /* [h,w,2] */
	double *table[2]; /* cos, sin: [n,2] for h and for w */
};

static void fill_table(double *table, int n)
{
	for (int i = 0; i < n; i++) {
		table[2 * i] = cos(TURN * i / n);
		table[2 * i + 1] = sin(TURN * i / n);
	}
}

static double hann(int i, int n)
{
	return n > 1 ? 0.5 - 0.5 * cos(TURN * (i + 0.5) / n) : 1;
}

static void load_channel(struct transform *t, const float *image, int c, bool window)
{
	double sum = 0, weights = 0;
	int64_t n = (int64_t)t->h * t->w;

	for (int64_t i = 0; i < n; i++) {
		double weight = window ? hann((int)(i / t->w), t->h) * hann((int)(i % t->w), t->w) : 1;

		sum += weight * (double)image[i * c];
		weights += weight;
	}
	for (int64_t i = 0; i < n; i++) {
		double weight = window ? hann((int)(i / t->w), t->h) * hann((int)(i % t->w), t->w) : 1;

		/* sqrt(8/3) a side: a Hann window keeps 3/8 of the energy */
		t->values[i] =
			window ? ((double)image[i * c] - sum / weights) * weight * (8.0 / 3) : (double)image[i * c];
	}
}

static void add_power(struct transform *t, float *power)
{
	int h = t->h, w = t->w;

	/* real input: column w - u is the conjugate of column u */
	for (int y = 0; y < h; y++) {
		for (int u = 0; u <= w / 2; u++) {
			double re = 0, im = 0;

			for (int x = 0, at = 0; x < w; x++) {
				re += t->values[(int64_t)y * w + x] * t->table[1][2 * at];
				im -= t->values[(int64_t)y * w + x] * t->table[1][2 * at + 1];
				at = at + u < w ? at + u : at + u - w;
			}
			t->rows[((int64_t)y * w + u) * 2] = re;
			t->rows[((int64_t)y * w + u) * 2 + 1] = im;
		}
	}
	for (int u = 0; u <= w / 2; u++) {
		for (int v = 0; v < h; v++) {
			double re = 0, im = 0;

			for (int y = 0, at = 0; y < h; y++) {
				const double *z = t->rows + ((int64_t)y * w + u) * 2;
				double cosine = t->table[0][2 * at], sine = t->table[0][2 * at + 1];

				re += z[0] * cosine + z[1] * sine;
				im += z[1] * cosine - z[0] * sine;
				at = at + v < h ? at + v : at + v - h;
			}
			power[(int64_t)v * w + u] += (float)(re * re + im * im);
			if (u > 0 && u < w - u)
				power[(int64_t)((h - v) % h) * w + w - u] += (float)(re * re + im * im);
		}
	}
}

enum cs_status cs_spectrum_power(
	const float *image, int h, int w, int c, bool window, float *power, struct cs_error *error)
{
	struct transform t = {.h = h, .w = w};
	enum cs_status status = CS_OK;

	t.values = cs_calloc((size_t)h * (size_t)w, sizeof *t.values);
	t.rows = cs_calloc((size_t)h * (size_t)w * 2, sizeof *t.rows);
	t.table[0] = cs_calloc((size_t)h * 2, sizeof *t.table[0]);
	t.table[1] = cs_calloc((size_t)w * 2, sizeof *t.table[1]);
	if (!t.values || !t.rows || !t.table[0] || !t.table[1]) {
		status = cs_fail_memory(error, "a power spectrum");
		goto out;
	}
	fill_table(t.table[0], h);
	fill_table(t.table[1], w);
	memset(power, 0, sizeof *power * (size_t)h * (size_t)w);
	for (int k = 0; k < c; k++) {
		load_channel(&t, image + k, c, window);
		add_power(&t, power);
	}
out:
	cs_free(t.values);
	cs_free(t.rows);
	cs_free(t.table[0]);
	cs_free(t.table[1]);
	return status;
}

/* The signed frequency of entry i of n, in cycles a pixel. */
static double frequency(int i, int n)
{
	return (double)(i > n / 2 ? i - n : i) / n;
}

/* The ring of an entry, or -1. */
static int ring_of(int v, int u, int h, int w, int bins)
{
	double fy = frequency(v, h), fx = frequency(u, w), f = sqrt(fy * fy + fx * fx);
	int ring = (int)(f * 2 * bins);

	if ((v == 0 && u == 0) || f > 0.5 + 1e-9)
		return -1;
	return ring < bins ? ring : bins - 1;
}

void cs_spectrum_radial(const float *power, int h, int w, int bins, double *out)
{
	for (int b = 0; b < bins; b++) {
		double sum = 0;
		int64_t count = 0;

		for (int v = 0; v < h; v++) {
			for (int u = 0; u < w; u++) {
				if (ring_of(v, u, h, w, bins) != b)
					continue;
				sum += (double)power[(int64_t)v * w + u];
				count++;
			}
		}
		out[b] = count ? sum / (double)count : 0;
	}
}

/* Mean power on the point at (y, x), in steps of the transform, and around it. The spectrum goes round at its borders. */
static void around_point(const float *power, int h, int w, double y, double x, double *on, double *off)
{
	double sum[2] = {0};
	int count[2] = {0};

	for (int v = (int)ceil(y - 4); v <= y + 4; v++) {
		for (int u = (int)ceil(x - 4); u <= x + 4; u++) {
			double far = fmax(fabs(v - y), fabs(u - x));
			int which = far > 1.5;

			if (far > 1.5 && far < 2)
				continue;
			sum[which] += (double)power[(int64_t)((v + h) % h) * w + (u + w) % w];
			count[which]++;
		}
	}
	*on = sum[0] / count[0];
	*off = sum[1] / count[1];
}

double cs_spectrum_grid(const float *power, int h, int w, double period)
{
	int most = (int)(period / 2);
	double on = 0, off = 0;

	if (!(period >= 2) || h / period < 8 || w / period < 8)
		return NAN;
	for (int i = -most; i <= most; i++) {
		for (int j = -most; j <= most; j++) {
			double y = i / period, x = j / period, here, around;

			/* one half is minus one half */
			if ((i == 0 && j == 0) || y <= -0.5 || x <= -0.5)
				continue;
			around_point(power, h, w, y * h, x * w, &here, &around);
			on += here * (y * y + x * x);
			off += around * (y * y + x * x);
		}
	}
	return off > 0 ? on / off : NAN;
}
