/* keras_files: our half of the exchange of files with real Keras. See tests/peers/run.
 *
 *   keras_files write DIR    models of ours into DIR/NAME.h5, .keras, .weights.h5 with .arch.json, with what they answer in DIR/NAME.ref.h5 (x, y, layers/NAME)
 *   keras_files read DIR     reads each DIR/NAME.h5 that Keras wrote and compares its answers with DIR/NAME.ref.h5
 *
 * Prints one line "ok - what" or "not ok - what: why" for each, and exits with 1 when one failed.
 */
#include "core/alloc.h"
#include "core/random.h"
#include "io/file.h"
#include "io/h5.h"
#include "model/model.h"
#include "run/run.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed;

static void report(const char *what, const char *why)
{
	if (why)
		printf("not ok - %s: %s\n", what, why);
	else
		printf("ok - %s\n", what);
	failed += why != NULL;
}

static void must(enum cs_status status, const struct cs_error *error)
{
	if (status) {
		fprintf(stderr, "keras_files: %s\n", error->message);
		exit(1);
	}
}

/* Random images through the network; all that comes out into PATH. */
static void write_answers(const struct cs_network *network, const char *path)
{
	struct cs_shape shape = {.rank = network->input.rank + 1, .dim = {3}};
	struct cs_tensor x;
	struct cs_trace *trace;
	struct cs_random random;
	struct cs_error error;
	struct cs_h5 *file;

	memcpy(shape.dim + 1, network->input.dim, sizeof(int64_t) * (size_t)network->input.rank);
	must(cs_tensor_init(&x, shape, &error), &error);
	cs_random_init(&random, 1, CS_RANDOM_USER, 0, 0);
	for (int64_t i = 0; i < cs_tensor_count(&x); i++)
		x.data[i] = cs_random_between(&random, -1, 1);
	must(cs_trace_new(network, CS_TRACE_ALL, 3, NULL, &trace, &error), &error);
	cs_network_forward(trace, &x);
	must(cs_h5_open(path, CS_H5_CREATE, &file, &error), &error);
	must(cs_h5_write_tensor(file, "/x", &x, &error), &error);
	must(cs_h5_write_tensor(file, "/y", &trace->slots[network->layer_count - 1].out, &error), &error);
	for (int i = 0; i < network->layer_count; i++) {
		char *name = cs_format("/layers/%s", network->layers[i].spec.name);

		must(cs_h5_write_tensor(file, name, &trace->slots[i].out, &error), &error);
		cs_free(name);
	}
	must(cs_h5_close(file, &error), &error);
	cs_trace_free(trace);
	cs_tensor_fini(&x);
}

static struct cs_layer_spec spec(const char *type)
{
	return cs_layer_spec_default(cs_layer_kind(type));
}

static struct cs_layer_spec conv(int64_t features, int64_t rows, int64_t columns, enum cs_activation activation)
{
	struct cs_layer_spec made = spec("conv");

	made.features = features;
	made.kernel[0] = rows;
	made.kernel[1] = columns;
	made.activation = activation;
	return made;
}

static struct cs_layer_spec dense(int64_t features, enum cs_activation activation)
{
	struct cs_layer_spec made = spec("dense");

	made.features = features;
	made.activation = activation;
	return made;
}

/* Parameters that begin at 0 or 1 hide mistakes. */
static void randomise(struct cs_network *network)
{
	struct cs_random random;

	cs_random_init(&random, 2, CS_RANDOM_USER, 0, 0);
	for (int i = 0; i < network->layer_count; i++) {
		for (int k = 0; k < network->layers[i].param_count; k++) {
			struct cs_param *param = &network->layers[i].params[k];
			bool kernel = !strcmp(param->name, "kernel");

			for (int64_t j = 0; j < cs_tensor_count(&param->value); j++)
				param->value.data[j] = kernel ? cs_random_between(&random, -0.3f, 0.3f)
							      : cs_random_between(&random, 0.2f, 1.2f);
		}
	}
}

