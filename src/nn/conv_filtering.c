/* conv_filtering.c: which tiles minimal filtering takes for a layer, and whether it pays. See conv.h, kernels/filtering.h.
 *
 * A tile of m x m outputs takes (m + 2)^2 products where 9 m^2 multiplications would be: a saving of 2.25 for m = 2, 3.24 for m = 3,
 * 4 for m = 4 and 5.06 for m = 6, less what sticks out of the map. Larger tiles have more points, and so more weights.
 */
#include "nn/conv.h"
#include "nn/conv_bands.h"

int64_t cs_conv_filtering_cost(const struct cs_layer *conv, enum cs_filtering f)
{
	int64_t m = cs_filtering_sizes[f].outputs, points = cs_filtering_sizes[f].points;

	return cs_divide_up(conv->out.dim[0], m) * cs_divide_up(conv->out.dim[1], m) * points * points;
}

bool cs_conv_filtering_pays(const struct cs_layer *conv, enum cs_filtering f)
{
	/* the transforms have to be paid for, too */
	return cs_conv_filtering_cost(conv, f) * 5 <= conv->out.dim[0] * conv->out.dim[1] * 9 * 4;
}

enum cs_filtering cs_conv_filtering_of(const struct cs_layer *conv)
{
	enum cs_filtering best =
		cs_conv_filtering_cost(conv, CS_F3_3) <= cs_conv_filtering_cost(conv, CS_F2_3) ? CS_F3_3 : CS_F2_3;

	if (conv->spec.stride[0] == 2)
		return CS_S3_3;
	/* more points are more weights to read: a little less work is not enough */
	if (cs_conv_filtering_cost(conv, CS_F4_3) * 10 <= cs_conv_filtering_cost(conv, best) * 9)
		best = CS_F4_3;
	/* and the largest tiles' factors cost a digit, too */
	if (cs_conv_filtering_cost(conv, CS_F6_3) * 4 <= cs_conv_filtering_cost(conv, best) * 3)
		best = CS_F6_3;
	return best;
}
