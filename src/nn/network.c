/* network.c: building a chain of layers, and what can be said of it without running it. See network.h.
 *
 * Layers are shaped one by one, each against what the one before leaves; the first that does not fit ends it, with a
 * sentence that begins with its number and description. Numbers are bounded before any product of them is taken, so that
 * a specification of absurd sizes is refused at once instead of overflowing or filling the memory.
 */
#include "nn/network.h"

#include "core/alloc.h"
#include "core/cpu.h"
#include "nn/initialise.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* "layer 3 (conv 3x3, 128 features) <message>" */
static enum cs_status layer_fails(const struct cs_layer *layer, enum cs_status status, struct cs_error *error)
{
	char rest[sizeof error->message], text[160];

	if (!error)
		return status;
	memcpy(rest, error->message, sizeof rest);
	cs_layer_describe(layer, text, sizeof text);
	return cs_fail(error, status, "layer %d (%s) %.*s", layer->index, text, (int)sizeof rest - 200, rest);
}

static enum cs_status check_input(const struct cs_shape *input, struct cs_error *error)
{
	char text[CS_SHAPE_TEXT];
	int64_t count = 1;

	cs_shape_text(input, text, sizeof text);
	if (input->rank != 1 && input->rank != 3)
		return cs_fail(error, CS_ERR_SHAPE,
			"the network's input is %s: expected height, width and channels (64x64x3), or a single length",
			text);
	for (int i = 0; i < input->rank; i++) {
		if (input->dim[i] < 1)
			return cs_fail(
				error, CS_ERR_SHAPE, "the network's input is %s: every size must be at least 1", text);
		if (__builtin_mul_overflow(count, input->dim[i], &count) || count > CS_MAX_OUTPUTS)
			return cs_fail(error, CS_ERR_SHAPE,
				"the network's input is %s: more than %" PRId64 " numbers an image", text,
				CS_MAX_OUTPUTS);
	}
	return CS_OK;
}

/* Sizes that no kind has a use for. What a kind needs beyond that (a kernel of at least 1, ...) it checks itself. */
static enum cs_status check_ranges(const struct cs_layer_spec *spec, struct cs_error *error)
{
	const struct {
		const char *what;
		int64_t value;
	} sizes[] = {
		{"features", spec->features},
		{"kernel rows", spec->kernel[0]},
		{"kernel columns", spec->kernel[1]},
		{"window rows", spec->window[0]},
		{"window columns", spec->window[1]},
		{"a stride down", spec->stride[0]},
		{"a stride across", spec->stride[1]},
		{"a top border", spec->border[0]},
		{"a bottom border", spec->border[1]},
		{"a left border", spec->border[2]},
		{"a right border", spec->border[3]},
	};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		if (sizes[i].value < 0 || sizes[i].value > INT32_MAX)
			return cs_fail(error, CS_ERR_ARGUMENT, "asks for %s of %" PRId64 "; expected 0 to %d",
				sizes[i].what, sizes[i].value, INT32_MAX);
	}
	if (!isfinite(spec->alpha))
		return cs_fail(
			error, CS_ERR_ARGUMENT, "has an alpha of %g; expected a finite number", (double)spec->alpha);
	if (!isfinite(spec->deviation) || spec->deviation < 0)
		return cs_fail(error, CS_ERR_ARGUMENT,
			"asks for initial weights of deviation %g; expected a number above 0, or 0 for sqrt(1 / "
			"fan-in)",
			(double)spec->deviation);
	return CS_OK;
}

static void resolve_defaults(struct cs_layer_spec *spec)
{
	bool pools = spec->ops == &cs_maxpool_layer || spec->ops == &cs_avgpool_layer;

	for (int axis = 0; axis < 2; axis++) {
		if (pools && spec->stride[axis] == 0)
			spec->stride[axis] = spec->window[axis];
	}
	if (isnan(spec->alpha))
		spec->alpha = spec->activation == CS_LEAKY_RELU ? 0.3f : spec->activation == CS_ELU ? 1.0f : 0.0f;
}

