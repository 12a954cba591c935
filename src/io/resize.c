/* resize.c: pictures of another size.
 *
 * Both directions use one rule: an output pixel is a weighted mean of a run of input pixels, along x and along y. All weights
 * are whole numbers, so a result is exact, then rounded once: the same bytes on every machine.
 *
 * Shrinking (n to m < n): in units of 1/m of an input pixel, an output pixel covers n units, whose overlaps with the input pixels
 * are the weights: an exact box filter. Growing: linear between the two nearest pixel centres, at (i + 1/2) n/m - 1/2, in
 * units of 1/(2m); beyond the outermost centres the edge repeats.
 *
 * A cropped resize computes only the part that is kept, so that a 1 x 4000 strip fitted into a square needs no memory for the
 * strip it would be.
 */
#include "io/picture.h"

#include "core/alloc.h"

#include <string.h>

/* The input run of one output pixel: weights first, middle, ..., middle, last (only `first` when count is 1). */
struct run {
	int start, count;
	int64_t first, middle, last;
};

static void shrink_run(int64_t in, int64_t out, int64_t i, struct run *run)
{
	int64_t from = i * in;
	int64_t to = from + in;
	int64_t last = (to - 1) / out;

	run->start = (int)(from / out);
	run->count = (int)(last - run->start + 1);
	run->first = run->count == 1 ? in : (run->start + 1) * out - from;
	run->middle = out;
	run->last = to - last * out;
}

static void grow_run(int64_t in, int64_t out, int64_t i, struct run *run)
{
	int64_t position = (2 * i + 1) * in - out; /* in units of 1/(2 out), from the first pixel's centre */
	int64_t left = position < 0 ? 0 : position / (2 * out);
	int64_t share = position < 0 ? 0 : position % (2 * out);

	if (left >= in - 1) {
		left = in - 1;
		share = 0;
	}
	run->start = (int)left;
	run->count = share ? 2 : 1;
	run->first = 2 * out - share;
	run->middle = 0;
	run->last = share;
}

static int64_t run_total(int64_t in, int64_t out)
{
	return out <= in ? in : 2 * out;
}

/* Runs of the output pixels first .. first+count-1 of an axis resized from `in` to `out` pixels. NULL without memory. */
static struct run *make_runs(int64_t in, int64_t out, int64_t first, int count)
{
	struct run *runs = cs_calloc((size_t)count, sizeof *runs);

	for (int i = 0; runs && i < count; i++) {
		if (out <= in)
			shrink_run(in, out, first + i, &runs[i]);
		else
			grow_run(in, out, first + i, &runs[i]);
	}
	return runs;
}

static void squeeze_row(const uint8_t *in, const struct run *runs, int width, uint64_t *out)
{
	for (int x = 0; x < width; x++, out += 3) {
		const struct run *run = &runs[x];
		const uint8_t *at = in + 3 * (size_t)run->start;
		uint64_t r = (uint64_t)run->first * at[0];
		uint64_t g = (uint64_t)run->first * at[1];
		uint64_t b = (uint64_t)run->first * at[2];
		uint64_t middle[3] = {0, 0, 0};

		for (int i = 1; i < run->count - 1; i++) {
			at += 3;
			middle[0] += at[0];
			middle[1] += at[1];
			middle[2] += at[2];
		}
		r += middle[0] * (uint64_t)run->middle;
		g += middle[1] * (uint64_t)run->middle;
		b += middle[2] * (uint64_t)run->middle;
		if (run->count > 1) {
			at += 3;
			r += (uint64_t)run->last * at[0];
			g += (uint64_t)run->last * at[1];
			b += (uint64_t)run->last * at[2];
		}
		out[0] = r;
		out[1] = g;
		out[2] = b;
	}
}

