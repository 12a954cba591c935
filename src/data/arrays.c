/* arrays.c: which of a file's arrays of numbers are images and labels. See arrays.h.
 *
 * Names and shapes are looked at alone; what the numbers say is arrays_read.c's. Nothing here trusts a file: shapes are checked against what
 * pictures can be and what so many bytes can hold.
 */
#include "data/arrays.h"

#include "core/alloc.h"
#include "core/log.h"
#include "data/labels.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MAX_IMAGES = 1 << 28 };

/* Pictures do not pack better than this, and each takes some bytes of the file; smaller claims are not worth doubting. */
enum { BEST_RATIO = 200, LEAST_BYTES = 4, DOUBT_BYTES = 64 << 20, DOUBT_IMAGES = 1 << 16 };

/* --- which array holds what --- */

struct role {
	const char *images, *labels;
	int part;
};

/* The first of each part that is there is taken; case does not matter. */
static const struct role roles[] = {
	{"x_train", "y_train", CS_SPLIT_TRAIN},
	{"train_x", "train_y", CS_SPLIT_TRAIN},
	{"train_images", "train_labels", CS_SPLIT_TRAIN},
	{"x_val", "y_val", CS_SPLIT_VAL},
	{"x_valid", "y_valid", CS_SPLIT_VAL},
	{"val_x", "val_y", CS_SPLIT_VAL},
	{"val_images", "val_labels", CS_SPLIT_VAL},
	{"x_test", "y_test", CS_SPLIT_TEST},
	{"test_x", "test_y", CS_SPLIT_TEST},
	{"test_images", "test_labels", CS_SPLIT_TEST},
	{"x", "y", -1},
	{"images", "labels", -1},
	{"data", "labels", -1},
	{"arr_0", "arr_1", -1},
};

const char *cs_arrays_name(char *const *names, const char *wanted)
{
	for (; *names; names++)
		if (strcasecmp(*names, wanted) == 0)
			return *names;
	return NULL;
}

static enum cs_status none_found(const struct cs_arrays *a, char *const *names, struct cs_error *error)
{
	char text[200] = "";
	size_t used = 0;

	for (int i = 0; names[i] && used < sizeof text - 60; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, "%s%.50s", i ? ", " : "", names[i]);
	return cs_fail(error, CS_ERR_FORMAT,
		"'%s' is not a data set: it holds %s; expected images in x and labels in y, or x_train, y_train, "
		"x_test "
		"and y_test",
		a->given, *text ? text : "nothing");
}

static enum cs_status add_section(
	struct cs_arrays *a, const char *images, const char *labels, int part, struct cs_error *error)
{
	struct cs_array_section *s = &a->section[a->sections];

	s->images = cs_strdup(images);
	s->labels = labels ? cs_strdup(labels) : NULL;
	s->part = part;
	a->sections++;
	return s->images && (s->labels || !labels) ? CS_OK : cs_fail_memory(error, "a data set");
}

/* Training images with the other splits beside them; or, without, all in one array. */
static enum cs_status find_sections(struct cs_arrays *a, char *const *names, struct cs_error *error)
{
	bool found[CS_SPLIT_COUNT] = {false};
	enum cs_status status = CS_OK;

	for (size_t i = 0; i < sizeof roles / sizeof *roles && !status; i++) {
		const struct role *r = &roles[i];
		const char *images = cs_arrays_name(names, r->images), *labels = cs_arrays_name(names, r->labels);
		bool whole = r->part < 0;

		if (!images || (whole ? a->sections > 0 : found[r->part]))
			continue;
		if (!labels && !whole) {
			if (r->part == CS_SPLIT_TRAIN)
				return cs_fail(error, CS_ERR_FORMAT, "'%s' has no labels: expected %s beside %s",
					a->given, r->labels, images);
			cs_warn("'%s': %s has no %s beside it: left out", a->given, images, r->labels);
			continue;
		}
		if (!whole && r->part != CS_SPLIT_TRAIN && !found[CS_SPLIT_TRAIN])
			continue;
		status = add_section(a, images, labels, r->part, error);
		if (!whole)
			found[r->part] = true;
	}
	if (!status && a->sections == 0)
		status = none_found(a, names, error);
	return status;
}

/* --- how images lie --- */

static bool is_side(int64_t side)
{
	return side >= 1 && side <= CS_PICTURE_MAX_SIDE;
}

