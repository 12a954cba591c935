/* whitening.c: see whitening.h.
 *
 * Whole: a rotation onto the axes, a gain each, and the rotation back, for GROUP inputs at a time, so that the axes are read once for all of
 * them (400 kB of the stack).
 * Filter: a DCT along columns and along rows, a small matrix a frequency, and both back. An axis is transformed in panels of PANEL lines, which
 * are gathered, multiplied with the basis and put back: one product whose shape depends on the axis alone.
 */
#include "core/whitening.h"

#include "core/alloc.h"
#include "core/gemm.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { GROUP = 32, PANEL = 16 };

enum cs_whitening_kind cs_whitening_kind_for(int height, int width, int channels)
{
	return (int64_t)height * width * channels <= CS_WHITENING_WHOLE_LIMIT ? CS_WHITENING_WHOLE : CS_WHITENING_FILTER;
}

int64_t cs_whitening_means(enum cs_whitening_kind kind, int height, int width, int channels)
{
	return kind == CS_WHITENING_WHOLE ? (int64_t)height * width * channels : channels;
}

int64_t cs_whitening_gains(enum cs_whitening_kind kind, int height, int width, int channels)
{
	return (int64_t)height * width * channels * (kind == CS_WHITENING_WHOLE ? 1 : channels);
}

static int64_t numbers_of(const struct cs_whitening *w)
{
	return (int64_t)w->height * w->width * w->channels;
}

/* The inverse of a channels x channels matrix; false where there is none. */
static bool invert(const float *in, int channels, float *out)
{
	double m[9], determinant;

	for (int i = 0; i < channels * channels; i++)
		m[i] = (double)in[i];
	if (channels == 1) {
		out[0] = (float)(1 / m[0]);
		return isfinite(out[0]);
	}
	determinant = m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) +
		m[2] * (m[3] * m[7] - m[4] * m[6]);
	for (int i = 0; i < 3; i++) {
		for (int j = 0; j < 3; j++) {
			int r = (j + 1) % 3, s = (j + 2) % 3, c = (i + 1) % 3, d = (i + 2) % 3;
			double x = (m[3 * r + c] * m[3 * s + d] - m[3 * r + d] * m[3 * s + c]) / determinant;

			out[3 * i + j] = (float)x;
			if (!isfinite(out[3 * i + j]))
				return false;
		}
	}
	return true;
}

static bool all_finite(const float *numbers, int64_t count)
{
	for (int64_t i = 0; i < count; i++) {
		if (!isfinite(numbers[i]))
			return false;
	}
	return true;
}

/* The orthonormal DCT-II: row k is sqrt(2/n) cos(pi (i + 1/2) k / n), the first sqrt(1/n). */
static void make_basis(int n, float *basis)
{
	for (int k = 0; k < n; k++) {
		for (int i = 0; i < n; i++)
			basis[(int64_t)k * n + i] =
				(float)(sqrt((k ? 2.0 : 1.0) / n) * cos(M_PI * (i + 0.5) * k / n));
	}
}

static bool make_inverse(struct cs_whitening *w)
{
	int64_t count = w->kind == CS_WHITENING_WHOLE ? numbers_of(w) : (int64_t)w->height * w->width;
	int side = w->kind == CS_WHITENING_WHOLE ? 1 : w->channels;

	for (int64_t i = 0; i < count; i++) {
		if (!invert(w->gain + i * side * side, side, w->inverse + i * side * side))
			return false;
	}
	return true;
}

static float *copy(const float *from, int64_t count)
{
	float *to = cs_alloc((size_t)count * sizeof *to);

	if (to)
		memcpy(to, from, (size_t)count * sizeof *to);
	return to;
}

enum cs_status cs_whitening_new(enum cs_whitening_kind kind, int height, int width, int channels, float epsilon,
	const float *mean, const float *axes, const float *gain, struct cs_whitening **out, struct cs_error *error)
{
	int64_t n = (int64_t)height * width * channels, means, gains;
	struct cs_whitening *w;

	if (height < 1 || width < 1 || (channels != 1 && channels != 3) ||
		(kind == CS_WHITENING_WHOLE ? n > CS_WHITENING_WHOLE_LIMIT
					    : height > CS_WHITENING_SIDE_LIMIT || width > CS_WHITENING_SIDE_LIMIT))
		return cs_fail(error, CS_ERR_FORMAT,
			"no whitening of pictures of %dx%dx%d: there is one for 1 or 3 channels, up to %d pixels a side", height, width,
			channels, CS_WHITENING_SIDE_LIMIT);
	means = cs_whitening_means(kind, height, width, channels);
	gains = cs_whitening_gains(kind, height, width, channels);
	if (!all_finite(mean, means) || !all_finite(gain, gains) || (axes && !all_finite(axes, n * n)) || !isfinite(epsilon))
		return cs_fail(error, CS_ERR_FORMAT, "a whitening holds a number that is not finite");
	w = cs_calloc(1, sizeof *w);
	if (!w)
		return cs_fail_memory(error, "a whitening");
	*w = (struct cs_whitening){.kind = kind, .height = height, .width = width, .channels = channels, .epsilon = epsilon};
	atomic_init(&w->users, 1);
	w->mean = copy(mean, means);
	w->gain = copy(gain, gains);
	w->inverse = cs_alloc((size_t)gains * sizeof *w->inverse);
	if (kind == CS_WHITENING_WHOLE) {
		w->axes = copy(axes, n * n);
	} else {
		w->rows = cs_alloc((size_t)height * (size_t)height * sizeof *w->rows);
		w->columns = cs_alloc((size_t)width * (size_t)width * sizeof *w->columns);
	}
	if (!w->mean || !w->gain || !w->inverse || (kind == CS_WHITENING_WHOLE ? !w->axes : !w->rows || !w->columns)) {
		cs_whitening_free(w);
		return cs_fail_memory(error, "a whitening");
	}
	if (!make_inverse(w)) {
		cs_whitening_free(w);
		return cs_fail(error, CS_ERR_FORMAT, "a whitening has a gain that cannot be inverted");
	}
	if (kind == CS_WHITENING_FILTER) {
		make_basis(height, w->rows);
		make_basis(width, w->columns);
	}
	*out = w;
	return CS_OK;
}

