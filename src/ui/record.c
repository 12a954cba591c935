/* record.c: see record.h. */
#include "ui/record.h"

#include "core/alloc.h"
#include "io/file.h"
#include "ui/analyses.h"
#include "ui/grid.h"
#include "ui/lens.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct cs_record {
	char *path;
	char *text; /* the script so far */
	size_t length, room;
	char *target, *spec; /* of the model and the images that the script has open; NULL: none */
	int rule;
	enum cs_signal signal;
	bool shared;
	bool failed; /* writing did not work: said once */
};

static void append(struct cs_record *record, const char *text)
{
	size_t length = strlen(text);

	if (record->length + length + 1 > record->room) {
		size_t room = 2 * (record->length + length + 1);
		char *larger = cs_realloc(record->text, room, 1);

		if (!larger)
			return;
		record->text = larger;
		record->room = room;
	}
	memcpy(record->text + record->length, text, length + 1);
	record->length += length;
}

static void addf(struct cs_record *record, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void addf(struct cs_record *record, const char *format, ...)
{
	char *line = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&line, format, args) < 0)
		line = NULL;
	va_end(args);
	if (line)
		append(record, line);
	free(line);
}

static void write_down(struct cs_session *session)
{
	struct cs_record *record = session->record;
	struct cs_error error;

	if (!record->failed && cs_file_write(record->path, record->text, record->length, &error)) {
		record->failed = true;
		cs_session_complain(session, &error);
	}
}

const char *cs_record_quote(const char *from, char *text, size_t size)
{
	size_t used = 0;

	text[used++] = '"';
	for (; *from && used + 6 < size; from++) {
		unsigned char byte = (unsigned char)*from;

		if (byte == '"' || byte == '\\')
			text[used++] = '\\';
		if (byte < ' ' || byte == 127)
			used += (size_t)snprintf(text + used, size - used, "\\%03d", byte);
		else
			text[used++] = (char)byte;
	}
	text[used++] = '"';
	text[used] = '\0';
	return text;
}

enum cs_status cs_record_start(struct cs_session *session, const char *path, struct cs_error *error)
{
	struct cs_record *record;
	char date[40];
	time_t now = time(NULL);
	enum cs_status status;

	cs_record_stop(session);
	if (cs_file_exists(path))
		return cs_fail(error, CS_ERR_EXISTS, "'%s' is there already; give the script another name", path);
	record = cs_calloc(1, sizeof *record);
	if (record)
		record->path = cs_strdup(path);
	if (!record || !record->path) {
		cs_free(record);
		return cs_fail_memory(error, "a script");
	}
	strftime(date, sizeof date, "%Y-%m-%d %H:%M", localtime(&now));
	addf(record,
		"-- Recorded in the browser of convscope %s on %s. To do it again: convscope run %s\n"
		"local cs = require \"convscope\"\n"
		"local model, data, other, others\n"
		"local rule, signal, shared = \"deconvnet\", \"value\", false\n",
		CS_VERSION, date, path);
	status = record->text ? cs_file_write(path, record->text, record->length, error)
			      : cs_fail_memory(error, "a script");
	session->record = record;
	if (status) {
		record->failed = true;
		cs_record_stop(session);
		return status;
	}
	cs_record_choices(session);
	return CS_OK;
}

