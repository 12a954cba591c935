/* onnx_export.c: a network as an ONNX graph that others run: images channels first, operators as of version 13. See onnx.h.
 *
 * A layer is one node, named after it; what it takes more of (an activation, the flattening behind a global pool) is named
 * LAYER/part, so that reading the file back makes one layer of them again. Kernels are turned to (out, in, rows, columns) and (out, in),
 * as PyTorch keeps them. A flatten counts c,h,w there: the rows of the dense kernel behind it, and the vectors of batch norms between, are
 * put in that order; where no dense layer follows, the map is turned before it is flattened.
 */
#include "core/alloc.h"
#include "io/onnx_write.h"
#include "model/model_internal.h"
#include "model/onnx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPSET = 13 };

/* One parameter and how it is written; 0 or 1 everywhere where the layer has none. */
struct weight {
	const struct cs_layer *layer;
	const struct cs_param *param;
	float otherwise;
	int64_t permute[3]; /* h,w,c of the flattened map, or zeros */
};

struct export
{
	const struct cs_network *network;
	struct cs_onnx_writer *writer;
	struct weight *weights;
	int weight_count;
	char value[2 * CS_NAME_SIZE]; /* the name of what flows */
	int64_t permute[3]; /* of the row that flows */
	bool last; /* the layer at hand is the last, whose value is the output */
};

static const char output_name[] = "output";

/* --- numbers --- */

/* Where number i of a row of ours, h,w,c, stands in one of c,h,w. */
static int64_t theirs(const int64_t permute[3], int64_t i)
{
	int64_t h = permute[0], w = permute[1], c = permute[2];

	return h ? (i % c * h + i / (w * c)) * w + i / c % w : i;
}

static void numbers_of(const void *context, int64_t count, float *out)
{
	const struct weight *weight = context;
	const float *from = weight->param ? weight->param->value.data : NULL;
	const struct cs_shape *shape = weight->param ? &weight->param->value.shape : NULL;

	if (!from) {
		for (int64_t i = 0; i < count; i++)
			out[i] = weight->otherwise;
	} else if (shape->rank == 4) {
		int64_t cells = shape->dim[0] * shape->dim[1], in = shape->dim[2], features = shape->dim[3];

		for (int64_t cell = 0; cell < cells; cell++) {
			for (int64_t i = 0; i < in; i++) {
				for (int64_t o = 0; o < features; o++)
					out[(o * in + i) * cells + cell] = *from++;
			}
		}
	} else if (shape->rank == 2) {
		for (int64_t i = 0; i < shape->dim[0]; i++) {
			int64_t row = theirs(weight->permute, i);

			for (int64_t o = 0; o < shape->dim[1]; o++)
				out[o * shape->dim[0] + row] = *from++;
		}
	} else {
		for (int64_t i = 0; i < count; i++)
			out[theirs(weight->permute, i)] = from[i];
	}
}

/* Add a parameter as the tensor "LAYER.what"; its name into text. */
static const char *add_weight(struct export *export, const struct cs_layer *layer, const char *param, const char *what,
	float otherwise, bool permuted, char text[2 * CS_NAME_SIZE])
{
	struct weight *weight = &export->weights[export->weight_count++];
	const struct cs_param *found = cs_layer_param(layer, param);
	int64_t dims[CS_MAX_RANK], channels = layer->in.dim[layer->in.rank - 1];
	int rank = found ? found->value.shape.rank : 1;

	*weight = (struct weight){layer, found, otherwise, {0}};
	if (permuted)
		memcpy(weight->permute, export->permute, sizeof weight->permute);
	dims[0] = channels;
	if (found) {
		const int64_t *ours = found->value.shape.dim;
		static const int order[][4] = {{0}, {0}, {1, 0}, {0}, {3, 2, 0, 1}};

		for (int i = 0; i < rank; i++)
			dims[i] = ours[order[rank][i]];
	}
	snprintf(text, 2 * CS_NAME_SIZE, "%s.%s", layer->spec.name, what);
	cs_onnx_writer_tensor(export->writer, text, dims, rank, numbers_of, weight);
	return text;
}

/* --- nodes --- */

#define INT(key, value) \
	{ \
		.name = (key), .kind = CS_ONNX_INT_ATTRIBUTE, .number = (value) \
	}
#define FLOAT(key, value) \
	{ \
		.name = (key), .kind = CS_ONNX_FLOAT_ATTRIBUTE, .real = (value) \
	}
#define INTS(key, values, size) \
	{ \
		.name = (key), .kind = CS_ONNX_INTS_ATTRIBUTE, .list = (values), .count = (size) \
	}

