/* tiny.h: a small network, trained for a moment on shapes, in a run directory: what the tests of the browser look at. */
#ifndef CS_TESTS_TUI_TINY_H
#define CS_TESTS_TUI_TINY_H

#include "tests/tui/harness.h"

#include "core/log.h"
#include "run/run.h"

#define TINY_DATA "shapes:count=300,size=32,classes=4,cause=colour"

static char tiny_directory[64]; /* holds runs/tiny */

static inline void tiny_log(void *context, enum cs_log_level level, const char *line)
{
	(void)context;
	(void)level;
	(void)line;
}

static inline struct cs_model *tiny_model(const struct cs_dataset *data)
{
	struct cs_layer_spec s[6];
	struct cs_network *network;
	struct cs_model *model;
	struct cs_error error;

	for (int i = 0; i < 6; i++)
		s[i] = cs_layer_spec_default(
			cs_layer_kind((const char *[]){"conv", "maxpool", "conv", "maxpool", "flatten", "dense"}[i]));
	s[0].features = 6;
	s[0].kernel[0] = s[0].kernel[1] = 5;
	s[2].features = 20;
	s[2].kernel[0] = s[2].kernel[1] = 3;
	s[0].activation = s[2].activation = CS_RELU;
	s[5].features = 4;
	s[5].activation = CS_SOFTMAX;
	if (cs_network_new(CS_SHAPE(32, 32, 3), s, 6, 7, &network, &error) || cs_model_new(network, &model, &error) ||
		cs_model_set_classes(model, data->class_count, data->class_ids, data->class_names, &error) ||
		cs_model_set_dataset(model, TINY_DATA, &error)) {
		fprintf(stderr, "%s\n", error.message);
		return NULL;
	}
	strcpy(network->name, "tiny");
	return model;
}

static inline int tiny_train(const char *path, int epochs)
{
	struct cs_data_options opening = cs_data_options_default();
	struct cs_run_options options = cs_run_options_default();
	struct cs_run_summary summary;
	struct cs_dataset *data;
	struct cs_model *model;
	struct cs_error error;

	if (cs_dataset_open(TINY_DATA, &opening, NULL, &data, &error)) {
		fprintf(stderr, "%s\n", error.message);
		return -1;
	}
	model = tiny_model(data);
	options.directory = path;
	options.epochs = epochs;
	options.threads = 1;
	options.overwrite = true;
	options.optimizer = cs_optimizer_default(CS_ADAM);
	if (!model || cs_run_train(model, data, &options, false, NULL, &summary, &error)) {
		fprintf(stderr, "%s\n", error.message);
		return -1;
	}
	cs_model_free(model);
	cs_dataset_close(data);
	return 0;
}

static inline int tiny_set_up(void **state)
{
	char path[128];

	(void)state;
	cs_log_to(tiny_log, NULL);
	strcpy(tiny_directory, "/tmp/test_tui.XXXXXX");
	if (!mkdtemp(tiny_directory))
		return -1;
	setenv("XDG_CONFIG_HOME", tiny_directory, 1);
	snprintf(path, sizeof path, "%s/runs", tiny_directory);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/runs/tiny", tiny_directory);
	return tiny_train(path, 3);
}

static inline int tiny_tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof command, "rm -rf '%s'", tiny_directory);
	return system(command);
}

static inline enum cs_status tiny_evaluate(void *context, const char *line, char **text, struct cs_error *error)
{
	(void)context;
	if (strcmp(line, "fail") == 0)
		return cs_fail(error, CS_ERR_ARGUMENT, "line 1: it failed as asked");
	*text = strcmp(line, "long") == 0 ? cs_strdup("first line\nsecond line\nthird line\n")
					  : cs_format("you said %s", line);
	return *text ? CS_OK : cs_fail_memory(error, "a text");
}

/* The same with the whole program, Lua and all. */
static inline int tiny_program(void *context)
{
	const char *program = getenv("CONVSCOPE");

	if (!program || chdir(tiny_directory) != 0)
		return 99;
	execl(program, program, "browse", (const char *)context, "--threads", "1", (char *)NULL);
	return 98;
}

/* The browser on `context`, a path below the test's directory, or NULL. */
static inline int tiny_browse(void *context)
{
	struct cs_ui_request request = {.target = context, .threads = 1};
	struct cs_ui_hooks hooks = {.evaluate = tiny_evaluate};
	struct cs_error error = {0};

	if (chdir(tiny_directory) != 0)
		return 99;
	if (cs_ui_browse(&request, &hooks, &error)) {
		fprintf(stderr, "convscope: %s\n", error.message);
		return 1;
	}
	return 0;
}

#endif
