/* resolve.c: from what a person types to the file of a model. See model.h.
 *
 * In this order: a file; a run directory (best.hdf5, else last.hdf5); the name of a model that is installed with the program.
 * A name with a slash or a dot-something ending is taken for a path when it comes to the message.
 */
#include "core/alloc.h"
#include "io/file.h"
#include "model/model.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *installed_directory(void)
{
	const char *own = getenv("CONVSCOPE_MODELS");

	return own && *own ? cs_strdup(own) : cs_file_join(CS_DATADIR, "models");
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "best-tiny-imagenet, seed-tiny-imagenet", or "" where none is installed; to be freed. */
static char *installed_names(const char *directory)
{
	enum { MOST = 64 };
	char *names[MOST], *text = cs_strdup("");
	DIR *dir = opendir(directory);
	int count = 0;

	for (struct dirent *entry; dir && count < MOST && (entry = readdir(dir));) {
		size_t length = strlen(entry->d_name);

		if (length > 5 && !strcmp(entry->d_name + length - 5, ".hdf5")) {
			names[count] = cs_strndup(entry->d_name, length - 5);
			count += names[count] != NULL;
		}
	}
	if (dir)
		closedir(dir);
	qsort(names, (size_t)count, sizeof *names, by_name);
	for (int i = 0; i < count; i++) {
		char *longer = text ? cs_format("%s%s%s", text, i ? ", " : "", names[i]) : NULL;

		cs_free(names[i]);
		cs_free(text);
		text = longer;
	}
	return text;
}

static enum cs_status in_run(const char *directory, char **path, struct cs_error *error)
{
	static const char *const names[] = {"best.hdf5", "last.hdf5"};

	for (int i = 0; i < 2; i++) {
		char *found = cs_file_join(directory, names[i]);

		if (!found)
			return cs_fail_memory(error, "a path");
		if (cs_file_exists(found)) {
			*path = found;
			return CS_OK;
		}
		cs_free(found);
	}
	char *saved = cs_file_join(directory, "saved_model.pb");
	bool tensorflow = saved && cs_file_exists(saved);

	cs_free(saved);
	if (tensorflow)
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"the directory '%s' is a TensorFlow SavedModel, which convscope cannot read: save it from Keras with "
			"model.save(\"model.keras\") or model.save(\"model.h5\")",
			directory);
	return cs_fail(error, CS_ERR_NOT_FOUND,
		"the directory '%s' holds no model: expected a run with best.hdf5 or last.hdf5 (a run has its first "
		"after one "
		"epoch)",
		directory);
}

enum cs_status cs_model_resolve(const char *name, char **path, struct cs_error *error)
{
	char *directory, *file = NULL, *found = NULL, *names = NULL;
	enum cs_status status = CS_OK;

	if (!*name)
		return cs_fail(error, CS_ERR_ARGUMENT,
			"no model was named: expected a model file, a run directory or an installed "
			"model");
	if (cs_file_is_directory(name))
		return in_run(name, path, error);
	if (cs_file_exists(name)) {
		*path = cs_strdup(name);
		return *path ? CS_OK : cs_fail_memory(error, "a path");
	}
	directory = installed_directory();
	file = cs_format("%s.hdf5", name);
	found = directory && file ? cs_file_join(directory, file) : NULL;
	if (!found) {
		status = cs_fail_memory(error, "a path");
	} else if (!strchr(name, '/') && cs_file_exists(found)) {
		*path = found;
		found = NULL;
	} else {
		names = installed_names(directory);
		status = cs_fail(error, CS_ERR_NOT_FOUND,
			"no model '%.200s': expected a model file (.h5, .keras, .onnx), a run directory or an installed model "
			"(%s)",
			name, names && *names ? names : "none is installed");
	}
	cs_free(directory);
	cs_free(file);
	cs_free(found);
	cs_free(names);
	return status;
}
