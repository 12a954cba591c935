/* layer.h: what a layer is: how it is asked for, what it holds, and what each kind must be able to do.
 *
 * Three phases, kept apart: a layer is *shaped* (its specification is checked against its input and its parameters are
 * sized), *planned* (how much memory a batch needs, which algorithm serves), and *run* (forward, backward: no allocation, no
 * failure). A layer is constant while it runs: all that a pass leaves behind (activations, switches, dropout masks, batch
 * statistics) lives in the trace.
 */
#ifndef CS_NN_LAYER_H
#define CS_NN_LAYER_H

#include "core/tensor.h"
#include "core/workers.h"
#include "nn/activation.h"

enum cs_padding { CS_PADDING_VALID, CS_PADDING_SAME };

enum cs_initialiser { CS_INIT_DEFAULT, CS_INIT_HE, CS_INIT_GLOROT, CS_INIT_LECUN, CS_INIT_NORMAL, CS_INIT_ZEROS };

enum { CS_NAME_SIZE = 64, CS_MAX_PARAMS = 4 };

/* A layer as it is asked for. One flat struct: each kind reads the fields that mean something to it; cs_layer_spec_default()
 * has everything at Keras' defaults. */
struct cs_layer_spec {
	const struct cs_layer_ops *ops; /* which kind, from cs_layer_kind() */
	char name[CS_NAME_SIZE]; /* "" = named by the network: conv1, pool1, dense1, ... */
	int64_t features; /* conv: feature maps; dense: units */
	int64_t kernel[2]; /* conv: rows, columns */
	int64_t window[2]; /* pools */
	int64_t stride[2]; /* conv: 1,1; pools: 0 = the window */
	enum cs_padding padding; /* 'same' puts the extra row or column at the bottom and right, as TensorFlow does */
	int64_t border[4]; /* zero padding: top, bottom, left, right */
	enum cs_activation activation; /* conv, dense, activation */
	float alpha; /* slope of leaky ReLU, scale of ELU; NaN (the default) = Keras' own, 0.3 and 1 */
	bool bias; /* conv, dense */
	float rate; /* dropout: the share that is dropped */
	float epsilon, momentum; /* batch norm */
	bool centre, scale; /* batch norm: beta, gamma */
	float factor, offset; /* rescaling: x * factor + offset */
	enum cs_initialiser initialiser;
	float deviation; /* of CS_INIT_NORMAL; 0 = sqrt(1 / fan_in) */
};

/* A parameter tensor; names are Keras' own: kernel, bias, gamma, beta, moving_mean, moving_variance. */
struct cs_param {
	const char *name;
	struct cs_tensor value;
	bool trainable; /* false for moving statistics */
	bool decays; /* weight decay applies: kernels only */
};

struct cs_layer {
	const struct cs_layer_ops *ops;
	struct cs_layer_spec spec;
	int index; /* position in the network, from 0 */
	struct cs_shape in; /* of one image: h,w,c or n */
	struct cs_shape out; /* of one image */
	int64_t pad_top, pad_left; /* what 'same' or a border puts before the first row and column */
	struct cs_param params[CS_MAX_PARAMS];
	int param_count;
	bool frozen; /* fine-tuning: parameters are not updated */
};

/* What convolutions are computed in on the way forward; everything else, gradients included, is float32 always. In bfloat16 factors are
 * rounded to 8 binary digits, and summed up in float32: see kernels/tiles.h. */
enum cs_precision { CS_FP32, CS_BF16 };

/* What a layer asks of the plan, for a batch of `batch` images. All sizes in bytes; the plan aligns them. */
struct cs_need {
	int batch;
	bool training;
	enum cs_precision precision;
	bool in_place; /* out may be the same memory as in (when nobody asked to keep in) */
	size_t aux; /* kept in the trace from forward to backward: logits, masks, batch statistics */
	size_t switches; /* number of switches (cs_switch) kept in the trace */
	size_t per_worker; /* scratch of each worker, contents lost between layers */
	size_t shared; /* scratch of the layer, contents lost between layers */
	bool keeps; /* may it keep what it makes of its parameters from pass to pass? */
	size_t kept; /* memory for that, zero before the first pass; 0 where nothing is kept */
	const char *algorithm; /* what was chosen, for `info --plan`: "im2col + GEMM" */
	char why[120]; /* and why */
	char back[160]; /* what was chosen for the way back, and why; empty where there is no choice, or no way back */
	bool view; /* out is in under another shape, nothing is computed: they share memory wherever they can */
	bool d_in_place; /* backward: d_in may be the same memory as d_out */
};

/* The cell of a pooling window that won, row * window_columns + column within the window. See pool.h. */
typedef uint16_t cs_switch;

/* A layer that works on each number by itself, an activation or a batch norm, run on another layer's map as that leaves the
 * registers (see fuse). */
struct cs_pass_stage {
	const struct cs_layer *layer;
	float *out; /* where its map goes; NULL: nobody keeps it */
	void *aux;
};
enum { CS_MAX_STAGES = 3 };

