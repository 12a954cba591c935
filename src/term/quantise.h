/* quantise.h: the few colours that stand best for a picture. */
#ifndef CS_TERM_QUANTISE_H
#define CS_TERM_QUANTISE_H

#include "io/picture.h"

#include <stdbool.h>

/* At most `most` (2 .. 256) colours by median cut (Heckbert 1982) over the picture's colours, exact when it has no more than that.
 *
 * palette  [most,3] RGB, the first *used are written
 * indices  [height,width], each pixel's colour
 * Returns false when there is no memory.
 */
bool cs_quantise(const struct cs_picture *picture, int most, uint8_t *palette, int *used, uint8_t *indices);

#endif
