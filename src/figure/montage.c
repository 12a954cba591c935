/* montage.c: tensors -> pictures, alone or as mosaics. See montage.h.
 *
 * The scale of a picture is one number, the limit: |x| = limit has full colour. Three channels are drawn as colour around mid-grey.
 * Anything else goes through a colour map: from -limit to limit when the numbers have negative ones among them (or the map is the
 * diverging one), from 0 to limit when they have not.
 */
#include "figure/montage.h"

#include <math.h>
#include <string.h>

static const struct cs_rgb background = {40, 40, 40};
static const struct cs_rgb mid_grey = {128, 128, 128};
static const struct cs_rgb not_a_number = {255, 0, 255};

/* How numbers become colours. */
struct drawing {
	const struct cs_colormap *map;
	int64_t channels;
	bool is_signed;
};

/* What one pixel shows where it is not three channels: its number, or the norm of its numbers. */
static float single(const float *pixel, int64_t channels)
{
	double sum = 0;

	if (channels == 1)
		return pixel[0];
	for (int64_t k = 0; k < channels; k++)
		sum += (double)pixel[k] * pixel[k];
	return (float)sqrt(sum);
}

/* The largest finite |x| that is drawn. */
static float limit_of(const float *data, int64_t pixels, int64_t channels)
{
	float limit = 0;

	if (channels == 1 || channels == 3) {
		for (int64_t i = 0; i < pixels * channels; i++)
			if (isfinite(data[i]) && fabsf(data[i]) > limit)
				limit = fabsf(data[i]);
		return limit;
	}
	for (int64_t i = 0; i < pixels; i++) {
		float x = single(data + i * channels, channels);

		if (isfinite(x) && x > limit)
			limit = x;
	}
	return limit;
}

static struct drawing drawing_of(const struct cs_tensor *images, const struct cs_colormap *map)
{
	struct drawing drawing = {.map = map ? map : cs_colormap_find("grey")};
	int64_t count = cs_tensor_count(images);

	drawing.channels = images->shape.dim[images->shape.rank - 1];
	drawing.is_signed = strcmp(drawing.map->name, "diverging") == 0;
	if (drawing.channels == 1)
		for (int64_t i = 0; i < count && !drawing.is_signed; i++)
			drawing.is_signed = images->data[i] < 0;
	return drawing;
}

static struct cs_rgb colour_of(const struct drawing *drawing, const float *pixel, float limit)
{
	uint8_t rgb[3];

	if (drawing->channels != 3) {
		float x = single(pixel, drawing->channels);

		if (isnan(x))
			return not_a_number;
		if (limit == 0 && isfinite(x))
			return mid_grey;
		return cs_colormap_at(drawing->map, x, drawing->is_signed ? -limit : 0, limit);
	}
	for (int k = 0; k < 3; k++) {
		double t;

		if (isnan(pixel[k]))
			return not_a_number;
		t = isinf(pixel[k]) ? (pixel[k] > 0 ? 1 : -1) : limit == 0 ? 0 : (double)pixel[k] / limit;
		t = t < -1 ? -1 : t > 1 ? 1 : t;
		rgb[k] = (uint8_t)lrint(t < 0 ? 128 + 128 * t : 128 + 127 * t);
	}
	return (struct cs_rgb){rgb[0], rgb[1], rgb[2]};
}

/* One image into the rectangle at (left, top) of a picture, each number `zoom` pixels wide. */
static void draw_tile(struct cs_picture *out, int left, int top, int zoom, const struct drawing *drawing,
	const float *data, int height, int width, float limit)
{
	for (int y = 0; y < height; y++) {
		uint8_t *row =
			out->rgb + 3 * (((size_t)top + (size_t)y * (size_t)zoom) * (size_t)out->width + (size_t)left);
		uint8_t *at = row;

		for (int x = 0; x < width; x++, data += drawing->channels) {
			struct cs_rgb colour = colour_of(drawing, data, limit);

			for (int i = 0; i < zoom; i++, at += 3) {
				at[0] = colour.r;
				at[1] = colour.g;
				at[2] = colour.b;
			}
		}
		for (int i = 1; i < zoom; i++)
			memcpy(row + 3 * (size_t)i * (size_t)out->width, row, (size_t)width * (size_t)zoom * 3);
	}
}

/* Tiles in rows: how many, where, and how large the whole is. */
struct grid {
	int64_t columns, rows, tile_width, tile_height, gap;
};

static enum cs_status lay_out(int64_t count, int64_t width, int64_t height, int columns, int zoom, int gap,
	struct grid *grid, struct cs_picture *out, struct cs_error *error)
{
	int64_t total_width, total_height;