/* A node on what flows; `more` are its other inputs. `part` NULL: the layer's own node; `end`: nothing of the layer comes behind it. */
static void add_node(struct export *export, const struct cs_layer *layer, const char *op, const char *part, bool end,
	const char *const more[], const struct cs_onnx_attribute *attributes)
{
	const char *inputs[8] = {export->value};
	char name[2 * CS_NAME_SIZE], value[2 * CS_NAME_SIZE];

	for (int i = 0; more && more[i] && i < 6; i++)
		inputs[i + 1] = more[i];
	snprintf(name, sizeof name, "%s%s%s", layer->spec.name, part ? "/" : "", part ? part : "");
	if (end && export->last)
		snprintf(value, sizeof value, "%s", output_name);
	else
		snprintf(value, sizeof value, "%s/%s", layer->spec.name, end ? "out" : part ? part : "linear");
	cs_onnx_writer_node(export->writer, op, name, inputs, value, attributes);
	memcpy(export->value, value, sizeof value);
}

static void add_activation(struct export *export, const struct cs_layer *layer, const char *part)
{
	static const char *const ops[] = {
		[CS_LINEAR] = "Identity",
		[CS_RELU] = "Relu",
		[CS_LEAKY_RELU] = "LeakyRelu",
		[CS_ELU] = "Elu",
		[CS_SIGMOID] = "Sigmoid",
		[CS_TANH] = "Tanh",
		[CS_SOFTMAX] = "Softmax",
	};
	const struct cs_layer_spec *spec = &layer->spec;
	const struct cs_onnx_attribute alpha[] = {FLOAT("alpha", spec->alpha), {0}}, axis[] = {INT("axis", 1), {0}};

	add_node(export, layer, ops[spec->activation], part, true, NULL,
		spec->activation == CS_SOFTMAX                                            ? axis
			: spec->activation == CS_ELU || spec->activation == CS_LEAKY_RELU ? alpha
											  : NULL);
}

/* What a window reads before the first and behind the last row and column: top, left, bottom, right. */
static void pads_of(const struct cs_layer *layer, const int64_t window[2], int64_t pads[4])
{
	for (int axis = 0; axis < 2; axis++) {
		int64_t before = axis ? layer->pad_left : layer->pad_top;
		int64_t after = (layer->out.dim[axis] - 1) * layer->spec.stride[axis] + window[axis] -
			layer->in.dim[axis] - before;

		pads[axis] = before;
		pads[axis + 2] = after > 0 ? after : 0;
	}
}

static void add_conv(struct export *export, const struct cs_layer *layer)
{
	static const int64_t ones[2] = {1, 1};
	const struct cs_layer_spec *spec = &layer->spec;
	bool linear = spec->activation == CS_LINEAR;
	char kernel[2 * CS_NAME_SIZE], bias[2 * CS_NAME_SIZE];
	const char *more[3] = {add_weight(export, layer, "kernel", "weight", 0, false, kernel)};
	int64_t pads[4];
	const struct cs_onnx_attribute attributes[] = {INTS("kernel_shape", spec->kernel, 2),
		INTS("strides", spec->stride, 2), INTS("pads", pads, 4), INTS("dilations", ones, 2), INT("group", 1),
		{0}};

	pads_of(layer, spec->kernel, pads);
	if (spec->bias)
		more[1] = add_weight(export, layer, "bias", "bias", 0, false, bias);
	add_node(export, layer, "Conv", NULL, linear, more, attributes);
	if (!linear)
		add_activation(export, layer, "activation");
}

static void add_dense(struct export *export, const struct cs_layer *layer)
{
	const struct cs_onnx_attribute attributes[] = {INT("transB", 1), {0}};
	bool linear = layer->spec.activation == CS_LINEAR;
	char kernel[2 * CS_NAME_SIZE], bias[2 * CS_NAME_SIZE];
	const char *more[3] = {add_weight(export, layer, "kernel", "weight", 0, true, kernel)};

	if (layer->spec.bias)
		more[1] = add_weight(export, layer, "bias", "bias", 0, false, bias);
	memset(export->permute, 0, sizeof export->permute);
	add_node(export, layer, "Gemm", NULL, linear, more, attributes);
	if (!linear)
		add_activation(export, layer, "activation");
}

