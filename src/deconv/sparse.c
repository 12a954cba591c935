/* sparse.c: packing kernels and summing over living entries. See sparse.h.
 *
 * The inner loop is written once, on vectors of 16 numbers as GCC and Clang offer them for any processor, and compiled for
 * each instruction set; they differ in how many lanes fit their registers, which a place is run through at a time.
 */
#include "deconv/sparse.h"

/* 16 numbers, wherever they stand. */
typedef float lane __attribute__((vector_size(64), aligned(4), may_alias));

/* Kernels with fewer inputs than this are cut along their rows: taps alone would leave lanes half empty. */
enum { NARROW = 48, FEATURES_AT_ONCE = 16 };

typedef void (*panel_sum)(const struct cs_patch *patch, const float *weights, int lanes, const int64_t *offsets,
	const int64_t step[2], float *below);

struct cs_cut cs_sparse_cut(const struct cs_layer *layer)
{
	struct cs_cut cut = {
		.rows = 1, .columns = 1, .in = cs_map_of(&layer->in).channels, .features = layer->spec.features};

	if (layer->ops == &cs_conv_layer) {
		cut.rows = layer->spec.kernel[0];
		cut.columns = layer->spec.kernel[1];
	}
	cut.by_channel = cut.in >= NARROW;
	if (cut.by_channel)
		cut.lanes = (cut.in + CS_LANE - 1) / CS_LANE * cut.rows * cut.columns;
	else
		cut.lanes = (cut.in * cut.columns + CS_LANE - 1) / CS_LANE * cut.rows;
	cut.panels = (cut.lanes + CS_PANEL - 1) / CS_PANEL;
	return cut;
}

int64_t cs_sparse_size(const struct cs_cut *cut, int64_t features)
{
	return features * cut->lanes * CS_LANE;
}

/* Where lane i stands: its kernel row, the first of its numbers in that row, and how many it has. */
static int64_t lane_place(const struct cs_cut *cut, int64_t i, int64_t *offset, int64_t *count)
{
	int64_t taps = cut->rows * cut->columns, width = cut->columns * cut->in;
	int64_t a_row = (width + CS_LANE - 1) / CS_LANE, row, left;

	if (cut->by_channel) {
		int64_t channel = i / taps * CS_LANE, tap = i % taps;

		row = tap / cut->columns;
		*offset = tap % cut->columns * cut->in + channel;
		left = cut->in - channel;
	} else {
		row = i / a_row;
		*offset = i % a_row * CS_LANE;
		left = width - *offset;
	}
	*count = left < CS_LANE ? left : CS_LANE;
	return row;
}

static int panel_lanes(const struct cs_cut *cut, int64_t panel)
{
	int64_t left = cut->lanes - panel * CS_PANEL;

	return (int)(left < CS_PANEL ? left : CS_PANEL);
}

/* One lane of some neighbouring features; `from` holds the lane's numbers, each with all features. */
static void pack_lane(const float *from, int64_t all, int64_t count, const int32_t *chosen, int64_t first, int64_t last,
	float *to, int64_t pitch)
{
	for (int64_t i = 0; i < count; i++) {
		const float *number = from + i * all;

		for (int64_t f = first; f < last; f++)
			to[f * pitch + i] = number[chosen ? chosen[f] : f];
	}
	for (int64_t i = count; i < CS_LANE; i++) {
		for (int64_t f = first; f < last; f++)
			to[f * pitch + i] = 0;
	}
}

void cs_sparse_pack(const struct cs_cut *cut, const float *kernel, int64_t panel, const int32_t *chosen,
	int64_t features, float *weights)
{
	int lanes = panel_lanes(cut, panel);
	float *to = weights + panel * CS_PANEL * CS_LANE * features;

	for (int l = 0; l < lanes; l++) {
		int64_t offset, count, row = lane_place(cut, panel * CS_PANEL + l, &offset, &count);
		const float *from = kernel + (row * cut->columns * cut->in + offset) * cut->features;

		for (int64_t first = 0; first < features; first += FEATURES_AT_ONCE) {
			int64_t last = first + FEATURES_AT_ONCE < features ? first + FEATURES_AT_ONCE : features;

			pack_lane(from, cut->features, count, chosen, first, last, to + l * CS_LANE,
				(int64_t)lanes * CS_LANE);
		}
	}
}

