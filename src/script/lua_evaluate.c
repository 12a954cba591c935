/* lua_evaluate.c: a network run over many images, in Lua: what it says to each, and how often it is right: methods of networks (lua_model.c).
 *
 * Both go through the images in batches of one trace, as a long call: it shows progress and can be interrupted.
 */
#include "script/images.h"
#include "script/longcall.h"
#include "script/network.h"
#include "script/tensor.h"
#include "script/trace.h"
#include "script/value.h"

#include "measure/confusion.h"
#include "run/run.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum wish { WISH_PROBABILITIES, WISH_SCORES, WISH_OUTPUT };

struct predicting {
	const struct cs_model *model;
	struct cs_lua_input input;
	struct cs_trace *trace;
	struct cs_tensor batch, out;
	int layer; /* WISH_OUTPUT: of this layer */
	enum wish wish;
};

static void softmax(float *rows, int64_t count, int64_t width)
{
	cs_activate(CS_SOFTMAX, 0, rows, count, width);
}

static enum cs_status predict(struct cs_job *job, void *context, struct cs_error *error)
{
	struct predicting *p = context;
	int64_t width = cs_tensor_count(&p->out) / (p->input.count ? p->input.count : 1);

	for (int64_t first = 0; first < p->input.count; first += p->trace->capacity) {
		int64_t left = p->input.count - first, count = left < p->trace->capacity ? left : p->trace->capacity;
		struct cs_tensor images = cs_tensor_slice(&p->batch, 0, count);
		float *out = p->out.data + first * width;
		enum cs_status status;

		cs_job_progress(job, (double)first / (double)p->input.count, "%" PRId64 " of %" PRId64 " images", first,
			p->input.count);
		if (cs_job_cancelled(job))
			return cs_fail(error, CS_ERR_CANCELLED, "cancelled");
		status = cs_lua_input_read(&p->input, p->model, first, count, p->batch.data, NULL, error);
		if (status)
			return status;
		cs_network_forward(p->trace, &images);
		if (p->wish == WISH_OUTPUT) {
			memcpy(out, p->trace->slots[p->layer].out.data, sizeof(float) * (size_t)(count * width));
		} else if (p->wish == WISH_SCORES || !cs_trace_probabilities(p->trace)) {
			memcpy(out, cs_trace_scores(p->trace), sizeof(float) * (size_t)(count * width));
			if (p->wish == WISH_PROBABILITIES)
				softmax(out, count, width);
		} else {
			memcpy(out, cs_trace_probabilities(p->trace), sizeof(float) * (size_t)(count * width));
		}
	}
	return CS_OK;
}

/* [count, shape...] */
static struct cs_shape batch_shape(int64_t count, const struct cs_shape *shape)
{
	struct cs_shape out = {.rank = shape->rank + 1, .dim = {count}};

	memcpy(out.dim + 1, shape->dim, sizeof *shape->dim * (size_t)shape->rank);
	return out;
}

/*** net:predict(images[, options])
 * Run images (or a tensor, a picture, a list of pictures) through the network: a tensor [images,classes] of probabilities.
 * Options: `output` ("probabilities", "scores" before the softmax, or "output", whatever the network puts out), `layer` (the output of
 * that layer instead), `batch` (32).
 */
int cs_lua_predict(lua_State *L)
{
	static const char *const names[] = {"output", "layer", "batch", NULL};
	static const char *const wishes[] = {"probabilities", "scores", "output", NULL};
	struct cs_model *model = cs_lua_network_check(L, 1);
	struct predicting p = {.model = model, .layer = model->network->layer_count - 1};
	struct cs_error error = {0};
	struct cs_lua_trace *trace;
	enum cs_status status;
	int batch, result;

	lua_settop(L, 3);
	cs_value_options(L, 3, names);
	p.wish = (enum wish)cs_value_choice(L, 3, "output", cs_lua_class_count(model) ? "probabilities" : "output", wishes);
	batch = (int)cs_value_integer(L, 3, "batch", 32, 1, 1 << 16);
	if (lua_getfield(L, 3, "layer") != LUA_TNIL) {
		lua_pushvalue(L, -1);
		lua_replace(L, 3);
		p.layer = cs_lua_network_layer(L, 3, model, &error);
		p.wish = WISH_OUTPUT;
		if (p.layer < 0)
			return cs_value_fail(L, &error);
	}
	lua_settop(L, 3);
	if (p.wish != WISH_OUTPUT && !cs_lua_class_count(model)) {
		cs_fail(&error, CS_ERR_SHAPE,
			"the network is no classifier: it puts out a map; ask for output = \"output\"");
		return cs_value_fail(L, &error);
	}
	if (cs_lua_input_get(L, 2, model, &p.input, &error))
		return cs_value_fail(L, &error);
	p.out = *cs_lua_tensor_push(L, batch_shape(p.input.count, &model->network->layers[p.layer].out));
	result = lua_gettop(L);
	batch = p.input.count < batch ? (int)p.input.count : batch;
	if (batch == 0)
		return 1;
	p.batch = *cs_lua_tensor_push(L, batch_shape(batch, &model->network->input));
	trace = cs_lua_trace_push(
		L, 1, p.layer == model->network->layer_count - 1 ? CS_TRACE_OUTPUT : CS_TRACE_ALL, batch, &error);
	if (!trace)
		return cs_value_fail(L, &error);
	p.trace = trace->trace;
	status = cs_longcall_run(L, predict, &p, &error);
	cs_lua_trace_drop(L);
	if (status)
		return cs_value_fail(L, &error);
	lua_settop(L, result);
	return 1;
}