	if (count <= 0 || width <= 0 || height <= 0 || zoom <= 0 || gap < 0 || columns < 0)
		return cs_fail(error, CS_ERR_ARGUMENT,
			"a mosaic of %lld tiles of %lldx%lld (zoom %d, gap %d, %d columns) cannot be drawn",
			(long long)count, (long long)width, (long long)height, zoom, gap, columns);
	grid->columns = columns ? columns : (int64_t)ceil(sqrt((double)count));
	if (grid->columns > count)
		grid->columns = count;
	grid->rows = (count + grid->columns - 1) / grid->columns;
	grid->gap = gap;
	/* Compared before multiplying: nothing overflows. */
	if (width > CS_PICTURE_MAX_SIDE / zoom || height > CS_PICTURE_MAX_SIDE / zoom ||
		grid->columns > CS_PICTURE_MAX_SIDE || grid->rows > CS_PICTURE_MAX_SIDE || gap > CS_PICTURE_MAX_SIDE)
		return cs_fail(error, CS_ERR_ARGUMENT,
			"a mosaic of %lld tiles of %lldx%lld pixels, magnified %d times, is too large to draw",
			(long long)count, (long long)width, (long long)height, zoom);
	grid->tile_width = width * zoom;
	grid->tile_height = height * zoom;
	total_width = grid->columns * (grid->tile_width + gap) - gap;
	total_height = grid->rows * (grid->tile_height + gap) - gap;
	if (total_width > CS_PICTURE_MAX_SIDE || total_height > CS_PICTURE_MAX_SIDE)
		return cs_fail(error, CS_ERR_ARGUMENT,
			"a mosaic of %lld tiles of %lldx%lld pixels, magnified %d times, is too large to draw",
			(long long)count, (long long)width, (long long)height, zoom);
	return cs_picture_init(out, (int)total_width, (int)total_height, error);
}

static void fill_background(struct cs_picture *picture)
{
	for (size_t i = 0; i < (size_t)picture->width * (size_t)picture->height; i++) {
		picture->rgb[3 * i] = background.r;
		picture->rgb[3 * i + 1] = background.g;
		picture->rgb[3 * i + 2] = background.b;
	}
}

enum cs_status cs_montage_mosaic(const struct cs_tensor *images, struct cs_scale scale, const struct cs_colormap *map,
	int columns, int zoom, int gap, struct cs_picture *out, float *used, struct cs_error *error)
{
	struct cs_picture picture = {0};
	struct drawing drawing;
	enum cs_status status;
	struct grid grid;
	int64_t count, height, width, size;
	float shared = scale.limit;

	if (images->shape.rank != 4 || images->shape.dim[3] <= 0) {
		char text[CS_SHAPE_TEXT];

		return cs_fail(error, CS_ERR_SHAPE,
			"a mosaic needs images of shape n x height x width x channels, not %s",
			cs_shape_text(&images->shape, text, sizeof text));
	}
	count = images->shape.dim[0];
	height = images->shape.dim[1];
	width = images->shape.dim[2];
	size = height * width * images->shape.dim[3];
	status = lay_out(count, width, height, columns, zoom, gap, &grid, &picture, error);
	if (status != CS_OK)
		return status;
	if (scale.kind == CS_SCALE_SHARED)
		shared = limit_of(images->data, count * height * width, images->shape.dim[3]);
	drawing = drawing_of(images, map);
	fill_background(&picture);
	for (int64_t i = 0; i < count; i++) {
		const float *data = images->data + i * size;
		float limit = scale.kind == CS_SCALE_OWN ? limit_of(data, height * width, drawing.channels) : shared;

		draw_tile(&picture, (int)(i % grid.columns * (grid.tile_width + gap)),
			(int)(i / grid.columns * (grid.tile_height + gap)), zoom, &drawing, data, (int)height,
			(int)width, limit);
		if (used)
			used[i] = limit;
	}
	*out = picture;
	return CS_OK;
}

enum cs_status cs_montage_image(const struct cs_tensor *image, struct cs_scale scale, const struct cs_colormap *map,
	struct cs_picture *out, float *used, struct cs_error *error)
{
	struct cs_tensor one;

	if (image->shape.rank != 3) {
		char text[CS_SHAPE_TEXT];

		return cs_fail(error, CS_ERR_SHAPE, "a picture needs a shape of height x width x channels, not %s",
			cs_shape_text(&image->shape, text, sizeof text));
	}
	one = cs_tensor_view(image->data, CS_SHAPE(1, image->shape.dim[0], image->shape.dim[1], image->shape.dim[2]));
	return cs_montage_mosaic(&one, scale, map, 1, 1, 0, out, used, error);
}

enum cs_status cs_montage_pictures(const struct cs_picture *pictures, int count, int columns, int zoom, int gap,
	struct cs_picture *out, struct cs_error *error)
{
	struct cs_picture mosaic = {0};
	enum cs_status status;
	struct grid grid;

	for (int i = 1; i < count; i++)
		if (pictures[i].width != pictures[0].width || pictures[i].height != pictures[0].height)
			return cs_fail(error, CS_ERR_SHAPE,
				"a mosaic needs pictures of one size, but picture 0 is %dx%d and picture %d is %dx%d",
				pictures[0].width, pictures[0].height, i, pictures[i].width, pictures[i].height);
	status = lay_out(count, count > 0 ? pictures[0].width : 0, count > 0 ? pictures[0].height : 0, columns, zoom,
		gap, &grid, &mosaic, error);
	if (status != CS_OK)
		return status;
	fill_background(&mosaic);
	for (int i = 0; i < count; i++) {
		int left = (int)(i % grid.columns * (grid.tile_width + gap));
		int top = (int)(i / grid.columns * (grid.tile_height + gap));
		struct cs_picture large = {0};

		if (zoom == 1) {
			cs_picture_paste(&mosaic, &pictures[i], left, top);
			continue;
		}
		status = cs_picture_resize(
			&pictures[i], (int)grid.tile_width, (int)grid.tile_height, false, &large, error);
		if (status != CS_OK) {
			cs_picture_fini(&mosaic);
			return status;
		}
		cs_picture_paste(&mosaic, &large, left, top);
		cs_picture_fini(&large);
	}
	*out = mosaic;
	return CS_OK;
}
