/* invert.h: from a layer's activations back to the pixels that explain them: the true inverse, as far as there is one.
 *
 * Where the DeconvNet (project.h) transposes, this solves: layer by layer x = W^+ (f^-1(y) - b). Activations are inverted exactly: the sigmoid's and tanh's
 * after clamping to their open range, leaky ReLU's and ELU's everywhere; of a ReLU the units that fire are known and the silent ones say
 * nothing. A max-pool knows the cells that won; an average pool gives each cell the mean. Batch norm, rescaling and padding are undone
 * exactly. Biases and shifts take part, unlike in projections.
 */
#ifndef CS_DECONV_INVERT_H
#define CS_DECONV_INVERT_H

#include "core/job.h"
#include "deconv/least_squares.h"
#include "nn/trace.h"

struct cs_inversion {
	struct cs_solution *layers; /* [layer + 1], for conv and dense layers; the caller's, may be NULL */
};

/* Invert layers `layer` .. 0 for one image of a trace (kind CS_TRACE_ALL).
 *
 * out       [h,w,c] float32, written: the network's input space
 * Errors    CS_ERR_ARGUMENT for a layer or image that is not there, CS_ERR_UNSUPPORTED naming a layer that loses what cannot be found again (a softmax
 *           in the way, a global max, a rescaling by 0), CS_ERR_MEMORY, CS_ERR_CANCELLED (job may be NULL). */
enum cs_status cs_invert(const struct cs_trace *trace, int image, int layer, const struct cs_solver *solver, float *out,
	struct cs_inversion *inversion, struct cs_job *job, struct cs_error *error);

/* Can layers 0 .. layer be inverted? Errors as above. */
enum cs_status cs_invert_check(const struct cs_network *network, int layer, struct cs_error *error);

#endif