static void write_model(
	const char *directory, const char *name, struct cs_shape input, const struct cs_layer_spec *specs, int count)
{
	char *path = cs_format("%s/%s.h5", directory, name), *answers = cs_format("%s/%s.ref.h5", directory, name);
	char *onnx = cs_format("%s/%s.onnx", directory, name);
	struct cs_network *network;
	struct cs_model *model;
	struct cs_error error;

	must(cs_network_new(input, specs, count, 4, &network, &error), &error);
	snprintf(network->name, sizeof network->name, "%s", name);
	randomise(network);
	must(cs_model_new(network, &model, &error), &error);
	must(cs_model_save(model, path, &error), &error);
	for (int i = 0; i < 3; i++) {
		static const char *const endings[] = {".keras", ".weights.h5", ".arch.json"};
		char *other = cs_format("%s/%s%s", directory, name, endings[i]);

		must(i == 0             ? cs_model_save_keras(model, other, &error)
				: i == 1 ? cs_model_save_weights(model, other, &error)
					 : cs_model_save_architecture(model, other, &error),
			&error);
		cs_free(other);
	}
	must(cs_model_write(model, onnx, &error), &error);
	write_answers(network, answers);
	cs_model_free(model);
	cs_free(path);
	cs_free(onnx);
	cs_free(answers);
}

/* Every kind of layer in two networks. */
static void write_kinds(const char *directory)
{
	struct cs_layer_spec s[14];
	int n = 0;

	s[n] = spec("rescale");
	s[n].factor = 0.3f;
	s[n++].offset = -0.2f;
	s[n] = spec("zeropad");
	memcpy(s[n++].border, (int64_t[]){1, 0, 2, 1}, sizeof s[0].border);
	s[n] = conv(5, 3, 2, CS_LEAKY_RELU);
	s[n].stride[0] = 2;
	s[n].padding = CS_PADDING_SAME;
	s[n++].alpha = 0.125f;
	s[n] = spec("batchnorm");
	s[n].epsilon = 0.01f;
	s[n++].centre = false;
	s[n] = spec("maxpool");
	s[n].window[0] = s[n].window[1] = 3;
	s[n].stride[0] = s[n].stride[1] = 2;
	s[n++].padding = CS_PADDING_SAME;
	s[n] = conv(4, 2, 2, CS_TANH);
	s[n++].bias = false;
	s[n] = spec("avgpool");
	s[n].window[1] = 3;
	s[n].stride[0] = s[n].stride[1] = 1;
	s[n++].padding = CS_PADDING_SAME;
	s[n] = spec("activation");
	s[n].activation = CS_ELU;
	s[n++].alpha = 0.5f;
	s[n++] = spec("flatten");
	s[n++] = spec("dropout");
	s[n] = dense(7, CS_ELU);
	s[n++].alpha = 2;
	s[n++] = dense(6, CS_SIGMOID);
	s[n++] = dense(3, CS_LINEAR);
	s[n] = spec("activation");
	s[n++].activation = CS_SOFTMAX;
	write_model(directory, "kinds", CS_SHAPE(14, 17, 3), s, n);

	n = 0;
	s[n++] = conv(6, 5, 5, CS_RELU);
	s[n++] = spec("batchnorm");
	s[n++] = spec("maxpool");
	s[n] = spec("activation");
	s[n].activation = CS_LEAKY_RELU;
	s[n++].alpha = 0.3f;
	s[n++] = conv(8, 1, 1, CS_ELU);
	s[n++] = spec("global_avgpool");
	s[n++] = dense(10, CS_SOFTMAX);
	write_model(directory, "pooled", CS_SHAPE(20, 20, 1), s, n);

	s[0] = conv(4, 3, 3, CS_LINEAR);
	s[1] = spec("global_maxpool");
	write_model(directory, "headless", CS_SHAPE(9, 8, 3), s, 2);
}