struct cs_whitening *cs_whitening_share(struct cs_whitening *whitening)
{
	if (whitening)
		atomic_fetch_add(&whitening->users, 1);
	return whitening;
}

void cs_whitening_free(struct cs_whitening *whitening)
{
	if (!whitening || atomic_fetch_sub(&whitening->users, 1) > 1)
		return;
	cs_free(whitening->mean);
	cs_free(whitening->axes);
	cs_free(whitening->gain);
	cs_free(whitening->inverse);
	cs_free(whitening->rows);
	cs_free(whitening->columns);
	cs_free(whitening);
}

/* ---- whole ---- */

static void turn_group(const struct cs_whitening *w, const float *gain, float *inputs, int count)
{
	int64_t n = numbers_of(w);
	float turned[GROUP * CS_WHITENING_WHOLE_LIMIT];

	cs_gemm(false, true, count, n, n, inputs, n, w->axes, n, 0, turned, n);
	for (int64_t i = 0; i < count; i++) {
		for (int64_t k = 0; k < n; k++)
			turned[i * n + k] *= gain[k];
	}
	cs_gemm(false, false, count, n, n, turned, n, w->axes, n, 0, inputs, n);
}

static void turn_whole(const struct cs_whitening *w, const float *gain, int64_t count, float *inputs)
{
	for (int64_t i = 0; i < count; i += GROUP)
		turn_group(w, gain, inputs + i * numbers_of(w), (int)(count - i < GROUP ? count - i : GROUP));
}

/* ---- filter ---- */

/* Lines of n numbers `step` apart, `lines` of them, line l beginning at begin(l): each becomes basis (or its transpose) times itself. */
struct lines {
	int n, lines;
	int64_t step;
	int inner; /* line l begins at (l / inner) * outer_step + l % inner */
	int64_t outer_step;
};

static void transform(const struct lines *of, const float *basis, bool back, float *numbers)
{
	float in[CS_WHITENING_SIDE_LIMIT * PANEL], out[CS_WHITENING_SIDE_LIMIT * PANEL];

	for (int first = 0; first < of->lines; first += PANEL) {
		int some = of->lines - first < PANEL ? of->lines - first : PANEL;
		int64_t begin[PANEL];

		for (int p = 0; p < some; p++)
			begin[p] = (int64_t)((first + p) / of->inner) * of->outer_step + (first + p) % of->inner;
		for (int i = 0; i < of->n; i++) {
			for (int p = 0; p < PANEL; p++)
				in[i * PANEL + p] = p < some ? numbers[begin[p] + i * of->step] : 0;
		}
		cs_gemm(back, false, of->n, PANEL, of->n, basis, of->n, in, PANEL, 0, out, PANEL);
		for (int i = 0; i < of->n; i++) {
			for (int p = 0; p < some; p++)
				numbers[begin[p] + i * of->step] = out[i * PANEL + p];
		}
	}
}

void cs_whitening_dct(const struct cs_whitening *w, bool back, float *input)
{
	int64_t row = (int64_t)w->width * w->channels;
	const struct lines down = {
		.n = w->height, .lines = (int)row, .step = row, .inner = (int)row, .outer_step = 0};
	const struct lines along = {.n = w->width,
		.lines = w->height * w->channels,
		.step = w->channels,
		.inner = w->channels,
		.outer_step = row};

	transform(&down, w->rows, back, input);
	transform(&along, w->columns, back, input);
}

static void turn_filter(const struct cs_whitening *w, const float *gain, float *input)
{
	int64_t frequencies = (int64_t)w->height * w->width;

	cs_whitening_dct(w, false, input);
	if (w->channels == 1) {
		for (int64_t i = 0; i < frequencies; i++)
			input[i] *= gain[i];
	} else {
		for (int64_t i = 0; i < frequencies; i++, gain += 9) {
			float *at = input + 3 * i, a = at[0], b = at[1], c = at[2];

			for (int k = 0; k < 3; k++)
				at[k] = gain[3 * k] * a + gain[3 * k + 1] * b + gain[3 * k + 2] * c;
		}
	}
	cs_whitening_dct(w, true, input);
}

/* ---- both ---- */

static void turn(const struct cs_whitening *w, const float *gain, int64_t count, float *inputs)
{
	if (w->kind == CS_WHITENING_WHOLE)
		return turn_whole(w, gain, count, inputs);
	for (int64_t i = 0; i < count; i++)
		turn_filter(w, gain, inputs + i * numbers_of(w));
}

void cs_whitening_apply(const struct cs_whitening *w, int64_t count, float *inputs)
{
	int64_t means = cs_whitening_means(w->kind, w->height, w->width, w->channels);

	for (int64_t i = 0; i < count * numbers_of(w); i++)
		inputs[i] -= w->mean[i % means];
	turn(w, w->gain, count, inputs);
}

void cs_whitening_undo(const struct cs_whitening *w, int64_t count, bool mean, float *inputs)
{
	int64_t means = cs_whitening_means(w->kind, w->height, w->width, w->channels);

	turn(w, w->inverse, count, inputs);
	for (int64_t i = 0; mean && i < count * numbers_of(w); i++)
		inputs[i] += w->mean[i % means];
}
