/* montage.h: tensors -> pictures, alone or as mosaics; the scale is chosen openly and comes back with the picture. */
#ifndef CS_FIGURE_MONTAGE_H
#define CS_FIGURE_MONTAGE_H

#include "core/tensor.h"
#include "figure/colormap.h"
#include "io/picture.h"

enum cs_scale_kind {
	CS_SCALE_OWN,    /* each picture from -max|x| .. max|x| of itself, 0 in the middle (grey) */
	CS_SCALE_SHARED, /* all from the largest |x| of all */
	CS_SCALE_FIXED,  /* limit given */
};

struct cs_scale {
	enum cs_scale_kind kind;
	float limit; /* CS_SCALE_FIXED */
};

/* One image of numbers [h,w,c] -> picture. With 3 channels each channel is drawn as colour around mid-grey, 0 -> 128; with 1
 * channel (or any other number: channels are summed by Euclidean norm) through the colour map (NULL: grey), from -limit to limit when
 * numbers are negative anywhere in the input or the map is "diverging", else from 0 to limit. *used
 * receives the limit that maps to full colour. NaN is drawn magenta. All-zero input is mid-grey with limit 0. */
enum cs_status cs_montage_image(const struct cs_tensor *image, struct cs_scale scale, const struct cs_colormap *map,
	struct cs_picture *out, float *used, struct cs_error *error);

/* [n,h,w,c] -> a mosaic with `columns` tiles a row (0: near square), each magnified `zoom` times, `gap` pixels of background
 * between. used[n] (may be NULL) receives each tile's limit. */
enum cs_status cs_montage_mosaic(const struct cs_tensor *images, struct cs_scale scale, const struct cs_colormap *map, int columns,
	int zoom, int gap, struct cs_picture *out, float *used, struct cs_error *error);

/* Mosaic of pictures of one size. */
enum cs_status cs_montage_pictures(const struct cs_picture *pictures, int count, int columns, int zoom, int gap,
	struct cs_picture *out, struct cs_error *error);

#endif