static void add_pool(struct export *export, const struct cs_layer *layer)
{
	const struct cs_layer_spec *spec = &layer->spec;
	int64_t pads[4];
	const struct cs_onnx_attribute attributes[] = {
		INTS("kernel_shape", spec->window, 2), INTS("strides", spec->stride, 2), INTS("pads", pads, 4), {0}};

	pads_of(layer, spec->window, pads);
	add_node(export, layer, layer->ops == &cs_maxpool_layer ? "MaxPool" : "AveragePool", NULL, true, NULL,
		attributes);
}

static void add_global(struct export *export, const struct cs_layer *layer)
{
	add_node(export, layer, layer->ops == &cs_global_maxpool_layer ? "GlobalMaxPool" : "GlobalAveragePool", NULL,
		false, NULL, NULL);
	add_node(export, layer, "Flatten", "flatten", true, NULL, NULL);
}

/* Is there a dense layer behind this one, to take its row in whatever order? Then nothing in between minds the order. */
static bool dense_follows(const struct export *export, const struct cs_layer *layer)
{
	for (int i = layer->index + 1; i < export->network->layer_count; i++) {
		if (export->network->layers[i].ops == &cs_dense_layer)
			return true;
	}
	return false;
}

static void add_flatten(struct export *export, const struct cs_layer *layer)
{
	static const int64_t to_last[] = {0, 2, 3, 1};
	const struct cs_onnx_attribute perm[] = {INTS("perm", to_last, 4), {0}};
	bool order = layer->in.rank == 3 && layer->in.dim[0] * layer->in.dim[1] > 1 && layer->in.dim[2] > 1;

	if (order && dense_follows(export, layer))
		memcpy(export->permute, layer->in.dim, sizeof export->permute);
	else if (order)
		add_node(export, layer, "Transpose", "transpose", false, NULL, perm);
	add_node(export, layer, "Flatten", NULL, true, NULL, NULL);
}

static void add_batchnorm(struct export *export, const struct cs_layer *layer)
{
	static const struct {
		const char *param, *what;
		float otherwise;
	} params[] = {{"gamma", "weight", 1}, {"beta", "bias", 0}, {"moving_mean", "running_mean", 0},
		{"moving_variance", "running_var", 1}};
	const struct cs_onnx_attribute attributes[] = {
		FLOAT("epsilon", layer->spec.epsilon), FLOAT("momentum", layer->spec.momentum), {0}};
	char names[4][2 * CS_NAME_SIZE];
	const char *more[5] = {NULL};

	for (int i = 0; i < 4; i++)
		more[i] =
			add_weight(export, layer, params[i].param, params[i].what, params[i].otherwise, true, names[i]);
	add_node(export, layer, "BatchNormalization", NULL, true, more, attributes);
}

static void add_dropout(struct export *export, const struct cs_layer *layer)
{
	char ratio[2 * CS_NAME_SIZE];

	snprintf(ratio, sizeof ratio, "%s.ratio", layer->spec.name);
	cs_onnx_writer_number(export->writer, ratio, layer->spec.rate);
	add_node(export, layer, "Dropout", NULL, true, (const char *[]){ratio, NULL}, NULL);
}

static void add_zeropad(struct export *export, const struct cs_layer *layer)
{
	const int64_t *b = layer->spec.border, pads[] = {0, 0, b[0], b[2], 0, 0, b[1], b[3]};
	char name[2 * CS_NAME_SIZE];

	snprintf(name, sizeof name, "%s.pads", layer->spec.name);
	cs_onnx_writer_integers(export->writer, name, pads, 8);
	add_node(export, layer, "Pad", NULL, true, (const char *[]){name, NULL}, NULL);
}

static void add_rescale(struct export *export, const struct cs_layer *layer)
{
	char factor[2 * CS_NAME_SIZE], offset[2 * CS_NAME_SIZE];

	snprintf(factor, sizeof factor, "%s.scale", layer->spec.name);
	snprintf(offset, sizeof offset, "%s.offset", layer->spec.name);
	cs_onnx_writer_number(export->writer, factor, layer->spec.factor);
	cs_onnx_writer_number(export->writer, offset, layer->spec.offset);
	add_node(export, layer, "Mul", NULL, false, (const char *[]){factor, NULL}, NULL);
	add_node(export, layer, "Add", "offset", true, (const char *[]){offset, NULL}, NULL);
}

static void add_activation_layer(struct export *export, const struct cs_layer *layer)
{
	add_activation(export, layer, NULL);
}