static enum cs_status shape_layer(struct cs_layer *layer, struct cs_error *error)
{
	enum cs_status status = check_ranges(&layer->spec, error);

	if (!status)
		status = layer->ops->shape(layer, error);
	if (!status)
		status = cs_layer_check_size(layer, 0, error);
	return status ? layer_fails(layer, status, error) : CS_OK;
}

/* A name is a group in model files ("conv1/kernel") and a word on command lines. */
static enum cs_status check_name(const struct cs_layer *layer, struct cs_error *error)
{
	const char *name = layer->spec.name;

	if (!memchr(name, '\0', CS_NAME_SIZE))
		return cs_fail(error, CS_ERR_ARGUMENT, "layer %d has a name of more than %d bytes", layer->index,
			CS_NAME_SIZE - 1);
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return cs_fail(error, CS_ERR_ARGUMENT, "layer %d cannot be named '%s'", layer->index, name);
	for (const char *c = name; *c; c++) {
		if (*c == '/' || (unsigned char)*c < 0x20 || *c == 0x7f)
			return cs_fail(error, CS_ERR_ARGUMENT,
				"layer %d cannot be named '%s': names have no slash and no control characters",
				layer->index, name);
	}
	return CS_OK;
}

/* The kth layer of a stem is stem<k>, from 1; a name that is taken is passed over. */
static enum cs_status name_layers(struct cs_network *network, struct cs_error *error)
{
	for (int i = 0; i < network->layer_count; i++) {
		struct cs_layer *layer = &network->layers[i];
		enum cs_status status = check_name(layer, error);
		int other;

		if (status)
			return status;
		other = layer->spec.name[0] ? cs_network_find(network, layer->spec.name) : i;
		if (other != i)
			return cs_fail(error, CS_ERR_ARGUMENT,
				"layers %d and %d are both named '%s': names must differ", other, i, layer->spec.name);
	}
	for (int i = 0; i < network->layer_count; i++) {
		struct cs_layer *layer = &network->layers[i];
		char name[CS_NAME_SIZE];
		int number = 1;

		if (layer->spec.name[0])
			continue;
		for (int j = 0; j < i; j++)
			number += strcmp(network->layers[j].ops->stem, layer->ops->stem) == 0;
		do
			snprintf(name, sizeof name, "%s%d", layer->ops->stem, number++);
		while (cs_network_find(network, name) >= 0);
		memcpy(layer->spec.name, name, sizeof name);
	}
	return CS_OK;
}

/* Shaped and named, all parameters zero. */
static enum cs_status build(struct cs_shape input, const struct cs_layer_spec *specs, int count,
	struct cs_network **out, struct cs_error *error)
{
	struct cs_network *network = NULL;
	enum cs_status status = check_input(&input, error);

	if (status)
		return status;
	if (count < 1 || count > CS_MAX_LAYERS)
		return cs_fail(
			error, CS_ERR_ARGUMENT, "a network of %d layers: expected 1 to %d", count, CS_MAX_LAYERS);
	network = cs_calloc(1, sizeof *network);
	if (network)
		network->layers = cs_calloc((size_t)count, sizeof *network->layers);
	if (!network || !network->layers) {
		status = cs_fail_memory(error, "a network");
		goto out;
	}
	network->input = input;
	network->layer_count = count;
	for (int i = 0; i < count; i++) {
		struct cs_layer *layer = &network->layers[i];

		if (!specs[i].ops) {
			status = cs_fail(error, CS_ERR_ARGUMENT, "layer %d has no kind", i);
			goto out;
		}
		layer->ops = specs[i].ops;
		layer->spec = specs[i];
		layer->index = i;
		layer->in = i ? network->layers[i - 1].out : input;
		layer->out = layer->in;
		resolve_defaults(&layer->spec);
		status = shape_layer(layer, error);
		if (status)
			goto out;
	}
	status = name_layers(network, error);
out:
	if (status)
		cs_network_free(network);
	else
		*out = network;
	return status;
}

