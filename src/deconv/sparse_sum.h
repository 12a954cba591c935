/* sparse_sum.h: the inner loop of sparse.c, for one width of vector. Included once for each instruction set, with
 *
 *   SUM_NAME    the function to define, a panel_sum
 *   SUM_TARGET  its attributes
 *   SUM_WIDTH   numbers in a vector: 4, 8 or 16
 *   SUM_LANES   lanes of 16 numbers that are summed at a time; so many that their vectors stay in registers
 *
 * Vectors are those that GCC and Clang offer for any processor; there are no instructions by name.
 */
enum { SUM_CAT(SUM_NAME, _parts) = CS_LANE / SUM_WIDTH };

typedef float SUM_CAT(SUM_NAME, _vector)
	__attribute__((vector_size(SUM_WIDTH * sizeof(float)), aligned(sizeof(float)), may_alias));

#define VECTOR SUM_CAT(SUM_NAME, _vector)
#define PARTS SUM_CAT(SUM_NAME, _parts)
#define EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)
#define DECLARE(i) VECTOR a##i = {0};
#define MULTIPLY(i) \
	if (vectors > i) \
		a##i += g * *(const VECTOR *)(w + i * SUM_WIDTH);
#define STORE(i) \
	if (vectors > i) \
		*(VECTOR *)(below + offsets[i / PARTS] + i % PARTS * SUM_WIDTH) += a##i;

/* below[offsets[l]] += sum over entries of value * weights[channel][l], for a number of lanes known when this is compiled. */
static inline __attribute__((always_inline)) void SUM_CAT(SUM_NAME, _lanes)(const struct cs_entry *entries,
	int64_t count, const float *weights, int64_t pitch, const int64_t *offsets, float *below, const int lanes)
{
	const int vectors = lanes * PARTS;
	EACH(DECLARE)

	for (int64_t e = 0; e < count; e++) {
		const float *w = weights + entries[e].channel * pitch;
		float g = entries[e].value;

		EACH(MULTIPLY)
	}
	EACH(STORE)
}

SUM_TARGET static void SUM_NAME(const struct cs_patch *patch, const float *weights, int lanes, const int64_t *offsets,
	const int64_t step[2], float *below)
{
	int64_t pitch = (int64_t)lanes * CS_LANE;

	for (int64_t p = 0; p < patch->place_count; p++) {
		const struct cs_place *place = &patch->places[p];
		const struct cs_entry *entries = patch->entries + place->first;
		float *block = below + (place->row - patch->window.top) * step[0] +
			(place->column - patch->window.left) * step[1];

		for (int l = 0; l < lanes; l += SUM_LANES) {
			const float *w = weights + l * CS_LANE;
			const int64_t *o = offsets + l;

#define CASE(n) \
	case n: \
		if (n <= SUM_LANES) \
			SUM_CAT(SUM_NAME, _lanes)(entries, place->count, w, pitch, o, block, n); \
		break
			switch (lanes - l < SUM_LANES ? lanes - l : SUM_LANES) {
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

#undef STORE
#undef MULTIPLY
#undef DECLARE
#undef EACH
#undef PARTS
#undef VECTOR
#undef SUM_NAME
#undef SUM_TARGET
#undef SUM_WIDTH
#undef SUM_LANES