static const struct {
	const struct cs_layer_ops *ops;
	void (*add)(struct export *export, const struct cs_layer *layer);
} kinds[] = {
	{&cs_conv_layer, add_conv},
	{&cs_maxpool_layer, add_pool},
	{&cs_avgpool_layer, add_pool},
	{&cs_global_avgpool_layer, add_global},
	{&cs_global_maxpool_layer, add_global},
	{&cs_dense_layer, add_dense},
	{&cs_flatten_layer, add_flatten},
	{&cs_activation_layer, add_activation_layer},
	{&cs_dropout_layer, add_dropout},
	{&cs_batchnorm_layer, add_batchnorm},
	{&cs_zeropad_layer, add_zeropad},
	{&cs_rescale_layer, add_rescale},
};

/* --- the file --- */

static void add_value(struct export *export, bool output, const char *name, const struct cs_shape *shape)
{
	int64_t dims[3] = {shape->dim[0]};

	if (shape->rank == 3) {
		dims[0] = shape->dim[2];
		dims[1] = shape->dim[0];
		dims[2] = shape->dim[1];
	}
	cs_onnx_writer_value(export->writer, output, name, dims, shape->rank);
}

static enum cs_status add_layers(struct export *export, struct cs_error *error)
{
	const struct cs_network *network = export->network;
	struct cs_shape out = cs_network_output(network);

	add_value(export, false, "input", &network->input);
	snprintf(export->value, sizeof export->value, "input");
	for (int i = 0; i < network->layer_count; i++) {
		const struct cs_layer *layer = &network->layers[i];
		size_t kind = 0;

		export->last = i == network->layer_count - 1;
		while (kind < sizeof kinds / sizeof *kinds && kinds[kind].ops != layer->ops)
			kind++;
		if (kind == sizeof kinds / sizeof *kinds)
			return cs_fail(error, CS_ERR_UNSUPPORTED, "layer '%s' (%s) cannot be written as ONNX",
				layer->spec.name, layer->ops->type);
		kinds[kind].add(export, layer);
	}
	add_value(export, true, output_name, &out);
	return CS_OK;
}

static bool put_json(struct export *export, const char *key, json_t *value)
{
	char *text = value ? json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;

	json_decref(value);
	if (text)
		cs_onnx_writer_metadata(export->writer, key, text);
	free(text);
	return text != NULL;
}

static json_t *names_of(char *const *names, int count)
{
	json_t *list = json_array();

	for (int i = 0; list && i < count; i++)
		json_array_append_new(list, json_string(names[i]));
	return list;
}

/* What a model holds beside the network; onnx_model.c reads it back. */
static enum cs_status add_metadata(struct export *export, const struct cs_model *model, struct cs_error *error)
{
	const struct cs_preprocess *pre = &model->preprocess;
	bool good = true;

	if (model->preprocess_known)
		good = put_json(export, "convscope.preprocess",
			json_pack("{s:f, s:[f,f,f], s:[f,f,f], s:b}", "scale", (double)pre->scale, "mean",
				(double)pre->mean[0], (double)pre->mean[1], (double)pre->mean[2], "std",
				(double)pre->deviation[0], (double)pre->deviation[1], (double)pre->deviation[2], "bgr",
				pre->bgr));
	if (good && (model->class_ids || model->class_names)) {
		json_t *object = json_object();

		if (model->class_ids)
			json_object_set_new(object, "ids", names_of(model->class_ids, model->class_count));
		if (model->class_names)
			json_object_set_new(object, "names", names_of(model->class_names, model->class_count));
		good = put_json(export, "convscope.classes", object);
	}
	if (model->dataset)
		cs_onnx_writer_metadata(export->writer, "convscope.dataset", model->dataset);
	return good ? CS_OK : cs_fail_memory(error, "the entries of an ONNX file");
}

enum cs_status cs_onnx_model_save(const struct cs_model *model, const char *path, struct cs_error *error)
{
	struct export export = {.network = model->network};
	enum cs_status status;

	if (model->whitening)
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"cannot write '%s': this model whitens its inputs (ZCA), and an .onnx file has no place for a whitening, so that others "
			"would feed it wrong numbers; .h5, .hdf5 and .keras keep it",
			path);
	export.weights = cs_calloc((size_t)model->network->layer_count * CS_MAX_PARAMS, sizeof *export.weights);
	status = export.weights ? cs_onnx_writer_new(*model->network->name ? model->network->name : "network",
					  CS_VERSION, OPSET, &export.writer, error)
				: cs_fail_memory(error, "an ONNX file");
	if (!status)
		status = add_metadata(&export, model, error);
	if (!status)
		status = add_layers(&export, error);
	if (!status)
		status = cs_onnx_writer_save(export.writer, path, error);
	if (status)
		cs_error_prefix(error, "cannot save '%s'", path);
	cs_onnx_writer_free(export.writer);
	cs_free(export.weights);
	return status;
}
