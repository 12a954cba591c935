/* runs.c: looking for run directories. See runs.h. */
#include "work/runs.h"

#include "core/alloc.h"
#include "io/file.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

		if (path && cs_is_run(path, &modified) && modified > best) {
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

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The paths of all runs, sorted. To be freed one by one. */
static enum cs_status find_paths(
	const char *directory, struct cs_job *job, char ***out, int *count, struct cs_error *error)
{
	DIR *dir = opendir(directory);
	enum cs_status status = CS_OK;
	char **paths = NULL;
	struct dirent *entry;

	*count = 0;
	if (!dir)
		return cs_fail_errno(error, "cannot list", directory);
	while (!status && (entry = readdir(dir)) != NULL) {
		char *path = entry_path(directory, entry);

		if (cs_job_cancelled(job))
			status = CS_ERR_CANCELLED;
		if (!status && path && cs_is_run(path, NULL)) {
			if ((*count & (*count - 1)) == 0) { /* room for a power of two */
				char **larger = cs_realloc(paths, *count ? 2 * (size_t)*count : 1, sizeof *paths);

				if (!larger)
					status = cs_fail_memory(error, "a list of runs");
				else
					paths = larger;
			}
			if (!status) {
				paths[(*count)++] = path;
				path = NULL;
			}
		}
		cs_free(path);
	}
	closedir(dir);
	if (*count)
		qsort(paths, (size_t)*count, sizeof *paths, by_text);
	*out = paths;
	return status;
}

static bool make_room(struct cs_run_list *list, int count)
{
	list->runs = cs_calloc((size_t)count + 1, sizeof *list->runs);
	list->stamps = cs_calloc((size_t)count + 1, sizeof *list->stamps);
	list->known = cs_calloc((size_t)count + 1, sizeof *list->known);
	return list->runs && list->stamps && list->known;
}

static int find_known(const struct cs_run_list *list, const char *path)
{
	for (int i = 0; list && i < list->count; i++) {
		if (strcmp(list->runs[i].path, path) == 0)
			return i;
	}
	return -1;
}

/* One run: as it was known, by name alone, or looked into. False when it is none any more. */
static bool read_one(
	struct cs_run_list *list, const char *path, const struct cs_run_list *before, int *hint, bool quick)
{
	struct cs_run_state *to = &list->runs[list->count];
	double stamp = 0;
	int at;

	if (!cs_is_run(path, &stamp))
		return false;
	/* both lists are mostly the same ones in the same order */
	at = before && *hint < before->count && strcmp(before->runs[*hint].path, path) == 0 ? *hint
										   : find_known(before, path);
	if (at >= 0)
		*hint = at + 1;
	list->stamps[list->count] = stamp;
	if (at >= 0 && before->known[at] && before->stamps[at] == stamp && !before->runs[at].alive) {
		*to = before->runs[at];
		list->known[list->count] = true;
		return true;
	}
	if (quick) {
		*to = (struct cs_run_state){.modified = stamp, .best_epoch = -1, .best_val_accuracy = NAN};
		snprintf(to->path, sizeof to->path, "%s", path);
		return true;
	}
	list->known[list->count] = true;
	return cs_run_inspect(path, to, NULL) == CS_OK;
}

enum cs_status cs_run_list_read(const char *directory, const struct cs_run_list *before, bool quick,
	struct cs_job *job, struct cs_run_list *out, struct cs_error *error)
{
	struct cs_run_list list = {0};
	char **paths = NULL;
	int count = 0, hint = 0;
	enum cs_status status = find_paths(directory, job, &paths, &count, error);

	if (!status && !make_room(&list, count))
		status = cs_fail_memory(error, "a list of runs");
	for (int i = 0; i < count && !status; i++) {
		if (cs_job_cancelled(job))
			status = CS_ERR_CANCELLED;
		else if (read_one(&list, paths[i], before, &hint, quick))
			list.count++;
	}
	for (int i = 0; i < count; i++)
		cs_free(paths[i]);
	cs_free(paths);
	if (status)
		cs_run_list_fini(&list);
	else
		*out = list;
	return status;
}

enum cs_status cs_run_list_copy(const struct cs_run_list *from, struct cs_run_list *out, struct cs_error *error)
{
	struct cs_run_list list = {0};

	if (!make_room(&list, from->count)) {
		cs_run_list_fini(&list);
		return cs_fail_memory(error, "a list of runs");
	}
	list.count = from->count;
	if (from->count) {
		memcpy(list.runs, from->runs, (size_t)from->count * sizeof *list.runs);
		memcpy(list.stamps, from->stamps, (size_t)from->count * sizeof *list.stamps);
		memcpy(list.known, from->known, (size_t)from->count * sizeof *list.known);
	}
	*out = list;
	return CS_OK;
}

void cs_run_list_fini(struct cs_run_list *list)
{
	cs_free(list->runs);
	cs_free(list->stamps);
	cs_free(list->known);
	*list = (struct cs_run_list){0};
}