struct evaluating {
	const struct cs_model *model;
	const struct cs_lua_images *images;
	struct cs_trace *trace;
	struct cs_tensor batch;
	struct cs_loss loss;
	struct cs_tensor scores;
	int *labels;
};

static void add_loss(struct cs_loss *total, const struct cs_loss *part)
{
	total->sum += part->sum;
	total->correct += part->correct;
	total->correct5 += part->correct5;
	total->count += part->count;
}

/* Held pixels: by our own loop; images of a data set have the run room's, which reads ahead. */
static enum cs_status evaluate(struct cs_job *job, void *context, struct cs_error *error)
{
	struct evaluating *e = context;
	int64_t classes = e->scores.shape.dim[1], total = e->images->count;

	if (!e->images->held.data)
		return cs_run_evaluate(e->model, e->images->data, e->images->numbers, total, e->trace, job, &e->loss,
			e->scores.data, error);
	for (int64_t first = 0; first < total; first += e->trace->capacity) {
		int64_t count = total - first < e->trace->capacity ? total - first : e->trace->capacity;
		struct cs_tensor images = cs_tensor_slice(&e->batch, 0, count);
		struct cs_batch batch = {.images = e->batch, .labels = e->labels + first, .count = (int)count};
		struct cs_loss loss = {0};
		enum cs_status status;

		cs_job_progress(job, (double)first / (double)total, "%" PRId64 " of %" PRId64 " images", first, total);
		if (cs_job_cancelled(job))
			return cs_fail(error, CS_ERR_CANCELLED, "cancelled");
		status = cs_lua_images_read(e->images, first, count, e->model, e->batch.data, e->labels + first, error);
		if (status)
			return status;
		cs_network_forward(e->trace, &images);
		memcpy(e->scores.data + first * classes, cs_trace_scores(e->trace),
			sizeof(float) * (size_t)(count * classes));
		status = cs_loss_cross_entropy(e->trace, &batch, 0, &loss, error);
		if (status)
			return status;
		add_loss(&e->loss, &loss);
	}
	return CS_OK;
}

/* Cross-entropy of one image from its scores. */
static double loss_of(const float *scores, int classes, int label)
{
	double top = -INFINITY, sum = 0;

	for (int i = 0; i < classes; i++)
		top = (double)scores[i] > top ? (double)scores[i] : top;
	for (int i = 0; i < classes; i++)
		sum += exp((double)scores[i] - top);
	return top + log(sum) - (double)scores[label];
}