/* The part (left, top, out->width, out->height) of `in` resized to full_width x full_height. */
static enum cs_status resize_part(const struct cs_picture *in, int64_t full_width, int64_t full_height, int64_t left,
	int64_t top, struct cs_picture *out, struct cs_error *error)
{
	size_t samples = (size_t)out->width * 3;
	struct run *across = make_runs(in->width, full_width, left, out->width);
	struct run *down = make_runs(in->height, full_height, top, out->height);
	uint64_t *rows = cs_alloc(3 * samples * sizeof *rows);
	uint64_t *sum = NULL;
	int held[2] = {-1, -1}; /* which input rows are in rows[0] and rows[1] */
	uint64_t total = (uint64_t)(run_total(in->width, full_width) * run_total(in->height, full_height));
	enum cs_status status = CS_OK;

	if (!across || !down || !rows) {
		status = cs_fail_memory(error, "resizing a picture");
		goto out;
	}
	sum = rows + 2 * samples;
	for (int y = 0; y < out->height; y++) {
		const struct run *run = &down[y];
		uint8_t *to = out->rgb + (size_t)y * samples;

		memset(sum, 0, samples * sizeof *sum);
		for (int i = 0; i < run->count; i++) {
			int from = run->start + i;
			uint64_t weight = (uint64_t)(i == 0   ? run->first
					: i == run->count - 1 ? run->last
							      : run->middle);
			uint64_t *row = rows + (from & 1 ? samples : 0);

			if (held[from & 1] != from) {
				squeeze_row(in->rgb + (size_t)from * (size_t)in->width * 3, across, out->width, row);
				held[from & 1] = from;
			}
			for (size_t s = 0; s < samples; s++)
				sum[s] += weight * row[s];
		}
		for (size_t s = 0; s < samples; s++)
			to[s] = (uint8_t)((sum[s] + total / 2) / total);
	}
out:
	cs_free(across);
	cs_free(down);
	cs_free(rows);
	return status;
}

static void repeat_pixels(const struct cs_picture *in, struct cs_picture *out)
{
	for (int y = 0; y < out->height; y++) {
		int64_t from_y = (2 * (int64_t)y + 1) * in->height / (2 * (int64_t)out->height);
		const uint8_t *row = in->rgb + 3 * from_y * in->width;
		uint8_t *to = out->rgb + 3 * (int64_t)y * out->width;

		for (int x = 0; x < out->width; x++) {
			int64_t from_x = (2 * (int64_t)x + 1) * in->width / (2 * (int64_t)out->width);

			memcpy(to + 3 * (size_t)x, row + 3 * from_x, 3);
		}
	}
}

enum cs_status cs_picture_resize(
	const struct cs_picture *in, int width, int height, bool smooth, struct cs_picture *out, struct cs_error *error)
{
	struct cs_picture result = {0};
	enum cs_status status = cs_picture_init(&result, width, height, error);

	if (status == CS_OK && smooth)
		status = resize_part(in, width, height, 0, 0, &result, error);
	else if (status == CS_OK)
		repeat_pixels(in, &result);
	if (status == CS_OK)
		*out = result;
	else
		cs_picture_fini(&result);
	return status;
}

enum cs_status cs_picture_fit(
	const struct cs_picture *in, int width, int height, struct cs_picture *out, struct cs_error *error)
{
	struct cs_picture result = {0};
	int64_t full_width = width;
	int64_t full_height = height;
	enum cs_status status = cs_picture_init(&result, width, height, error);

	if (status != CS_OK)
		return status;
	/* The larger of the two scales fits both sides; the other side is rounded to a whole pixel. */
	if ((int64_t)width * in->height >= (int64_t)height * in->width)
		full_height = (2 * (int64_t)in->height * width + in->width) / (2 * (int64_t)in->width);
	else
		full_width = (2 * (int64_t)in->width * height + in->height) / (2 * (int64_t)in->height);
	if (full_width < width)
		full_width = width;
	if (full_height < height)
		full_height = height;
	status = resize_part(
		in, full_width, full_height, (full_width - width) / 2, (full_height - height) / 2, &result, error);
	if (status == CS_OK)
		*out = result;
	else
		cs_picture_fini(&result);
	return status;
}