/* A run on the built-in shapes: the file people will hand to Keras. */
static void write_run(const char *directory)
{
	struct cs_layer_spec s[5] = {
		conv(8, 3, 3, CS_RELU), spec("maxpool"), spec("dropout"), spec("flatten"), dense(4, CS_SOFTMAX)};
	char *run = cs_format("%s/run", directory);
	char *answers = cs_format("%s/run/best.ref.h5", directory);
	struct cs_run_options options = cs_run_options_default();
	struct cs_data_options opening = cs_data_options_default();
	struct cs_run_summary summary;
	struct cs_network *network;
	struct cs_dataset *data;
	struct cs_model *model;
	struct cs_error error;

	must(cs_dataset_open("shapes:count=400,size=16,classes=4", &opening, NULL, &data, &error), &error);
	must(cs_network_new(CS_SHAPE(16, 16, 3), s, 5, 1, &network, &error), &error);
	must(cs_model_new(network, &model, &error), &error);
	options.directory = run;
	options.epochs = 2;
	must(cs_run_train(model, data, &options, false, NULL, &summary, &error), &error);
	cs_model_free(model);
	must(cs_model_load(run, NULL, &model, &error), &error);
	write_answers(model->network, answers);
	cs_model_free(model);
	cs_dataset_close(data);
	cs_free(run);
	cs_free(answers);
}

static double distance(const float *ours, const struct cs_tensor *theirs)
{
	struct cs_range range = cs_tensor_range(theirs);
	double scale = fmax(1e-3, fmax(fabs(range.min), fabs(range.max))), worst = 0;

	for (int64_t i = 0; i < cs_tensor_count(theirs); i++) {
		double difference = fabs(ours[i] - theirs->data[i]) / scale;

		worst = difference > worst || isnan(difference) ? difference : worst;
	}
	return worst;
}

/* How far answers may be apart, as a share of their range: 1e-5, or what CONVSCOPE_TOLERANCE says. */
static double tolerance(void)
{
	const char *given = getenv("CONVSCOPE_TOLERANCE");

	return given ? strtod(given, NULL) : 1e-5;
}

static void compare(const char *name, const struct cs_network *network, struct cs_h5 *file)
{
	struct cs_tensor x = {0}, y = {0};
	struct cs_trace *trace;
	struct cs_error error;
	char why[200] = "";
	double apart;
	int compared = 0;

	must(cs_h5_read_tensor(file, "/x", 1 << 24, &x, &error), &error);
	must(cs_h5_read_tensor(file, "/y", 1 << 24, &y, &error), &error);
	if (cs_tensor_count(&x) != x.shape.dim[0] * cs_shape_count(&network->input) ||
		cs_tensor_count(&y) != x.shape.dim[0] * cs_shape_count(&network->layers[network->layer_count - 1].out)) {
		report(name, "its input or output is of another size");
		goto out;
	}
	/* Rows and columns without channels, or numbers that the model reshapes first, are pictures to us. */
	x.shape.rank = network->input.rank + 1;
	memcpy(x.shape.dim + 1, network->input.dim, sizeof(int64_t) * (size_t)network->input.rank);
	must(cs_trace_new(network, CS_TRACE_ALL, (int)x.shape.dim[0], NULL, &trace, &error), &error);
	cs_network_forward(trace, &x);
	apart = distance(trace->slots[network->layer_count - 1].out.data, &y);
	if (!(apart <= tolerance()))
		snprintf(why, sizeof why, "answers differ by %g", apart);
	for (int i = 0; i < network->layer_count; i++) {
		char *path = cs_format("/layers/%s", network->layers[i].spec.name);
		struct cs_tensor layer = {0};

		if (cs_h5_exists(file, path)) {
			must(cs_h5_read_tensor(file, path, 1 << 24, &layer, &error), &error);
			compared++;
			if (cs_tensor_count(&layer) != cs_tensor_count(&trace->slots[i].out))
				snprintf(why, sizeof why, "layer %s has another shape", network->layers[i].spec.name);
			else if (!*why && !((apart = distance(trace->slots[i].out.data, &layer)) <= tolerance()))
				snprintf(why, sizeof why, "layer %s differs by %g", network->layers[i].spec.name, apart);
			cs_tensor_fini(&layer);
		}
		cs_free(path);
	}
	if (!*why && cs_h5_is_group(file, "/layers") && compared < network->layer_count)
		snprintf(why, sizeof why, "only %d of %d layers could be compared", compared, network->layer_count);
	report(name, *why ? why : NULL);
	cs_trace_free(trace);
out:
	cs_tensor_fini(&x);
	cs_tensor_fini(&y);
}

