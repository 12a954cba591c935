/* sums.h: exact sums of an image's bytes, from which means and deviations of any set of images follow. */
#ifndef CS_DATA_SUMS_H
#define CS_DATA_SUMS_H

#include <stdint.h>

struct cs_sums {
	uint64_t sum[3], square[3]; /* of a channel's bytes, and of their squares */
};

/* rgb[pixels,3] -> its sums. */
void cs_sums_of(const uint8_t *rgb, int64_t pixels, uint64_t sum[3], uint64_t square[3]);

#endif
