/* spectrum.h: what frequencies a picture holds, and whether a grid shows through.
 *
 * Frequencies are in cycles a pixel. A power spectrum is laid out as the transform is: entry [v,u] has frequency v / h down and u / w to
 * the right, those above one half being negative frequencies.
 */
#ifndef CS_MEASURE_SPECTRUM_H
#define CS_MEASURE_SPECTRUM_H

#include "core/status.h"

#include <stdbool.h>

/* The power spectrum of image[h,w,c] into power[h,w]: |DFT|^2 summed over channels.
 *
 * window  for pictures: each channel's mean removed, then a Hann window, so that unlike borders make no cross; its energy is
 *         made good. Kernels take none, and keep their mean.
 * Errors  CS_ERR_MEMORY.
 * Cost    h w (h + w) a channel: a direct transform along rows, then along columns, right for every size; pictures here are small.
 */
enum cs_status cs_spectrum_power(
	const float *image, int h, int w, int c, bool window, float *power, struct cs_error *error);

/* Mean power in rings of frequency, `bins` of them from 0 to 0.5 cycles a pixel (corners beyond go into none), into out[bins].
 * A ring without an entry is 0; the entry at frequency 0 is left out. */
void cs_spectrum_radial(const float *power, int h, int w, int bins, double *out);

/* How far a grid of `period` pixels shows through: the power at multiples of 1 / period (both axes, frequency 0 left out) over
 * the power around them. About 1 without a grid; a score of 4 is four times its surroundings.
 *
 * Each point of the grid is compared with its own surroundings: the mean of the entries within 1.5 steps of the transform of it (in both
 * directions) and of those 2 to 4 steps away. The score is the ratio of the two sums over points, each weighted by its frequency squared,
 * so that the low frequencies, where pictures have most power, do not decide alone. NaN when there is no power, for periods below 2, and
 * for those above an eighth of a side, whose points lie too close together to have surroundings.
 */
double cs_spectrum_grid(const float *power, int h, int w, double period);

#endif