/* The forms a model of that name may have, and whether its architecture stands beside it. */
static const struct {
	const char *ending;
	bool weights_only;
} forms[] = {{".h5", false}, {".keras", false}, {".weights.h5", true}, {"_weights.hdf5", true}, {".onnx", false}};

/* Load a file of one form; its architecture is read where the weights are alone. */
static enum cs_status load(
	const char *directory, const char *name, int form, struct cs_model **model, struct cs_error *error)
{
	char *path = cs_format("%s/%s%s", directory, name, forms[form].ending);
	char *arch_path = cs_format("%s/%s.arch.json", directory, name), *arch = NULL;
	struct cs_model_options options = {0};
	enum cs_status status = CS_OK;
	size_t size;

	if (forms[form].weights_only)
		status = cs_file_read(arch_path, 16 << 20, &arch, &size, error);
	options.arch = arch;
	if (!status)
		status = cs_model_load(path, &options, model, error);
	cs_free(path);
	cs_free(arch_path);
	cs_free(arch);
	return status;
}

/* Every word of NAME.refused must be in the message, which is one line. */
static void check_refusal(const char *directory, const char *name, const char *what, const char *message)
{
	char *path = cs_format("%s/%s.refused", directory, name), *words, why[600] = "";
	struct cs_error error;
	size_t size;

	must(cs_file_read(path, 1 << 16, &words, &size, &error), &error);
	for (char *word = strtok(words, "\n"); word && !*why; word = strtok(NULL, "\n")) {
		if (!strstr(message, word))
			snprintf(why, sizeof why, "the message has no '%s': %.500s", word, message);
	}
	if (strchr(message, '\n'))
		snprintf(why, sizeof why, "the message has several lines: %.500s", message);
	report(what, *why ? why : NULL);
	cs_free(words);
	cs_free(path);
}

static void read_one(const char *directory, const char *name, bool refused)
{
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		char *path = cs_format("%s/%s%s", directory, name, forms[i].ending);
		char *answers = cs_format("%s/%s.ref.h5", directory, name);
		char *what = cs_format("convscope %s %s", refused ? "refuses" : "reads", path);
		struct cs_model *model;
		struct cs_h5 *file;
		struct cs_error error;

		if (!cs_file_exists(path)) {
			/* not written by this version */
		} else if (load(directory, name, (int)i, &model, &error)) {
			if (refused)
				check_refusal(directory, name, what, error.message);
			else
				report(what, error.message);
		} else if (refused) {
			report(what, "it was read");
			cs_model_free(model);
		} else {
			must(cs_h5_open(answers, CS_H5_READ, &file, &error), &error);
			compare(what, model->network, file);
			cs_h5_close(file, NULL);
			cs_model_free(model);
		}
		cs_free(path);
		cs_free(answers);
		cs_free(what);
	}
}

static void read_all(const char *directory)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		char *end = strstr(entries[i]->d_name, ".ref.h5"), *no = strstr(entries[i]->d_name, ".refused");

		if (end || no) {
			*(end ? end : no) = '\0';
			read_one(directory, entries[i]->d_name, no != NULL);
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "write")) {
		write_kinds(argv[2]);
		write_run(argv[2]);
	} else if (argc == 3 && !strcmp(argv[1], "read")) {
		read_all(argv[2]);
	} else {
		fprintf(stderr, "usage: keras_files write|read DIR\n");
		return 2;
	}
	return failed ? 1 : 0;
}