/* Fill the result table on top of the stack from scores and labels. */
static int push_result(lua_State *L, const struct evaluating *e, struct cs_error *error)
{
	int classes = (int)e->scores.shape.dim[1];
	struct cs_confusion confusion;
	struct cs_tensor *cells;
	int64_t images = e->images->count;

	for (int64_t i = 0; i < images * classes; i++) {
		if (isnan(e->scores.data[i])) {
			cs_fail(error, CS_ERR_NUMERIC,
				"the scores of image %" PRId64 " are not numbers (NaN): the weights are broken",
				e->images->numbers[i / classes]);
			return cs_value_fail(L, error);
		}
	}
	if (cs_confusion_init(&confusion, classes, error))
		return cs_value_fail(L, error);
	for (int64_t i = 0; i < images; i++) {
		const float *scores = e->scores.data + i * classes;

		if (e->labels[i] >= 0 && e->labels[i] < classes)
			cs_confusion_add(&confusion, e->labels[i], scores, loss_of(scores, classes, e->labels[i]));
	}
	lua_createtable(L, 0, 8);
	lua_pushnumber(L, cs_confusion_accuracy(&confusion));
	lua_setfield(L, -2, "accuracy");
	lua_pushnumber(L, cs_confusion_top5(&confusion));
	lua_setfield(L, -2, "top5_accuracy");
	lua_pushnumber(L, cs_confusion_loss(&confusion));
	lua_setfield(L, -2, "loss");
	lua_pushinteger(L, confusion.images);
	lua_setfield(L, -2, "images");
	lua_pushinteger(L, confusion.correct);
	lua_setfield(L, -2, "correct");
	cells = cs_lua_tensor_push(L, CS_SHAPE(classes, classes));
	for (int64_t i = 0; i < (int64_t)classes * classes; i++)
		cells->data[i] = (float)confusion.cells[i];
	lua_setfield(L, -2, "confusion");
	cs_confusion_fini(&confusion);
	lua_createtable(L, (int)images, 0);
	for (int64_t i = 0; i < images; i++) {
		lua_pushinteger(L, cs_argmax(e->scores.data + i * classes, classes));
		lua_rawseti(L, -2, i + 1);
	}
	lua_setfield(L, -2, "predicted");
	return 1;
}

/*** net:evaluate(images[, options])
 * How well it does on labelled images: a table with `accuracy`, `top5_accuracy`, `loss` (cross-entropy in nats), `images` (how
 * many had a label), `correct`, `confusion` (a tensor [classes,classes]: rows are true classes, columns what was
 * predicted) and `predicted` (a list of classes, in the images' order), `scores` (a tensor) when asked. Options: `batch` (32), `scores`
 * (false).
 */
int cs_lua_evaluate(lua_State *L)
{
	static const char *const names[] = {"batch", "scores", NULL};
	struct cs_model *model = cs_lua_network_check(L, 1);
	struct evaluating e = {.model = model, .images = cs_lua_images_check(L, 2)};
	struct cs_error error = {0};
	struct cs_lua_trace *trace;
	enum cs_status status;
	int batch, scores, results;

	lua_settop(L, 3);
	cs_value_options(L, 3, names);
	batch = (int)cs_value_integer(L, 3, "batch", 32, 1, 1 << 16);
	if (!cs_lua_class_count(model)) {
		cs_fail(&error, CS_ERR_SHAPE, "the network is no classifier: it puts out a map");
		return cs_value_fail(L, &error);
	}
	if (cs_lua_images_fit(e.images, model, &error))
		return cs_value_fail(L, &error);
	if (e.images->data && !e.images->held.data && e.images->data->class_count != cs_lua_class_count(model)) {
		cs_fail(&error, CS_ERR_SHAPE, "the network tells %d classes apart, the data set '%s' has %d",
			cs_lua_class_count(model), e.images->data->spec, e.images->data->class_count);
		return cs_value_fail(L, &error);
	}
	if (e.images->count == 0) {
		cs_fail(&error, CS_ERR_ARGUMENT, "no images to evaluate: the split is empty");
		return cs_value_fail(L, &error);
	}
	batch = e.images->count < batch ? (int)e.images->count : batch;
	e.labels = cs_value_scratch(L, (size_t)e.images->count, sizeof *e.labels);
	e.scores = *cs_lua_tensor_push(L, CS_SHAPE(e.images->count, cs_lua_class_count(model)));
	scores = lua_gettop(L);
	e.batch = *cs_lua_tensor_push(L, batch_shape(batch, &model->network->input));
	trace = cs_lua_trace_push(L, 1, CS_TRACE_OUTPUT, batch, &error);
	if (!trace)
		return cs_value_fail(L, &error);
	e.trace = trace->trace;
	status = cs_longcall_run(L, evaluate, &e, &error);
	cs_lua_trace_drop(L);
	if (status)
		return cs_value_fail(L, &error);
	for (int64_t i = 0; !e.images->held.data && i < e.images->count; i++) {
		struct cs_sample sample = {.label = -1};

		cs_dataset_sample(e.images->data, e.images->numbers[i], &sample);
		e.labels[i] = sample.label;
	}
	results = push_result(L, &e, &error);
	if (results == 1 && cs_value_boolean(L, 3, "scores", false)) {
		lua_pushvalue(L, scores);
		lua_setfield(L, -2, "scores");
	}
	return results;
}
