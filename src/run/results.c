/* results.c: what is a run directory, and where results of analyses lie. See run.h. */
#include "run/run.h"

#include "core/alloc.h"
#include "io/file.h"

#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

bool cs_is_run(const char *directory, double *modified)
{
	static const char *const signs[] = {"config.json", "history.hdf5", "last.hdf5", "best.hdf5", "summary.json"};
	bool any = false;

	if (modified)
		*modified = 0;
	if (!cs_file_is_directory(directory))
		return false;
	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
		any |= has(directory, signs[i], modified);
	return any;
}

static bool is_link(const char *path)
{
	struct stat about;

	return !lstat(path, &about) && S_ISLNK(about.st_mode);
}

/* RUN/analyses, to be freed; NULL where a run is not to be written to: an installed model's, say. It may come from elsewhere: where its
 * `analyses` is a link, results do not go where that leads. */
static char *within_run(const char *run)
{
	char *directory = access(run, W_OK) ? NULL : cs_file_join(run, "analyses");

	if (directory && !is_link(directory))
		return directory;
	cs_free(directory);
	return NULL;
}

char *cs_run_results(const char *target, bool *within)
{
	bool is_directory = cs_file_is_directory(target), is_file = !is_directory && cs_file_exists(target);
	char *copy = cs_strdup(target), *directory = NULL, *name, *dot;

	*within = false;
	if (!copy)
		return NULL;
	if (is_directory)
		directory = within_run(target);
	else if (is_file && cs_is_run(dirname(copy), NULL))
		directory = within_run(copy);
	*within = directory != NULL;
	if (!directory) {
		strcpy(copy, target); /* dirname() has cut it */
		name = basename(copy);
		dot = is_directory ? NULL : strrchr(name, '.');
		if (dot && dot != name)
			*dot = '\0';
		directory = cs_format("convscope-analyses/%s", name);
	}
	cs_free(copy);
	return directory;
}
