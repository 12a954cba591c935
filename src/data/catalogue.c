/* catalogue.c: lists of pictures and classes, and whether they make a data set. See catalogue.h. */
#include "data/catalogue.h"

#include "core/alloc.h"
#include "core/log.h"

#include <inttypes.h>
#include <stdio.h>

static enum cs_status grow_names(char ***list, int count, const char *text, struct cs_error *error)
{
	char **grown = cs_realloc(*list, (size_t)count + 1, sizeof *grown);

	if (!grown)
		return cs_fail_memory(error, "the classes of a data set");
	*list = grown;
	grown[count] = cs_strdup(text);
	return grown[count] ? CS_OK : cs_fail_memory(error, "the classes of a data set");
}

enum cs_status cs_catalogue_class(struct cs_catalogue *c, const char *id, const char *name, struct cs_error *error)
{
	enum cs_status status = grow_names(&c->class_ids, c->class_count, id, error);

	if (status)
		return status;
	status = grow_names(&c->class_names, c->class_count, name ? name : id, error);
	if (status)
		cs_free(c->class_ids[c->class_count]);
	else
		c->class_count++;
	return status;
}

enum cs_status cs_catalogue_add(struct cs_catalogue *c, const struct cs_entry *entry, struct cs_error *error)
{
	if (!entry->name)
		return cs_fail_memory(error, "the names of images");
	if (c->count == c->room) {
		int64_t room = c->room ? 2 * c->room : 1024;
		struct cs_entry *grown = cs_realloc(c->entries, (size_t)room, sizeof *grown);

		if (!grown) {
			cs_free(entry->name);
			return cs_fail_memory(error, "a list of images");
		}
		c->entries = grown;
		c->room = room;
	}
	c->entries[c->count++] = *entry;
	return CS_OK;
}

void cs_catalogue_fini(struct cs_catalogue *c)
{
	for (int i = 0; i < c->class_count; i++) {
		cs_free(c->class_ids[i]);
		cs_free(c->class_names[i]);
	}
	for (int64_t i = 0; i < c->count; i++)
		cs_free(c->entries[i].name);
	cs_free(c->class_ids);
	cs_free(c->class_names);
	cs_free(c->entries);
	*c = (struct cs_catalogue){0};
}

enum cs_status cs_census_init(struct cs_census *census, int classes, struct cs_error *error)
{
	census->classes = classes;
	census->count = cs_calloc((size_t)classes * CS_SPLIT_COUNT, sizeof *census->count);
	return census->count ? CS_OK : cs_fail_memory(error, "counting the images of each class");
}

void cs_census_fini(struct cs_census *census)
{
	cs_free(census->count);
	*census = (struct cs_census){0};
}

/* The classes that a part lacks, as "'a', 'b' and 3 more"; returns how many. */
static int missing(const struct cs_census *census, int part, char *const *ids, char *text, size_t size)
{
	int lacking = 0;
	size_t used = 0;

	text[0] = '\0';
	for (int c = 0; c < census->classes; c++) {
		if (census->count[part * census->classes + c] > 0)
			continue;
		if (lacking++ < 3 && used < size)
			used += (size_t)snprintf(text + used, size - used, "%s'%s'", lacking > 1 ? ", " : "", ids[c]);
	}
	if (lacking > 3 && used < size)
		snprintf(text + used, size - used, " and %d more", lacking - 3);
	return lacking;
}

enum cs_status cs_census_check(const struct cs_census *census, char *const *ids, const char *path, bool strict,
	bool warn, struct cs_error *error)
{
	char names[400];

	for (int part = 0; part < CS_SPLIT_COUNT; part++) {
		int lacking = missing(census, part, ids, names, sizeof names);

		if (lacking == 0 || (part != CS_SPLIT_TRAIN && lacking == census->classes))
			continue; /* complete, or a split that is not there at all */
		if (part == CS_SPLIT_TRAIN)
			return cs_fail(error, CS_ERR_FORMAT,
				"'%s' has no training images of %d of its %d classes (%s): add pictures, or remove "
				"these classes "
				"from all splits",
				path, lacking, census->classes, names);
		if (strict)
			return cs_fail(error, CS_ERR_FORMAT,
				"the %s split of '%s' has no images of %d of the %d classes (%s): add pictures, or "
				"open it without "
				"strict",
				cs_split_name((enum cs_split_kind)part), path, lacking, census->classes, names);
		if (warn)
			cs_warn("the %s split of '%s' has no images of %d of the %d classes (%s)",
				cs_split_name((enum cs_split_kind)part), path, lacking, census->classes, names);
	}
	return CS_OK;
}