static bool is_channels(int64_t count)
{
	return count == 1 || count == 3;
}

/* Width, height, channels and order of an array of images; false when pictures are not stored so. */
static bool find_layout(const struct cs_shape *shape, struct cs_arrays *a)
{
	const int64_t *dim = shape->dim;
	int64_t height = 0, width = 0, channels = 1;

	a->planes = false;
	if (shape->rank == 4 && is_channels(dim[3])) {
		height = dim[1];
		width = dim[2];
		channels = dim[3];
	} else if (shape->rank == 4 && is_channels(dim[1])) {
		channels = dim[1];
		height = dim[2];
		width = dim[3];
		a->planes = true;
	} else if (shape->rank == 3) {
		height = dim[1];
		width = dim[2];
	} else if (shape->rank == 2 && dim[1] <= (int64_t)CS_PICTURE_MAX_SIDE * CS_PICTURE_MAX_SIDE) {
		int64_t side = (int64_t)(sqrt((double)dim[1]) + 0.5);

		if (side > 1 && side * side == dim[1])
			height = width = side;
	}
	if (!is_side(height) || !is_side(width) || height * width > CS_PICTURE_MAX_PIXELS)
		return false;
	a->width = (int)width;
	a->height = (int)height;
	a->channels = (int)channels;
	return true;
}

static enum cs_status look_at_section(
	struct cs_arrays *a, void *file, struct cs_array_section *s, int64_t first, struct cs_error *error)
{
	struct cs_arrays found = {0};
	char text[CS_SHAPE_TEXT];
	struct cs_shape shape;
	enum cs_status status = a->ops->info(file, s->images, &shape, &s->kind, error);

	if (status)
		return status;
	if (!find_layout(&shape, &found) || shape.dim[0] < 1 || shape.dim[0] > MAX_IMAGES || !strchr("fib", s->kind))
		return cs_fail(error, CS_ERR_FORMAT,
			"'%s': %s is %s%s: expected images x height x width x 3 (or 1), images x 3 (or 1) x height x "
			"width, or "
			"images x height x width, of numbers",
			a->given, s->images, cs_shape_text(&shape, text, sizeof text),
			s->kind == 's'           ? " of text"
				: s->kind == '?' ? " of something that is not numbers"
						 : "");
	if (first == 0) {
		a->width = found.width;
		a->height = found.height;
		a->channels = found.channels;
		a->planes = found.planes;
	} else if (found.width != a->width || found.height != a->height || found.channels != a->channels ||
		found.planes != a->planes) {
		return cs_fail(error, CS_ERR_FORMAT, "'%s': %s has images of %dx%dx%d, but %s of %dx%dx%d", a->given,
			s->images, found.height, found.width, found.channels, a->section[0].images, a->height, a->width,
			a->channels);
	}
	if (a->size &&
		((shape.dim[0] > DOUBT_IMAGES && shape.dim[0] > a->size / LEAST_BYTES) ||
			(cs_shape_count(&shape) > DOUBT_BYTES && cs_shape_count(&shape) / BEST_RATIO > a->size)))
		return cs_fail(error, CS_ERR_FORMAT,
			"'%s': %s says it is %s, more than the %" PRId64 " bytes of the file can hold", a->given,
			s->images, cs_shape_text(&shape, text, sizeof text), a->size);
	s->first = first;
	s->count = shape.dim[0];
	return CS_OK;
}

enum cs_status cs_arrays_init(struct cs_arrays *a, struct cs_error *error)
{
	void *file = NULL;
	char **names = NULL;
	int count = 0;
	int64_t first = 0;
	enum cs_status status = cs_arrays_begin(a, &file, error);

	if (status)
		return status;
	status = a->ops->list(file, &names, &count, error);
	if (!status)
		status = find_sections(a, names, error);
	for (int i = 0; i < a->sections && !status; i++) {
		status = look_at_section(a, file, &a->section[i], first, error);
		first += a->section[i].count;
	}
	cs_arrays_end(a, file);
	cs_free(names);
	a->scale = 1;
	return status;
}

void cs_arrays_fini(struct cs_arrays *a)
{
	for (int i = 0; i < CS_ARRAY_SECTIONS; i++) {
		cs_free(a->section[i].images);
		cs_free(a->section[i].labels);
	}
}
