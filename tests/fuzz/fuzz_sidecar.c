/* fuzz_sidecar.c: what is remembered beside a model file: MODEL.convscope.json, which may have come along with the model from anywhere. What
 * was understood of it is written anew, and is then understood once more, as the same. */
#include "fuzz.h"

#include "core/alloc.h"
#include "core/log.h"
#include "model/keras.h"
#include "model/sidecar.h"

static const char architecture[] = "{\"class_name\":\"Sequential\",\"config\":[{\"class_name\":\"Flatten\",\"config\":{"
				   "\"name\":\"f\",\"batch_input_shape\":[null,2,2,3]}},"
				   "{\"class_name\":\"Dense\",\"config\":{\"name\":\"d\",\"units\":3}}]}";

static void one_line(void *context, enum cs_log_level level, const char *line)
{
	(void)context;
	(void)level;
	if (strchr(line, '\n'))
		abort();
}

/* A model as it is before anything is said of it; NULL: the sidecar at `path` says nothing. */
static struct cs_model *apply(const char *path)
{
	struct cs_network *network = NULL;
	struct cs_model *model = NULL;
	struct cs_error error = {0};
	char *where = NULL;
	json_t *sidecar = cs_sidecar_open(path, &where);

	if (sidecar) {
		if (cs_keras_parse(architecture, &network, &error) || cs_model_new(network, &model, &error))
			exit(2);
		model->path = cs_strdup(path);
		model->given_arch = cs_sidecar_arch(sidecar, model->given_size);
		cs_sidecar_apply(sidecar, where, model);
	}
	json_decref(sidecar);
	cs_free(where);
	return model;
}

static bool same_pixels(const struct cs_preprocess *a, const struct cs_preprocess *b)
{
	return a->scale == b->scale && a->bgr == b->bgr && !memcmp(a->mean, b->mean, sizeof a->mean) &&
		!memcmp(a->deviation, b->deviation, sizeof a->deviation);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cs_model *model, *again;
	struct cs_error error = {0};
	char path[128];

	cs_log_to(one_line, NULL);
	snprintf(path, sizeof path, "%s/model.h5", scratch_directory());
	put_file(scratch_directory(), "model.h5.convscope.json", data, size);
	model = apply(path);
	if (!model)
		return 0;
	check_error(cs_model_remember(model, &error), &error);
	again = apply(path);
	if (!again || again->preprocess_remembered != model->preprocess_remembered ||
		again->classes_remembered != model->classes_remembered ||
		!same_pixels(&again->preprocess, &model->preprocess) || !again->given_arch != !model->given_arch)
		abort();
	for (int i = 0; i < model->class_count; i++)
		if (strcmp(model->class_names[i], again->class_names[i]))
			abort();
	cs_model_free(again);
	cs_model_free(model);
	return 0;
}
