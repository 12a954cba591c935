/* augment.h: changed copies of training images: a pure function of (seed, epoch, sample). */
#ifndef CS_DATA_AUGMENT_H
#define CS_DATA_AUGMENT_H

#include "core/status.h"

#include <stdbool.h>
#include <stdint.h>

struct cs_augment {
	bool flip; /* mirror left and right, every second time */
	bool flip_vertical; /* top and bottom */
	int shift; /* at most so many pixels each way, both axes; edge pixels are repeated into the gap */
};

/* True when it would change anything. */
bool cs_augment_active(const struct cs_augment *augment);

/* rgb[height,width,3] -> out, not in place. */
void cs_augment_apply(const struct cs_augment *augment, uint64_t seed, uint32_t epoch, int64_t image, int width,
	int height, const uint8_t *rgb, uint8_t *out);

#endif
