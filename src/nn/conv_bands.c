/* conv_bands.c: bands of rows, and what becomes of them. See conv_bands.h. */
#include "nn/conv_bands.h"

struct cs_bands cs_conv_bands(const struct cs_layer *conv, const struct cs_layer *pool, bool map, int64_t rows)
{
	struct cs_bands bands = {.conv = conv, .pool = pool, .map = map};
	int64_t oh = conv->out.dim[0];

	if (!pool) {
		bands.height = cs_most(1, cs_least(rows, oh));
		bands.count = cs_divide_up(oh, bands.height);
		bands.rows = bands.height;
		return bands;
	}
	bands.height = cs_most(1, cs_least(rows / pool->spec.stride[0], pool->out.dim[0]));
	bands.count = cs_divide_up(pool->out.dim[0], bands.height);
	for (int64_t i = 0; i < bands.count; i++) {
		struct cs_band band = cs_conv_band(&bands, i);

		bands.rows = cs_most(bands.rows, band.bottom - band.top);
	}
	return bands;
}

struct cs_band cs_conv_band(const struct cs_bands *bands, int64_t i)
{
	const struct cs_layer *pool = bands->pool;
	int64_t oh = bands->conv->out.dim[0], stride;
	struct cs_band band;

	if (!pool)
		return (struct cs_band){.top = i * bands->height, .bottom = cs_least(oh, (i + 1) * bands->height)};
	stride = pool->spec.stride[0];
	band.pool_top = i * bands->height;
	band.pool_bottom = cs_least(pool->out.dim[0], (i + 1) * bands->height);
	band.top = cs_most(0, band.pool_top * stride - pool->pad_top);
	band.bottom = cs_least(oh, (band.pool_bottom - 1) * stride - pool->pad_top + pool->spec.window[0]);
	if (bands->map) {
		/* rows between and after the windows belong to the band before them */
		if (i == 0)
			band.top = 0;
		if (i == bands->count - 1)
			band.bottom = oh;
		else
			band.bottom = cs_most(band.bottom, cs_least(oh, band.pool_bottom * stride - pool->pad_top));
	}
	return band;
}

void cs_conv_emit(const struct cs_bands *bands, const struct cs_band *band, const struct cs_blocked *blocked,
	const struct cs_pass *pass, int64_t image, int64_t feature, float *cells, int64_t pitch)
{
	const struct cs_layer *conv = bands->conv, *pool = bands->pool;
	int64_t oh = conv->out.dim[0], ow = conv->out.dim[1], f = conv->out.dim[2], rows = band->bottom - band->top;
	int64_t valid = cs_least(blocked->lanes, f - feature);
	bool late = conv->spec.activation == CS_RELU && !bands->map; /* rectified as it is pooled */

	if (conv->spec.activation == CS_RELU && !late)
		blocked->rectify(cells, rows * pitch);
	else if (conv->spec.activation != CS_RELU && conv->spec.activation != CS_SOFTMAX)
		cs_activate(conv->spec.activation, conv->spec.alpha, cells, rows * pitch, blocked->lanes);
	if (bands->map)
		blocked->unblock(
			cells, pitch, rows, ow, valid, pass->out + ((image * oh + band->top) * ow) * f + feature, f);
	if (pool) {
		int64_t pooled = image * cs_shape_count(&pool->out) + feature;

		blocked->maxpool_block(pool, cells, pitch, band->top, band->pool_top, band->pool_bottom, late, valid,
			pass->next_out + pooled, pass->next_switches ? pass->next_switches + pooled : NULL);
	}
}