/* One layer's share of a forward or backward pass. Pointers are to `count` images; NULL where not planned or asked for. */
struct cs_pass {
	int count;
	bool training;
	enum cs_precision precision; /* the one that was planned */
	uint64_t seed; /* dropout: the stream is (seed, CS_RANDOM_DROPOUT, step, layer and image) */
	uint32_t step;
	const float *in;
	float *out;
	cs_switch *switches;
	void *aux;
	/* backward: */
	float *d_out; /* gradient with respect to out; may be overwritten by the layer */
	float *d_in; /* to be written; NULL when nobody needs it */
	float *d_params[CS_MAX_PARAMS]; /* to be written (not added to), per parameter; NULL = not wanted */
	bool d_out_is_logits; /* d_out is already with respect to the softmax's input */
	struct cs_workers *workers;
	char *worker_scratch; /* worker w has worker_scratch + w * worker_stride */
	size_t worker_stride;
	char *shared;
	char *kept; /* as planned; NULL where nothing is */
	/* A pass that runs following layers as well (see fuse): first those that work number by number, then a pool, if there is one:
	 * where its output and switches go, and backward the gradient with respect to its output (may be overwritten). `out` and
	 * `d_out` of the first are then NULL unless somebody keeps them: a map that is asked for is written, its gradient never. */
	struct cs_pass_stage stages[CS_MAX_STAGES];
	int stage_count;
	const struct cs_layer *next;
	float *next_out;
	cs_switch *next_switches; /* NULL in inference */
	float *d_next_out;
};

/* A kind of layer: one const row, one file. */
struct cs_layer_ops {
	const char *type; /* the name in specifications, Lua and `info`: "conv" */
	const char *stem; /* automatic names: "conv" -> conv1, conv2 */
	const char *keras; /* the class Keras 2 and 3 call it, "Conv2D" */

	/* Check spec against layer->in; set out, padding, and params (shapes and names, memory allocated and zeroed). Errors
	 * name both shapes; the network puts "layer 3 (conv 3x3, 128 features)" in front. */
	enum cs_status (*shape)(struct cs_layer *layer, struct cs_error *error);

	/* Fill the need for need->batch images. */
	void (*plan)(const struct cs_layer *layer, struct cs_need *need);

	/* May be NULL. How many of the `count` layers behind this one can its forward (and, when need->training, backward) run in the
	 * same pass? At most CS_MAX_STAGES that work number by number, then a max-pool. When any: fill the need for all, but
	 * for what the others keep (switches, aux); when none, leave it alone. layer[1] on are the layers behind. */
	int (*fuse)(const struct cs_layer *layer, int count, struct cs_need *need);

	void (*forward)(const struct cs_layer *layer, struct cs_pass *pass);

	/* NULL: the layer cannot be trained through. */
	void (*backward)(const struct cs_layer *layer, struct cs_pass *pass);

	/* After an optimiser step: fold what the pass measured into non-trainable parameters (batch norm). May be NULL. */
	void (*update)(struct cs_layer *layer, const struct cs_pass *pass);

	/* One line for people, "conv 5x5, 512 features, relu" into text. */
	void (*describe)(const struct cs_layer *layer, char *text, size_t size);

	/* Multiply-accumulates for one image; NULL = 0. */
	int64_t (*macs)(const struct cs_layer *layer);

	/* Window, stride and padding before, in rows [0] and columns [1], for receptive fields. NULL: 1,1,0 (works per position).
	 * A layer that sees everything (flatten, dense, global pools) gives the whole input as window. */
	void (*geometry)(const struct cs_layer *layer, int64_t window[2], int64_t stride[2], int64_t before[2]);
};

/* The kinds there are; NULL ends the list. A new kind is one file and one row in layer.c. */
extern const struct cs_layer_ops *const cs_layer_kinds[];

/* The kind of that type ("conv"), or NULL. */
const struct cs_layer_ops *cs_layer_kind(const char *type);

/* A specification with every field at its default (Keras': stride 1, valid, linear, bias, epsilon 1e-3, momentum 0.99). */
struct cs_layer_spec cs_layer_spec_default(const struct cs_layer_ops *ops);

/* Add a parameter (allocated, zeroed) while shaping. */
enum cs_status cs_layer_add_param(struct cs_layer *layer, const char *name, struct cs_shape shape, bool trainable,
	bool decays, struct cs_error *error);

/* Numbers in one image's activations after one layer: 8 GB of them. */
#define CS_MAX_OUTPUTS ((int64_t)1 << 31)

/* Refuse an output that is not there, or of more numbers than CS_MAX_OUTPUTS, or one that `kernel` numbers of a kernel take more than
 * an hour's work to fill. Called for every layer, and by cs_layer_add_param() before it allocates: set layer->out first. */
enum cs_status cs_layer_check_size(const struct cs_layer *layer, int64_t kernel, struct cs_error *error);

/* The parameter of that name, or NULL. */
struct cs_param *cs_layer_param(const struct cs_layer *layer, const char *name);

/* Where a layer's input comes from, for shape errors: "layer 2 leaves 2x2x64", or "the input is 2x2x3" for the first. Returns
 * text. */
const char *cs_layer_source(const struct cs_layer *layer, char *text, size_t size);
enum { CS_SOURCE_TEXT = CS_SHAPE_TEXT + 40 };

/* Output size and padding before along one axis, as TensorFlow computes them; 0 when the window does not fit. */
int64_t cs_window_output(int64_t in, int64_t window, int64_t stride, enum cs_padding padding, int64_t *before);

extern const struct cs_layer_ops cs_conv_layer, cs_maxpool_layer, cs_avgpool_layer, cs_global_avgpool_layer,
	cs_global_maxpool_layer, cs_dense_layer, cs_flatten_layer, cs_activation_layer, cs_dropout_layer,
	cs_batchnorm_layer, cs_zeropad_layer, cs_rescale_layer;

#endif