/* below[offsets[l]] += sum over entries of value * weights[channel][l], for `lanes` lanes known when this is compiled. */
static inline __attribute__((always_inline)) void sum(const struct cs_entry *entries, int64_t count,
	const float *weights, int64_t pitch, const int64_t *offsets, float *below, const int lanes)
{
	lane a0 = {0}, a1 = {0}, a2 = {0}, a3 = {0}, a4 = {0}, a5 = {0}, a6 = {0}, a7 = {0}, a8 = {0};

	for (int64_t i = 0; i < count; i++) {
		const lane *w = (const lane *)(weights + entries[i].channel * pitch);
		float g = entries[i].value;

		a0 += g * w[0];
		if (lanes > 1)
			a1 += g * w[1];
		if (lanes > 2)
			a2 += g * w[2];
		if (lanes > 3)
			a3 += g * w[3];
		if (lanes > 4)
			a4 += g * w[4];
		if (lanes > 5)
			a5 += g * w[5];
		if (lanes > 6)
			a6 += g * w[6];
		if (lanes > 7)
			a7 += g * w[7];
		if (lanes > 8)
			a8 += g * w[8];
	}
	*(lane *)(below + offsets[0]) += a0;
	if (lanes > 1)
		*(lane *)(below + offsets[1]) += a1;
	if (lanes > 2)
		*(lane *)(below + offsets[2]) += a2;
	if (lanes > 3)
		*(lane *)(below + offsets[3]) += a3;
	if (lanes > 4)
		*(lane *)(below + offsets[4]) += a4;
	if (lanes > 5)
		*(lane *)(below + offsets[5]) += a5;
	if (lanes > 6)
		*(lane *)(below + offsets[6]) += a6;
	if (lanes > 7)
		*(lane *)(below + offsets[7]) += a7;
	if (lanes > 8)
		*(lane *)(below + offsets[8]) += a8;
}

/* All places of a signal through one panel, `at_once` lanes at a time. */
static inline __attribute__((always_inline)) void sum_panel(const struct cs_patch *patch, const float *weights,
	int lanes, const int64_t *offsets, const int64_t step[2], float *below, const int at_once)
{
	int64_t pitch = (int64_t)lanes * CS_LANE;

	for (int64_t p = 0; p < patch->place_count; p++) {
		const struct cs_place *place = &patch->places[p];
		const struct cs_entry *entries = patch->entries + place->first;
		float *block = below + (place->row - patch->window.top) * step[0] +
			(place->column - patch->window.left) * step[1];

		for (int l = 0; l < lanes; l += at_once) {
			const float *w = weights + l * CS_LANE;
			const int64_t *o = offsets + l;
			int left = lanes - l < at_once ? lanes - l : at_once;

#define CASE(n) \
	case n: \
		if (n <= at_once) \
			sum(entries, place->count, w, pitch, o, block, n); \
		break
			switch (left) {
				CASE(1);
				CASE(2);
				CASE(3);
				CASE(4);
				CASE(5);
				CASE(6);
				CASE(7);
				CASE(8);
				CASE(9);
			}
#undef CASE
		}
	}
}

static void panel_portable(const struct cs_patch *patch, const float *weights, int lanes, const int64_t *offsets,
	const int64_t step[2], float *below)
{
	sum_panel(patch, weights, lanes, offsets, step, below, 3);
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void panel_avx2(const struct cs_patch *patch, const float *weights,
	int lanes, const int64_t *offsets, const int64_t step[2], float *below)
{
	sum_panel(patch, weights, lanes, offsets, step, below, 6);
}

__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,fma"))) static void panel_avx512(const struct cs_patch *patch,
	const float *weights, int lanes, const int64_t *offsets, const int64_t step[2], float *below)
{
	sum_panel(patch, weights, lanes, offsets, step, below, CS_PANEL);
}

static const panel_sum sums[] = {panel_portable, panel_avx2, panel_avx512};
#else
static const panel_sum sums[] = {panel_portable, panel_portable, panel_portable};
#endif

enum cs_isa cs_sparse_isa(void)
{
	enum cs_isa isa;

	return cs_isa_chosen(&isa, NULL) ? CS_ISA_PORTABLE : isa;
}

void cs_sparse_panel(enum cs_isa isa, const struct cs_cut *cut, int64_t panel, const float *weights, int64_t features,
	const struct cs_patch *patch, const int64_t step[2], float *below, int64_t pitch)
{
	int64_t offsets[CS_PANEL];
	int lanes = panel_lanes(cut, panel);

	for (int l = 0; l < lanes; l++) {
		int64_t offset, count, row = lane_place(cut, panel * CS_PANEL + l, &offset, &count);

		offsets[l] = row * pitch + offset;
	}
	sums[isa](patch, weights + panel * CS_PANEL * CS_LANE * features, lanes, offsets, step, below);
}
