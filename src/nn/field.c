/* field.c: which part of the input a unit sees. See network.h.
 *
 * Going up the chain, a window of w cells adds (w - 1) times the current step to the size, padding moves the start up and
 * left by as many steps, and the stride multiplies the step. Sizes saturate: a chain of thousands of pools sees everything
 * long before the step overflows.
 */
#include "nn/network.h"

/* Far beyond any image, small enough that sums and differences of a few cannot overflow. */
#define FAR ((int64_t)1 << 50)

static int64_t multiply(int64_t a, int64_t b)
{
	int64_t product;

	return __builtin_mul_overflow(a, b, &product) || product > FAR ? FAR : product;
}

static int64_t add(int64_t a, int64_t b)
{
	int64_t sum = a + b; /* both within FAR */

	return sum > FAR ? FAR : sum < -FAR ? -FAR : sum;
}

struct cs_field cs_network_field(const struct cs_network *network, int layer)
{
	const struct cs_shape *input = &network->input;
	struct cs_field whole = {.size = {input->dim[0], input->rank == 3 ? input->dim[1] : 1}, .start = {0, 0}};
	struct cs_field field = {.size = {1, 1}, .step = {1, 1}};

	whole.step[0] = whole.size[0];
	whole.step[1] = whole.size[1];
	for (int i = 0; i <= layer; i++) {
		const struct cs_layer *l = &network->layers[i];
		int64_t window[2] = {1, 1}, stride[2] = {1, 1}, before[2] = {0, 0};

		if (l->out.rank == 1)
			return whole;
		if (l->ops->geometry)
			l->ops->geometry(l, window, stride, before);
		for (int axis = 0; axis < 2; axis++) {
			field.size[axis] = add(field.size[axis], multiply(window[axis] - 1, field.step[axis]));
			field.start[axis] = add(field.start[axis], -multiply(before[axis], field.step[axis]));
			field.step[axis] = multiply(field.step[axis], stride[axis]);
		}
	}
	return field;
}
