/* data_case.h: what the tests of data sets share: a directory of their own with a cache in it, pictures, zips, the log's lines. */
#ifndef CS_TESTS_UNIT_DATA_CASE_H
#define CS_TESTS_UNIT_DATA_CASE_H

#include "core/alloc.h"
#include "core/log.h"
#include "data/dataset.h"
#include "io/file.h"
#include "io/picture.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

static char case_root[200]; /* the test's directory */
static char case_log[20000]; /* every line logged since case_begin() */

static void case_sink(void *context, enum cs_log_level level, const char *line)
{
	size_t used = strlen(case_log);

	(void)context;
	(void)level;
	snprintf(case_log + used, sizeof case_log - used, "%s\n", line);
}

static inline int case_begin(void **state)
{
	char cache[300];

	(void)state;
	snprintf(case_root, sizeof case_root, "/tmp/convscope-test-XXXXXX");
	if (!mkdtemp(case_root))
		return -1;
	snprintf(cache, sizeof cache, "%s/cache", case_root);
	setenv("XDG_CACHE_HOME", cache, 1);
	case_log[0] = '\0';
	cs_log_to(case_sink, NULL);
	return 0;
}

static int case_remove(const char *path, const struct stat *about, int kind, struct FTW *where)
{
	(void)about;
	(void)kind;
	(void)where;
	return remove(path);
}

static inline int case_end(void **state)
{
	(void)state;
	cs_log_to(NULL, NULL);
	return nftw(case_root, case_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* "<root>/<name>" in one of eight buffers. */
static inline const char *case_path(const char *name)
{
	static char paths[8][600];
	static int next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof paths[0], "%s/%s", case_root, name);
	return path;
}

static inline void case_directory(const char *name)
{
	struct cs_error error;

	if (cs_file_make_directories(case_path(name), &error) != CS_OK) {
		fprintf(stderr, "%s\n", error.message);
		abort();
	}
}

static inline void case_directory_of(const char *name)
{
	char *copy = cs_strdup(name), *slash = strrchr(copy, '/');

	if (slash) {
		*slash = '\0';
		case_directory(copy);
	}
	cs_free(copy);
}

static inline void case_text(const char *name, const char *text)
{
	FILE *file;

	case_directory_of(name);
	file = fopen(case_path(name), "w");
	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		abort();
}

/* A PNG of one grey level with a mark that makes each picture another. */
static inline void case_picture(const char *name, int width, int height, uint8_t level, int mark)
{
	struct cs_picture picture;

	case_directory_of(name);
	if (cs_picture_init(&picture, width, height, NULL) != CS_OK)
		abort();
	memset(picture.rgb, level, (size_t)width * (size_t)height * 3);
	picture.rgb[0] = (uint8_t)mark;
	if (cs_picture_save(&picture, case_path(name), NULL, NULL) != CS_OK)
		abort();
	cs_picture_fini(&picture);
}

/* `per_class` pictures in each of `classes` folders "<prefix>/<a, b, ...>/<i>.png". */
static inline void case_classes(const char *prefix, int classes, int per_class, int side)
{
	for (int c = 0; c < classes; c++) {
		for (int i = 0; i < per_class; i++) {
			char name[300];

			snprintf(name, sizeof name, "%s/%c/%d.png", prefix, 'a' + c, i);
			case_picture(name, side, side, (uint8_t)(20 * c), i);
		}
	}
}

static zip_t *case_zip_open;
static size_t case_zip_cut;

static int case_zip_add(const char *path, const struct stat *about, int kind, struct FTW *where)
{
	(void)about;
	(void)where;
	if (kind == FTW_F) {
		zip_source_t *source = zip_source_file(case_zip_open, path, 0, -1);

		if (!source || zip_file_add(case_zip_open, path + case_zip_cut, source, ZIP_FL_ENC_UTF_8) < 0)
			abort();
	}
	return 0;
}

/* Zip what is in directory `from`, without that name in the paths. */
static inline void case_zip(const char *from, const char *name)
{
	int code;

	case_zip_open = zip_open(case_path(name), ZIP_CREATE | ZIP_TRUNCATE, &code);
	case_zip_cut = strlen(case_path(from)) + 1;
	if (!case_zip_open || nftw(case_path(from), case_zip_add, 16, FTW_PHYS) != 0 || zip_close(case_zip_open) != 0)
		abort();
}

/* Cut a file to a share of its size. */
static inline void case_truncate(const char *name, double share)
{
	struct stat about;

	if (stat(case_path(name), &about) != 0 ||
		truncate(case_path(name), (off_t)((double)about.st_size * share)) != 0)
		abort();
}

static inline struct cs_dataset *case_open(const char *spec, const struct cs_data_options *options)
{
	struct cs_dataset *data = NULL;
	struct cs_error error;

	if (cs_dataset_open(spec, options, NULL, &data, &error) != CS_OK) {
		fprintf(stderr, "%s: %s\n", spec, error.message);
		abort();
	}
	return data;
}

/* The message of an opening that must fail. */
static inline const char *case_refused(const char *spec, const struct cs_data_options *options)
{
	static struct cs_error error;
	struct cs_dataset *data = NULL;

	error.message[0] = '\0';
	if (cs_dataset_open(spec, options, NULL, &data, &error) == CS_OK) {
		cs_dataset_close(data);
		return "";
	}
	return error.message;
}

#endif
