/* resolve.c: from what a person types to the file of a model. See model.h.
 *
 * In this order: a file; a run directory (best.hdf5, else last.hdf5); the name of an installed model, which is a file NAME.hdf5 or, with the record of
 * its training, a directory NAME like a run's.
 * A name with a slash or a dot-something ending is taken for a path when it comes to the message.
 */
#include "core/alloc.h"
#include "io/file.h"
#include "model/model.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where installed models lie, in the order they are looked for: $CONVSCOPE_MODELS alone where it is set; else the user's own, those of the source
 * tree that this program was built in, and those that were installed with it. */
enum { PLACES = 3, NAMES = 64 };

static void find_places(char *places[PLACES])
{
	const char *own = getenv("CONVSCOPE_MODELS"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	char program[4096];
	ssize_t length;

	memset(places, 0, PLACES * sizeof *places);
	if (own && *own) {
		places[0] = cs_strdup(own);
		return;
	}
	if (data && *data == '/')
		places[0] = cs_format("%s/convscope/models", data);
	else if (home && *home)
		places[0] = cs_format("%s/.local/share/convscope/models", home);
	length = readlink("/proc/self/exe", program, sizeof program - 1);
	if (length > 0) {
		char *library;

		program[length] = '\0';
		if (strrchr(program, '/'))
			*strrchr(program, '/') = '\0';
		library = cs_format("%s/../lua/convscope/init.lua", program);
		if (library && cs_file_exists(library)) {
			if (strrchr(program, '/')) /* its parent: the path is shown */
				*strrchr(program, '/') = '\0';
			places[1] = cs_format("%s/models", program);
		}
		cs_free(library);
	}
	places[2] = cs_file_join(CS_DATADIR, "models");
}

static void free_places(char *places[PLACES])
{
	for (int i = 0; i < PLACES; i++)
		cs_free(places[i]);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Is this an entry of a directory of models: NAME.hdf5, or a directory NAME with best.hdf5? Its name, to be freed, or NULL. */
static char *name_of(const char *directory, const char *entry)
{
	size_t length = strlen(entry);
	char *best;
	bool there;

	if (*entry == '.')
		return NULL;
	if (length > 5 && !strcmp(entry + length - 5, ".hdf5"))
		return cs_strndup(entry, length - 5);
	best = cs_format("%s/%s/best.hdf5", directory, entry);
	there = best && cs_file_exists(best);
	cs_free(best);
	return there ? cs_strdup(entry) : NULL;
}

/* "best-tiny-imagenet, seed-tiny-imagenet", or "" where none is installed; to be freed. */
static char *installed_names(char *places[PLACES])
{
	char *names[NAMES], *text = cs_strdup("");
	int count = 0;

	for (int i = 0; i < PLACES; i++) {
		DIR *dir = places[i] ? opendir(places[i]) : NULL;

		for (struct dirent *entry; dir && count < NAMES && (entry = readdir(dir));) {
			names[count] = name_of(places[i], entry->d_name);
			count += names[count] != NULL;
		}
		if (dir)
			closedir(dir);
	}
	qsort(names, (size_t)count, sizeof *names, by_name);
	for (int i = 0; i < count; i++) {
		bool again = i > 0 && strcmp(names[i], names[i - 1]) == 0;
		char *longer = text && !again ? cs_format("%s%s%s", text, *text ? ", " : "", names[i]) : NULL;

		if (!again) {
			cs_free(text);
			text = longer;
		}
	}
	for (int i = 0; i < count; i++)
		cs_free(names[i]);
	return text;
}

/* NAME/best.hdf5 or NAME.hdf5 in the first place that has one of them, to be freed; NULL. */
static char *find_installed(const char *name, char *places[PLACES])
{
	if (strchr(name, '/') || *name == '.')
		return NULL;
	for (int i = 0; i < PLACES; i++) {
		for (int k = 0; k < 2; k++) {
			char *path = !places[i] ? NULL
				: k             ? cs_format("%s/%s.hdf5", places[i], name)
						: cs_format("%s/%s/best.hdf5", places[i], name);

			if (path && cs_file_exists(path))
				return path;
			cs_free(path);
		}
	}
	return NULL;
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
			"the directory '%s' is a TensorFlow SavedModel, which convscope cannot read: save it from "
			"Keras with "
			"model.save(\"model.keras\") or model.save(\"model.h5\")",
			directory);
	return cs_fail(error, CS_ERR_NOT_FOUND,
		"the directory '%s' holds no model: expected a run with best.hdf5 or last.hdf5 (a run has its first "
		"after one "
		"epoch)",
		directory);
}

char *cs_model_installed_run(const char *name)
{
	char *places[PLACES], *found, *slash;

	find_places(places);
	found = find_installed(name, places);
	free_places(places);
	slash = found ? strrchr(found, '/') : NULL;
	if (slash && strcmp(slash, "/best.hdf5") == 0) {
		*slash = '\0';
		return found;
	}
	cs_free(found);
	return NULL;
}

/* Does a directory hold a model with its record, which is one with a configuration? */
static bool has_records(const char *directory)
{
	DIR *dir = directory ? opendir(directory) : NULL;
	bool any = false;

	for (struct dirent *entry; dir && !any && (entry = readdir(dir));) {
		char *path = *entry->d_name != '.' ? cs_format("%s/%s/config.json", directory, entry->d_name) : NULL;

		any = path && cs_file_exists(path);
		cs_free(path);
	}
	if (dir)
		closedir(dir);
	return any;
}

char *cs_model_installed_runs(void)
{
	char *places[PLACES], *found = NULL;

	find_places(places);
	for (int i = 0; i < PLACES && !found; i++) {
		int at = (i + 1) % PLACES; /* the user's own last */

		if (has_records(places[at]))
			found = cs_strdup(places[at]);
	}
	free_places(places);
	return found;
}

enum cs_status cs_model_resolve(const char *name, char **path, struct cs_error *error)
{
	char *places[PLACES], *names;
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
	find_places(places);
	*path = find_installed(name, places);
	if (!*path) {
		names = installed_names(places);
		status = cs_fail(error, CS_ERR_NOT_FOUND,
			"no model '%.200s': expected a model file (.h5, .keras, .onnx), a run directory or an "
			"installed model "
			"(%s)",
			name, names && *names ? names : "none is installed");
		cs_free(names);
	}
	free_places(places);
	return status;
}
