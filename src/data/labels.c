/* labels.c: classes out of labels that are numbers. See labels.h. */
#include "data/labels.h"

#include "core/alloc.h"
#include "core/log.h"

#include <inttypes.h>
#include <stdio.h>

static enum cs_status named_classes(const struct cs_labels *l, struct cs_catalogue *out, struct cs_error *error)
{
	int classes = l->id_count > l->name_count ? l->id_count : l->name_count;
	enum cs_status status = CS_OK;

	for (int64_t i = 0; i < l->count; i++)
		if (l->label[i] < -1 || l->label[i] >= classes)
			return cs_fail(error, CS_ERR_FORMAT,
				"'%s': label %d of image %" PRId64 ": expected -1 to %d, as %d classes are named", l->given,
				l->label[i], i, classes - 1, classes);
	for (int c = 0; c < classes && !status; c++) {
		const char *id = c < l->id_count ? l->ids[c] : l->names[c];

		status = cs_catalogue_class(out, id, c < l->name_count ? l->names[c] : id, error);
	}
	return status;
}

/* One class for each number that occurs, called by it. */
static enum cs_status numbered_classes(const struct cs_labels *l, struct cs_catalogue *out, struct cs_error *error)
{
	enum cs_status status = CS_OK;
	int32_t most = -1, *class_of;

	for (int64_t i = 0; i < l->count; i++) {
		if (l->label[i] < -1 || l->label[i] >= CS_LABELS_MAX)
			return cs_fail(error, CS_ERR_FORMAT, "'%s': label %d of image %" PRId64 ": expected -1 to %d",
				l->given, l->label[i], i, CS_LABELS_MAX - 1);
		most = l->label[i] > most ? l->label[i] : most;
	}
	class_of = cs_calloc((size_t)most + 1, sizeof *class_of);
	if (!class_of)
		return cs_fail_memory(error, "the classes of a data set");
	for (int64_t i = 0; i < l->count; i++)
		if (l->label[i] >= 0)
			class_of[l->label[i]] = 1;
	for (int32_t number = 0; number <= most && !status; number++) {
		char text[16];

		if (!class_of[number])
			continue;
		class_of[number] = out->class_count;
		snprintf(text, sizeof text, "%d", number);
		status = cs_catalogue_class(out, text, number < l->name_count ? l->names[number] : NULL, error);
	}
	if (!status && out->class_count > 0 && out->class_count != most + 1) {
		cs_warn("'%s': of the labels 0 to %d only %d occur: the others are no classes",
			l->given, most, out->class_count);
		for (int64_t i = 0; i < l->count; i++)
			if (l->label[i] >= 0)
				l->label[i] = class_of[l->label[i]];
	}
	cs_free(class_of);
	return status;
}

enum cs_status cs_labels_classes(const struct cs_labels *l, struct cs_catalogue *out, struct cs_error *error)
{
	enum cs_status status = !l->sparse && l->id_count + l->name_count > 0 ? named_classes(l, out, error)
								: numbered_classes(l, out, error);

	if (!status && out->class_count < 2)
		status = cs_fail(error, CS_ERR_FORMAT, "'%s' has %d class%s: a data set needs at least two", l->given,
			out->class_count, out->class_count == 1 ? "" : "es");
	return status;
}
