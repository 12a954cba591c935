/* quality.h: how noisy and how sharp a picture is, told from the picture alone. */
#ifndef CS_MEASURE_QUALITY_H
#define CS_MEASURE_QUALITY_H

/* The deviation of the noise in plane[h,w], in its units: the mean magnitude of what a 3 x 3 mask that cancels constants, slopes and their products
 * leaves (the difference of two Laplacians), scaled so that it is the deviation where the noise is normal.
 * Source: Immerkaer 1996, "Fast noise variance estimation", equation 4. Deviation: as Tai & Yang 2008 do, the pixels whose Sobel gradient is among
 * the strongest `skipped` share are left out, since the mask takes lines and corners for noise (0: none, Immerkaer's own). A fine
 * texture still counts as noise: it compares pictures, it does not tell the camera's noise. NAN below 3 x 3 pixels. */
double cs_quality_noise(const float *plane, int h, int w, double skipped);

/* How sharp plane[h,w] is: the variance of its Laplacian (the 4-neighbour mask, inner pixels) over the variance of the plane, so that contrast plays no part.
 * Source: Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy", LAPV. Deviation: the division. Noise is sharp, too: look at
 * cs_quality_noise as well. NAN below 3 x 3 pixels and for a plane without contrast. */
double cs_quality_sharpness(const float *plane, int h, int w);

#endif
