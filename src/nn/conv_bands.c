/* conv_bands.c: bands of rows, and what becomes of them. See conv_bands.h. */
#include "nn/conv_bands.h"

#include "nn/batchnorm.h"

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

bool cs_conv_keeps_map(const struct cs_pass *pass)
{
	bool keeps = pass->out != NULL;

	for (int i = 0; i < pass->stage_count; i++)
		keeps |= pass->stages[i].out != NULL;
	return keeps;
}

bool cs_conv_is_plain(const struct cs_layer *conv, const struct cs_pass *pass, struct cs_conv_plain *plain)
{
	enum cs_activation activation = conv->spec.activation;

	*plain = (struct cs_conv_plain){0};
	for (int i = 0; i <= pass->stage_count; i++) {
		if (activation == CS_RELU)
			plain->rectified = true; /* twice is once */
		else if (activation != CS_LINEAR)
			return false;
		if (i == pass->stage_count)
			break;
		activation = CS_LINEAR;
		if (pass->stages[i].layer->ops == &cs_activation_layer) {
			activation = pass->stages[i].layer->spec.activation;
			continue;
		}
		if (plain->norm || plain->rectified)
			return false;
		plain->norm = pass->stages[i].layer;
		plain->norm_aux = pass->stages[i].aux;
	}
	return true;
}

/* One band of cells on its way out. */
struct emission {
	const struct cs_bands *bands;
	const struct cs_band *band;
	const struct cs_blocked *blocked;
	int64_t image, feature, valid, rows, pitch;
	float *cells;
};

static void activate(const struct emission *e, enum cs_activation activation, float alpha)
{
	if (activation == CS_RELU)
		e->blocked->rectify(e->cells, e->rows * e->pitch);
	else if (activation != CS_LINEAR && activation != CS_SOFTMAX)
		cs_activate(activation, alpha, e->cells, e->rows * e->pitch, e->blocked->lanes);
}

static void keep(const struct emission *e, float *map)
{
	const struct cs_shape *out = &e->bands->conv->out;
	int64_t oh = out->dim[0], ow = out->dim[1], f = out->dim[2];

	if (map)
		e->blocked->unblock(e->cells, e->pitch, e->rows, ow, e->valid,
			map + ((e->image * oh + e->band->top) * ow) * f + e->feature, f, false);
}

static void normalise(const struct emission *e, const struct cs_layer *layer, const void *aux, bool rectified)
{
	struct cs_norm norm = cs_batchnorm_constants(layer, aux);

	e->blocked->affine(norm.mean + e->feature, norm.factor + e->feature, norm.offset + e->feature, e->valid,
		rectified, e->cells, e->rows * e->pitch);
}

/* Is stage i, whose map nobody wants, followed by a rectifier? Then one loop does both. */
static bool rectified_next(const struct cs_pass *pass, int i)
{
	const struct cs_layer *next = i + 1 < pass->stage_count ? pass->stages[i + 1].layer : NULL;

	return next && !pass->stages[i].out && next->ops == &cs_activation_layer && next->spec.activation == CS_RELU;
}

/* Through activation and stages, each kept where it is wanted. */
static void pass_stages(const struct emission *e, const struct cs_pass *pass)
{
	activate(e, e->bands->conv->spec.activation, e->bands->conv->spec.alpha);
	keep(e, pass->out);
	for (int i = 0; i < pass->stage_count; i++) {
		const struct cs_pass_stage *stage = &pass->stages[i];

		if (stage->layer->ops == &cs_batchnorm_layer) {
			bool rectified = rectified_next(pass, i);

			normalise(e, stage->layer, stage->aux, rectified);
			i += rectified;
		} else {
			activate(e, stage->layer->spec.activation, stage->layer->spec.alpha);
		}
		keep(e, pass->stages[i].out);
	}
}

void cs_conv_pack_bias(const struct cs_layer *conv, int64_t width, float *to)
{
	for (int64_t i = 0; i < width; i++)
		to[i] = conv->spec.bias && i < conv->out.dim[2] ? conv->params[1].value.data[i] : 0;
}

void cs_conv_emit(const struct cs_bands *bands, const struct cs_band *band, const struct cs_blocked *blocked,
	const struct cs_pass *pass, int64_t image, int64_t feature, float *cells, int64_t pitch)
{
	const struct cs_layer *conv = bands->conv, *pool = bands->pool;
	struct emission e = {
		.bands = bands,
		.band = band,
		.blocked = blocked,
		.image = image,
		.feature = feature,
		.valid = cs_least(blocked->lanes, conv->out.dim[2] - feature),
		.rows = band->bottom - band->top,
		.pitch = pitch,
		.cells = cells,
	};
	struct cs_conv_plain plain;
	bool late = false; /* rectified as it is pooled */

	if (!bands->map && cs_conv_is_plain(conv, pass, &plain)) {
		late = plain.rectified;
		if (plain.norm)
			normalise(&e, plain.norm, plain.norm_aux, false);
	} else {
		pass_stages(&e, pass);
	}
	if (pool) {
		int64_t pooled = image * cs_shape_count(&pool->out) + feature;

		blocked->maxpool_block(pool, cells, pitch, band->top, band->pool_top, band->pool_bottom, late, e.valid,
			pass->next_out + pooled, pass->next_switches ? pass->next_switches + pooled : NULL);
	}
}
