/* runs.c: looking for run directories. See runs.h. */
#include "ui/runs.h"

#include "core/alloc.h"
#include "io/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool has(const char *directory, const char *name, double *modified)
{
	char *path = cs_file_join(directory, name);
	struct stat info;
	bool there = path && stat(path, &info) == 0;

	if (there && modified && (double)info.st_mtime > *modified)
		*modified = (double)info.st_mtime;
	cs_free(path);
	return there;
}

static bool is_run(const char *directory, double *modified)
{
	static const char *const signs[] = {"config.json", "history.hdf5", "last.hdf5", "best.hdf5", "summary.json"};
	bool any = false;

	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
		any |= has(directory, signs[i], modified);
	return any;
}

bool cs_is_run(const char *directory)
{
	return cs_file_is_directory(directory) && is_run(directory, NULL);
}

/* "runs/a" for an entry of "runs", "a" for one of "."; NULL when it is hidden or there is no memory. */
static char *entry_path(const char *directory, const struct dirent *entry)
{
	if (entry->d_name[0] == '.')
		return NULL;
	return strcmp(directory, ".") == 0 ? cs_strdup(entry->d_name) : cs_file_join(directory, entry->d_name);
}

char *cs_newest_run(const char *directory)
{
	DIR *list = opendir(directory);
	struct dirent *entry;
	char *newest = NULL;
	double best = -1;

	while (list && (entry = readdir(list)) != NULL) {
		char *path = entry_path(directory, entry);
		double modified = 0;

		if (path && cs_file_is_directory(path) && is_run(path, &modified) && modified > best) {
			best = modified;
			cs_free(newest);
			newest = path;
			continue;
		}
		cs_free(path);
	}
	if (list)
		closedir(list);
	return newest;
}

static enum cs_status add(struct cs_run_list *list, const char *path, struct cs_error *error)
{
	struct cs_run_state *runs;

	if ((list->count & (list->count - 1)) == 0) { /* room for a power of two */
		runs = cs_realloc(list->runs, list->count ? 2 * (size_t)list->count : 1, sizeof *runs);
		if (!runs)
			return cs_fail_memory(error, "a list of runs");
		list->runs = runs;
	}
	if (cs_run_inspect(path, &list->runs[list->count], NULL) == CS_OK)
		list->count++;
	return CS_OK;
}

enum cs_status cs_run_list_read(
	const char *directory, struct cs_job *job, struct cs_run_list *out, struct cs_error *error)
{
	DIR *dir = opendir(directory);
	struct cs_run_list list = {0};
	enum cs_status status = CS_OK;
	struct dirent *entry;

	if (!dir)
		return cs_fail_errno(error, "cannot list", directory);
	while (!status && (entry = readdir(dir)) != NULL) {
		char *path = entry_path(directory, entry);

		if (cs_job_cancelled(job))
			status = CS_ERR_CANCELLED;
		else if (path && cs_is_run(path))
			status = add(&list, path, error);
		cs_free(path);
	}
	closedir(dir);
	if (status)
		cs_run_list_fini(&list);
	else
		*out = list;
	return status;
}

void cs_run_list_fini(struct cs_run_list *list)
{
	cs_free(list->runs);
	*list = (struct cs_run_list){0};
}