enum cs_status cs_network_new(struct cs_shape input, const struct cs_layer_spec *specs, int count, uint64_t seed,
	struct cs_network **out, struct cs_error *error)
{
	struct cs_network *network;
	enum cs_status status = build(input, specs, count, &network, error);

	if (status)
		return status;
	cs_initialise(network, seed);
	*out = network;
	return CS_OK;
}

void cs_network_free(struct cs_network *network)
{
	if (!network)
		return;
	for (int i = 0; network->layers && i < network->layer_count; i++) {
		struct cs_layer *layer = &network->layers[i];

		for (int p = 0; p < layer->param_count; p++)
			cs_tensor_fini(&layer->params[p].value);
	}
	cs_free(network->layers);
	cs_free(network);
}

enum cs_status cs_network_copy(const struct cs_network *network, struct cs_network **out, struct cs_error *error)
{
	struct cs_layer_spec *specs = cs_calloc((size_t)network->layer_count, sizeof *specs);
	struct cs_network *copy;
	enum cs_status status;

	if (!specs)
		return cs_fail_memory(error, "the copy of a network");
	for (int i = 0; i < network->layer_count; i++)
		specs[i] = network->layers[i].spec;
	status = build(network->input, specs, network->layer_count, &copy, error);
	cs_free(specs);
	if (status)
		return status;
	memcpy(copy->name, network->name, sizeof copy->name);
	copy->precision = network->precision;
	for (int i = 0; i < network->layer_count; i++) {
		const struct cs_layer *from = &network->layers[i];
		struct cs_layer *to = &copy->layers[i];

		assert(to->param_count == from->param_count);
		to->frozen = from->frozen;
		for (int p = 0; p < from->param_count; p++)
			memcpy(to->params[p].value.data, from->params[p].value.data,
				(size_t)cs_tensor_count(&from->params[p].value) * sizeof(float));
	}
	*out = copy;
	return CS_OK;
}

static const char *const precision_names[] = {[CS_FP32] = "fp32", [CS_BF16] = "bf16"};

const char *cs_precision_name(enum cs_precision precision)
{
	return precision_names[precision];
}

enum cs_status cs_precision_parse(const char *name, enum cs_precision *precision, struct cs_error *error)
{
	for (enum cs_precision p = CS_FP32; p <= CS_BF16; p++) {
		if (strcmp(name, precision_names[p]) == 0) {
			*precision = p;
			return CS_OK;
		}
	}
	return cs_fail(error, CS_ERR_ARGUMENT, "no precision '%.40s': expected fp32 or bf16", name);
}

enum cs_status cs_network_set_precision(struct cs_network *network, enum cs_precision precision, struct cs_error *error)
{
	enum cs_status status = precision == CS_BF16 ? cs_cpu_take_amx(error) : CS_OK;

	if (!status)
		network->precision = precision;
	return status;
}

/* Imported names had their slashes made underscores: whoever asks by the old name finds the layer too. */
static bool same_name(const char *own, const char *asked)
{
	while (*own && (*own == *asked || (*own == '_' && *asked == '/'))) {
		own++;
		asked++;
	}
	return *own == *asked;
}

int cs_network_find(const struct cs_network *network, const char *name)
{
	for (int i = 0; i < network->layer_count; i++) {
		if (same_name(network->layers[i].spec.name, name))
			return i;
	}
	return -1;
}

enum cs_status cs_network_find_or_fail(
	const struct cs_network *network, const char *name, int *layer, struct cs_error *error)
{
	char names[800] = "";
	size_t used = 0;
	int found = cs_network_find(network, name);

	if (found >= 0) {
		*layer = found;
		return CS_OK;
	}
	for (int i = 0; i < network->layer_count; i++) {
		const char *next = network->layers[i].spec.name;

		if (used + strlen(next) + 20 > sizeof names) {
			snprintf(names + used, sizeof names - used, ", ... (%d layers)", network->layer_count);
			break;
		}
		used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", next);
	}
	return cs_fail(error, CS_ERR_NOT_FOUND, "no layer '%.*s': expected one of %s", CS_NAME_SIZE, name, names);
}