void cs_record_stop(struct cs_session *session)
{
	struct cs_record *record = session->record;

	if (!record)
		return;
	session->record = NULL;
	if (!record->failed)
		cs_session_say(session, CS_STYLE_GOOD, "recorded %s; convscope run %s does it again", record->path,
			record->path);
	cs_free(record->path);
	cs_free(record->text);
	cs_free(record->target);
	cs_free(record->spec);
	cs_free(record);
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void keep(char **place, const char *text)
{
	cs_free(*place);
	*place = text ? cs_strdup(text) : NULL;
}

/* The model and images of the screen, when the script has others. */
static void bring_up(struct cs_session *session)
{
	struct cs_record *record = session->record;
	const struct cs_opened *opened = session->opened;
	char text[1200];

	if (!cs_session_has_model(session))
		return;
	if (!same(record->target, opened->target)) {
		addf(record, "\nmodel = assert(cs.load(%s))\n", cs_record_quote(opened->target, text, sizeof text));
		keep(&record->target, opened->target);
		keep(&record->spec, NULL);
	}
	if (cs_session_has_images(session) && !same(record->spec, opened->data->spec)) {
		addf(record, "data = assert(cs.dataset(%s, { width = %d, height = %d }))\n",
			cs_record_quote(opened->data->spec, text, sizeof text), opened->data->width,
			opened->data->height);
		keep(&record->spec, opened->data->spec);
	}
}

/* Where `before` and `after` go around a line. */
static void add_line(
	struct cs_session *session, const char *before, const char *after, const char *format, va_list args)
{
	char *line = NULL;

	if (vasprintf(&line, format, args) < 0)
		return;
	bring_up(session);
	addf(session->record, "%s%s%s\n", before, line, after);
	free(line);
	write_down(session);
}

void cs_record_line(struct cs_session *session, const char *format, ...)
{
	va_list args;

	if (!session->record)
		return;
	va_start(args, format);
	add_line(session, "", "", format, args);
	va_end(args);
}

void cs_record_export(struct cs_session *session, const char *format, ...)
{
	va_list args;

	if (!session->record)
		return;
	va_start(args, format);
	add_line(session, "assert(cs.exports.", "))", format, args);
	va_end(args);
}

void cs_record_result(
	struct cs_session *session, const char *analysis, const char *function, const char *stem, const char *rest)
{
	char *path = session->record ? cs_analyses_path(session, analysis) : NULL;
	char quoted_path[1200], quoted_stem[1200];

	if (path)
		cs_record_export(session, "%s(%s, %s%s%s", function,
			cs_record_quote(path, quoted_path, sizeof quoted_path),
			cs_record_quote(stem, quoted_stem, sizeof quoted_stem), *rest ? ", " : "", rest);
	cs_free(path);
}

void cs_record_grid(struct cs_session *session, const char *analysis, const struct cs_grid *grid, const char *stem)
{
	char column[300], rest[400] = "";

	if (grid->sorted >= 0)
		snprintf(rest, sizeof rest, "{ sort = %s%s }",
			cs_record_quote(grid->result->columns[grid->sorted].name, column, sizeof column),
			grid->ascending ? ", ascending = true" : "");
	cs_record_result(session, analysis, "result", stem, rest);
}

void cs_record_choices(struct cs_session *session)
{
	struct cs_record *record = session->record;

	if (!record)
		return;
	if (record->rule != session->rule)
		cs_record_line(session, "rule = \"%s\"", cs_rule_names[session->rule]);
	if (record->signal != session->signal)
		cs_record_line(session, "signal = \"%s\"", session->signal == CS_SIGNAL_VALUE ? "value" : "one");
	if (record->shared != session->shared)
		cs_record_line(session, "shared = %s", session->shared ? "true" : "false");
	record->rule = session->rule;
	record->signal = session->signal;
	record->shared = session->shared;
}

/* "key=value" lines as Lua's table: numbers, true and false as such, as background.lua understands them. */
static void add_options(struct cs_record *record, const char *options)
{
	append(record, "{");
	while (*options) {
		const char *equals = strchr(options, '='), *end = strchr(options, '\n');
		char key[200], value[500], quoted[1100], *rest;

		if (!equals || !end || equals > end)
			break;
		snprintf(key, sizeof key, "%.*s", (int)(equals - options), options);
		snprintf(value, sizeof value, "%.*s", (int)(end - equals - 1), equals + 1);
		addf(record, " [%s] = ", cs_record_quote(key, quoted, sizeof quoted));
		strtod(value, &rest);
		if (value[0] && (*rest == '\0' || strcmp(value, "true") == 0 || strcmp(value, "false") == 0))
			addf(record, "%s,", value);
		else
			addf(record, "%s,", cs_record_quote(value, quoted, sizeof quoted));
		options = end + 1;
	}
	append(record, " }");
}

void cs_record_analysis(struct cs_session *session, const char *name, const char *options, const char *directory)
{
	struct cs_record *record = session->record;
	char quoted[220], path[1200];

	if (!record)
		return;
	bring_up(session);
	cs_record_quote(name, quoted, sizeof quoted);
	addf(record, "do\n  local result = assert(cs.analysis(%s, model, data, ", quoted);
	add_options(record, options);
	addf(record, "))\n  print(result:text(20))\n  assert(result:save(%s, %s))\nend\n",
		cs_record_quote(directory, path, sizeof path), quoted);
	write_down(session);
}

/* An order that the result of the colour analysis gives, which knows the layer by the name of its block. */
static void record_colour_order(struct cs_session *session, const char *layer, const char *channel)
{
	char *path = cs_analyses_path(session, "colour");
	char quoted[1200], name[200];

	if (!path)
		return;
	cs_record_line(session,
		"do -- the features of %s by what they lose without %s\n"
		"  local order = assert(cs.exports.colour_order(%s, %s, \"%s\"))\n"
		"  print(\"%s by %s: \" .. table.concat(order, \" \", 1, math.min(#order, 10)))\n"
		"end",
		layer, channel, cs_record_quote(path, quoted, sizeof quoted), cs_record_quote(layer, name, sizeof name),
		channel, layer, channel);
	cs_free(path);
}

void cs_record_order(struct cs_session *session, int layer, const char *order)
{
	const struct cs_network *network = cs_session_network(session);
	char name[200], by[60];
	const char *block;

	if (!session->record || !cs_session_has_images(session))
		return;
	block = cs_layer_name(network, layer);
	if (strcmp(order, "red") == 0 || strcmp(order, "green") == 0 || strcmp(order, "blue") == 0) {
		record_colour_order(session, block, order);
		return;
	}
	cs_record_quote(network->layers[layer].spec.name, name, sizeof name);
	cs_record_line(session,
		"do -- the features of %s by %s\n"
		"  local order = assert(cs.ranking(model, data.%s:sample(%d, 0), %s, %s))\n"
		"  print(\"%s by %s: \" .. table.concat(order, \" \", 1, math.min(#order, 10)))\n"
		"end",
		block, order, cs_split_name(session->opened->split), CS_SCAN_IMAGES, name,
		cs_record_quote(order, by, sizeof by), block, order);
}

const char *cs_record_image(const struct cs_session *session, int64_t image, char *text, size_t size)
{
	char path[1100];
	const char *file = cs_opened_file(session->opened, image);

	if (file)
		snprintf(text, size, "assert(cs.picture(%s))", cs_record_quote(file, path, sizeof path));
	else
		snprintf(text, size, "data:images(%" PRId64 ", 1)", image);
	return text;
}

static void add_projection(struct cs_session *session, const struct cs_exhibit *exhibit, const char *name,
	const char *image, const char *layer)
{
	const struct cs_tile_key *key = &exhibit->tile->key;
	struct cs_record *record = session->record;

	addf(record, "  sheet:projection(%s, %s, %s, {", name, image, layer);
	if (key->feature >= 0)
		addf(record, " feature = %" PRId64 ",", key->feature);
	if (key->at == CS_AT_POSITION)
		addf(record, " at = { %" PRId64 ", %" PRId64 " },", key->row, key->column);
	else if (key->at == CS_AT_MAP && key->feature >= 0)
		append(record, " at = \"map\",");
	if (key->rule != session->rule)
		addf(record, " rule = \"%s\",", cs_rule_names[key->rule]);
	addf(record, "%s })\n", key->cropped ? " crop = true" : "");
}

static void add_exhibit(struct cs_session *session, const struct cs_exhibit *exhibit)
{
	const struct cs_layer *layers = cs_session_network(session)->layers;
	const struct cs_tile *tile = exhibit->tile;
	struct cs_record *record = session->record;
	char name[200], image[1200], layer[200];

	cs_record_quote(exhibit->name, name, sizeof name);
	if (!tile && exhibit->layer) {
		addf(record, "  sheet:filter(%s, %s, %" PRId64 ")\n", name,
			cs_record_quote(exhibit->layer, layer, sizeof layer), exhibit->filter);
		return;
	}
	if (!tile || tile->status || exhibit->silent) {
		addf(record, "  sheet:skip(%s)\n", name);
		return;
	}
	cs_record_image(session, tile->key.image, image, sizeof image);
	cs_record_quote(layers[tile->key.layer].spec.name, layer, sizeof layer);
	if (tile->key.kind == CS_TILE_IMAGE)
		addf(record, "  sheet:image(%s, %s)\n", name, image);
	else if (tile->key.kind == CS_TILE_PATCH)
		addf(record, "  sheet:patch(%s, %s, %s, %" PRId64 ", %" PRId64 ")\n", name, image, layer, tile->key.row,
			tile->key.column);
	else if (tile->key.kind == CS_TILE_PROJECTION)
		add_projection(session, exhibit, name, image, layer);
	else
		addf(record, "  sheet:skip(%s)\n", name);
}

void cs_record_sheet(
	struct cs_session *session, const struct cs_exhibit *exhibits, int count, int columns, const char *stem)
{
	struct cs_record *record = session->record;
	char text[1200];

	if (!record)
		return;
	cs_record_choices(session);
	bring_up(session);
	addf(record,
		"do\n  local sheet = cs.sheet(model, { columns = %d, rule = rule, signal = signal, shared = shared "
		"})\n",
		columns);
	for (int i = 0; i < count; i++)
		add_exhibit(session, &exhibits[i]);
	addf(record, "  assert(sheet:save(%s))\nend\n", cs_record_quote(stem, text, sizeof text));
	write_down(session);
}
