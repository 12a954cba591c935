/* augment.h: changed copies of training images: a pure function of (seed, epoch, sample).
 *
 * Changes come in this order: the geometry (shift, mirror, crop, rotation: one resampling at most), the colours, the hole. Flips and shifts alone
 * move whole pixels, so nothing is blurred; a crop or a rotation interpolates between four neighbours (bilinear). What lies outside
 * of the picture repeats its edge.
 */
#ifndef CS_DATA_AUGMENT_H
#define CS_DATA_AUGMENT_H

#include "core/status.h"

#include <stdbool.h>
#include <stdint.h>

struct cs_augment {
	bool flip; /* mirror left and right, every second time */
	bool flip_vertical; /* top and bottom */
	int shift; /* at most so many pixels each way, both axes */
	float rotate; /* degrees: an angle in [-rotate, rotate] about the centre, as Keras' rotation_range */
	float crop; /* a window of at least this share of the area, its sides' ratio within 3:4 .. 4:3, fills the picture (Szegedy et al.
		     * 2015); 0 and 1: none */
	float brightness, contrast, saturation; /* a factor in [1 - x, 1 + x] each */
	float hue; /* degrees: a rotation of the colours in [-hue, hue] around the grey axis */
	int cutout; /* a grey square of so many pixels a side, its centre anywhere in the picture (DeVries & Taylor 2017) */
};

/* Errors: CS_ERR_ARGUMENT naming the field, what it is and what was expected. */
enum cs_status cs_augment_check(const struct cs_augment *augment, struct cs_error *error);

/* True when it would change anything. */
bool cs_augment_active(const struct cs_augment *augment);

/* rgb[height,width,3] -> out, not in place. */
void cs_augment_apply(const struct cs_augment *augment, uint64_t seed, uint32_t epoch, int64_t image, int width,
	int height, const uint8_t *rgb, uint8_t *out);

#endif