struct cs_shape cs_network_output(const struct cs_network *network)
{
	return network->layers[network->layer_count - 1].out;
}

int cs_network_softmax(const struct cs_network *network)
{
	int i = network->layer_count - 1;
	const struct cs_layer *layer;

	while (i > 0 && network->layers[i].ops == &cs_flatten_layer)
		i--;
	layer = &network->layers[i];
	/* a softmax at each of several positions gives no one distribution over classes */
	if (layer->spec.activation != CS_SOFTMAX || cs_shape_count(&layer->out) != layer->out.dim[layer->out.rank - 1])
		return -1;
	return layer->ops == &cs_conv_layer || layer->ops == &cs_dense_layer || layer->ops == &cs_activation_layer ? i
														   : -1;
}

int64_t cs_layer_params(const struct cs_layer *layer)
{
	int64_t count = 0;

	for (int p = 0; p < layer->param_count; p++)
		count += cs_tensor_count(&layer->params[p].value);
	return count;
}

int64_t cs_network_params(const struct cs_network *network)
{
	int64_t count = 0;

	for (int i = 0; i < network->layer_count; i++)
		count += cs_layer_params(&network->layers[i]);
	return count;
}

int64_t cs_layer_macs(const struct cs_layer *layer)
{
	return layer->ops->macs ? layer->ops->macs(layer) : 0;
}

void cs_layer_describe(const struct cs_layer *layer, char *text, size_t size)
{
	layer->ops->describe(layer, text, size);
}

/* A parameter that is not there counts as zero. */
static bool all_zero(const struct cs_param *param)
{
	int64_t n = param ? cs_tensor_count(&param->value) : 0;

	for (int64_t i = 0; i < n; i++) {
		if (param->value.data[i] != 0)
			return false;
	}
	return true;
}

static bool none_positive(const struct cs_param *param)
{
	int64_t n = param ? cs_tensor_count(&param->value) : 0;

	for (int64_t i = 0; i < n; i++) {
		if (!(param->value.data[i] <= 0))
			return false;
	}
	return true;
}

/* Does batch norm between a layer and its rectifier lift a constant 0 above it? */
static bool lifted(const struct cs_network *network, int layer)
{
	for (int i = layer + 1; i < network->layer_count; i++) {
		const struct cs_layer *next = &network->layers[i];

		if (next->ops == &cs_conv_layer || next->ops == &cs_dense_layer || next->ops == &cs_activation_layer)
			break;
		if (!none_positive(cs_layer_param(next, "beta")))
			return true;
	}
	return false;
}

/* A kernel of zeros under a ReLU: its output is 0 and nothing passes back through it. Two kernels of zeros in a row: the
 * lower one gets no gradient through the upper, the upper one none from the lower's zeros (a sigmoid gives 0.5). */
bool cs_network_is_dead(const struct cs_network *network)
{
	bool below_is_zero = false;

	for (int i = 0; i < network->layer_count; i++) {
		const struct cs_layer *layer = &network->layers[i];
		const struct cs_param *kernel = cs_layer_param(layer, "kernel");
		const struct cs_param *bias = cs_layer_param(layer, "bias");
		enum cs_activation activation;
		bool zero;

		if (!kernel)
			continue;
		zero = all_zero(kernel);
		if (zero && below_is_zero)
			return true;
		activation = cs_effective_activation(network, i);
		if (zero && activation == CS_RELU && none_positive(bias) && !lifted(network, i))
			return true;
		below_is_zero = zero && all_zero(bias) && activation != CS_SIGMOID && activation != CS_SOFTMAX &&
			!lifted(network, i);
	}
	return false;
}

int cs_network_first_bad_layer(const struct cs_network *network)
{
	for (int i = 0; i < network->layer_count; i++) {
		const struct cs_layer *layer = &network->layers[i];

		for (int p = 0; p < layer->param_count; p++) {
			const struct cs_tensor *value = &layer->params[p].value;
			int64_t n = cs_tensor_count(value);

			for (int64_t k = 0; k < n; k++) {
				if (!isfinite(value->data[k]))
					return i;
			}
		}
	}
	return -1;
}
