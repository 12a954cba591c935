/* sparse.c: packing kernels and summing over living entries. See sparse.h.
 *
 * The inner loop is written once (sparse_sum.h) and compiled for each instruction set; they differ in the width of their
 * vectors and in how many lanes fit their registers, so that a place's entries are run through once or more often.
 */
#include "deconv/sparse.h"

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
	for (int64_t f = first; f < last; f++) {
		const float *numbers = from + (chosen ? chosen[f] : f);

		for (int64_t i = 0; i < count; i++)
			to[f * pitch + i] = numbers[i * all];
		for (int64_t i = count; i < CS_LANE; i++)
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

#define SUM_PASTE(a, b) a##b
#define SUM_CAT(a, b) SUM_PASTE(a, b)

#define SUM_NAME sum_portable
#define SUM_TARGET
#define SUM_WIDTH 4
#define SUM_LANES 3
#include "deconv/sparse_sum.h"

#if defined(__x86_64__)
#define SUM_NAME sum_avx2
#define SUM_TARGET __attribute__((target("avx2,fma")))
#define SUM_WIDTH 8
#define SUM_LANES 6
#include "deconv/sparse_sum.h"

#define SUM_NAME sum_avx512
#define SUM_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma")))
#define SUM_WIDTH 16
#define SUM_LANES CS_PANEL
#include "deconv/sparse_sum.h"

static const panel_sum sums[] = {sum_portable, sum_avx2, sum_avx512};
#else
static const panel_sum sums[] = {sum_portable, sum_portable, sum_portable};
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
