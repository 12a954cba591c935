/* colormap.h: colours for numbers. All maps are readable with the common colour-vision deficiencies and rise (or, diverging,
 * fall and rise) evenly in lightness. */
#ifndef CS_FIGURE_COLORMAP_H
#define CS_FIGURE_COLORMAP_H

#include <stdint.h>

struct cs_rgb {
	uint8_t r, g, b;
};

struct cs_colormap {
	const char *name;
	struct cs_rgb at[256];
};

/* "grey", "heat" (dark to light), "diverging" (blue - white - red/orange); NULL for other names. */
const struct cs_colormap *cs_colormap_find(const char *name);

/* Colour of x on [low, high], clamped; NaN is magenta. */
struct cs_rgb cs_colormap_at(const struct cs_colormap *map, float x, float low, float high);

/* Colour-blind-safe line colours (Okabe & Ito), i from 0, repeating after CS_SERIES_COLOURS. */
enum { CS_SERIES_COLOURS = 7 };
struct cs_rgb cs_series_colour(int i);

#endif
