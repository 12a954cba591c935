/* curves.c: see curves.h. */
#include "run/curves.h"

#include "core/alloc.h"
#include "core/hash.h"
#include "io/file.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static struct cs_line *add_line(struct cs_lines *lines, long room, const char *name)
{
	struct cs_line *line = &lines->lines[lines->count];

	*line = (struct cs_line){0};
	snprintf(line->name, sizeof line->name, "%s", name);
	line->x = cs_alloc((size_t)(room + 1) * sizeof *line->x);
	line->y = cs_alloc((size_t)(room + 1) * sizeof *line->y);
	if (!line->x || !line->y) {
		cs_free(line->x);
		cs_free(line->y);
		return NULL;
	}
	lines->count++;
	return line;
}

static void add_point(struct cs_line *line, double x, double y)
{
	line->x[line->count] = x;
	line->y[line->count++] = y;
}

static double train_of(const struct cs_epoch *epoch, enum cs_quantity quantity)
{
	return quantity == CS_QUANTITY_LOSS ? epoch->train_loss : 100 * epoch->train_accuracy;
}

static double val_of(const struct cs_epoch *epoch, enum cs_quantity quantity)
{
	return quantity == CS_QUANTITY_LOSS ? epoch->val_loss : 100 * epoch->val_accuracy;
}

static double point_of(const struct cs_point *point, enum cs_quantity quantity)
{
	return quantity == CS_QUANTITY_LOSS ? point->loss : 100 * point->accuracy;
}

static const struct cs_curves none;

static const struct cs_curves *before_of(const struct cs_curve_run *run)
{
	return run->before ? run->before : &none;
}

/* The most points that a line of this run can have. */
static long room_of(const struct cs_curve_run *run)
{
	return before_of(run)->epoch_count + run->curves->epoch_count + run->curves->point_count + 1;
}

static void fill_train(struct cs_line *line, const struct cs_curve_run *run, enum cs_quantity quantity)
{
	const struct cs_curves *before = before_of(run), *from = run->curves;
	double past = (double)before->epoch_count, last;
	bool few = before->epoch_count + from->epoch_count < 2 && from->point_count > 0;

	for (int64_t i = 0; i < before->epoch_count; i++)
		add_point(line, (double)i + 1, train_of(&before->epochs[i], quantity));
	for (int64_t i = 0; i < from->point_count && few; i++)
		add_point(line, past + from->points[i].epoch, point_of(&from->points[i], quantity));
	for (int64_t i = 0; i < from->epoch_count && !few; i++)
		add_point(line, past + from->epochs[i].epoch + 1, train_of(&from->epochs[i], quantity));
	last = from->point_count ? from->points[from->point_count - 1].epoch : 0;
	if (!few && from->point_count && last > (double)from->epoch_count)
		add_point(line, past + last, point_of(&from->points[from->point_count - 1], quantity));
}

static void fill_val(struct cs_line *line, const struct cs_curve_run *run, enum cs_quantity quantity)
{
	const struct cs_curves *before = before_of(run), *from = run->curves;

	for (int64_t i = 0; i < before->epoch_count; i++)
		add_point(line, (double)i + 1, val_of(&before->epochs[i], quantity));
	for (int64_t i = 0; i < from->epoch_count; i++)
		add_point(line, (double)before->epoch_count + from->epochs[i].epoch + 1,
			val_of(&from->epochs[i], quantity));
}

static bool has_val(const struct cs_curve_run *run, enum cs_quantity quantity)
{
	const struct cs_curves *parts[] = {before_of(run), run->curves};

	for (int k = 0; k < 2; k++) {
		for (int64_t i = 0; i < parts[k]->epoch_count; i++) {
			if (!isnan(val_of(&parts[k]->epochs[i], quantity)))
				return true;
		}
	}
	return false;
}

/* A running mean over `window` points around each, fewer at the ends; NaN is left out. */
static bool smooth(struct cs_line *line, int window)
{
	double *out = cs_alloc((size_t)(line->count + 1) * sizeof *out), sum = 0;
	long half = window / 2, low = 0, high = 0, counted = 0;

	if (!out)
		return false;
	for (long i = 0; i < line->count; i++) {
		for (; high < line->count && high <= i + half; high++) {
			if (!isnan(line->y[high])) {
				sum += line->y[high];
				counted++;
			}
		}
		for (; low < i - half; low++) {
			if (!isnan(line->y[low])) {
				sum -= line->y[low];
				counted--;
			}
		}
		out[i] = isnan(line->y[i]) || counted == 0 ? NAN : sum / (double)counted;
	}
	cs_free(line->y);
	line->y = out;
	return true;
}

/* One run, both lines. */
static bool make_single(const struct cs_curve_run *run, enum cs_quantity quantity, struct cs_lines *out)
{
	struct cs_line *line = add_line(out, room_of(run), "train");

	if (!line)
		return false;
	fill_train(line, run, quantity);
	if (!has_val(run, quantity))
		return true;
	line = add_line(out, room_of(run), "val");
	if (line)
		fill_val(line, run, quantity);
	return line != NULL;
}

static bool make_one_of_many(const struct cs_curve_run *run, enum cs_quantity quantity, struct cs_lines *out)
{
	struct cs_line *line = add_line(out, room_of(run), run->name);

	if (!line)
		return false;
	if (has_val(run, quantity))
		fill_val(line, run, quantity);
	else
		fill_train(line, run, quantity);
	return true;
}

/* Runs of one kind, epoch by epoch: mean and standard deviation over those that came so far. */
static bool make_group(
	const struct cs_curve_run *runs, int count, int first, enum cs_quantity quantity, struct cs_lines *out)
{
	uint64_t kind = runs[first].kind;
	char name[sizeof out->lines->name];
	struct cs_line *line;
	int64_t longest = 0;
	int members = 0;

	for (int i = first; i < count; i++) {
		if (runs[i].curves && runs[i].kind == kind) {
			members++;
			longest = runs[i].curves->epoch_count > longest ? runs[i].curves->epoch_count : longest;
		}
	}
	snprintf(name, sizeof name, "%.60s ×%d", runs[first].name, members);
	line = add_line(out, longest, name);
	if (!line)
		return false;
	line->low = cs_alloc((size_t)(longest + 1) * sizeof *line->low);
	line->high = cs_alloc((size_t)(longest + 1) * sizeof *line->high);
	if (!line->low || !line->high)
		return false;
	for (int64_t epoch = 0; epoch < longest; epoch++) {
		double sum = 0, squares = 0, mean, deviation;
		int seen = 0;

		for (int i = first; i < count; i++) {
			const struct cs_curves *at = runs[i].curves;
			double y;

			if (!at || runs[i].kind != kind || epoch >= at->epoch_count)
				continue;
			y = val_of(&at->epochs[epoch], quantity);
			if (isnan(y))
				y = train_of(&at->epochs[epoch], quantity);
			if (isnan(y))
				continue;
			sum += y;
			squares += y * y;
			seen++;
		}
		mean = seen ? sum / seen : NAN;
		deviation = seen > 1 ? sqrt(fmax(0, (squares - sum * mean) / (seen - 1))) : 0;
		line->low[line->count] = mean - deviation;
		line->high[line->count] = mean + deviation;
		add_point(line, (double)epoch + 1, mean);
	}
	return true;
}

static bool seen_before(const struct cs_curve_run *runs, int i)
{
	for (int k = 0; k < i; k++) {
		if (runs[k].curves && runs[k].kind == runs[i].kind)
			return true;
	}
	return false;
}

static bool has_siblings(const struct cs_curve_run *runs, int count, int i)
{
	for (int k = 0; k < count && runs[i].kind; k++) {
		if (k != i && runs[k].curves && runs[k].kind == runs[i].kind)
			return true;
	}
	return false;
}

enum cs_status cs_curves_lines(const struct cs_curve_run *runs, int count, struct cs_curve_options options,
	struct cs_lines *out, struct cs_error *error)
{
	struct cs_lines lines = {.lines = cs_calloc((size_t)(2 * count + 2), sizeof *lines.lines)};
	bool good = lines.lines != NULL;

	if (good && count == 1 && runs[0].curves) {
		good = make_single(&runs[0], options.quantity, &lines);
	} else {
		for (int i = 0; i < count && good; i++) {
			if (!runs[i].curves)
				continue;
			if (!options.grouped || !has_siblings(runs, count, i))
				good = make_one_of_many(&runs[i], options.quantity, &lines);
			else if (!seen_before(runs, i))
				good = make_group(runs, count, i, options.quantity, &lines);
		}
	}
	for (int i = 0; i < lines.count && options.smoothing > 1 && good; i++)
		good = smooth(&lines.lines[i], options.smoothing);
	if (!good) {
		cs_lines_fini(&lines);
		return cs_fail_memory(error, "learning curves");
	}
	*out = lines;
	return CS_OK;
}

void cs_lines_fini(struct cs_lines *lines)
{
	for (int i = 0; i < lines->count; i++) {
		cs_free(lines->lines[i].x);
		cs_free(lines->lines[i].y);
		cs_free(lines->lines[i].low);
		cs_free(lines->lines[i].high);
	}
	cs_free(lines->lines);
	*lines = (struct cs_lines){0};
}

double cs_line_at(const struct cs_line *line, double x)
{
	long best = -1;

	for (long i = 0; i < line->count; i++) {
		if (!isnan(line->y[i]) && (best < 0 || fabs(line->x[i] - x) < fabs(line->x[best] - x)))
			best = i;
	}
	return best < 0 ? NAN : line->y[best];
}

/* Of what a JSON value says: members in any order, but for those that are another in every run. */
static uint64_t said_by(const json_t *value)
{
	uint64_t hash = cs_hash_bytes(CS_HASH_BEGIN, (unsigned char[]){(unsigned char)json_typeof(value)}, 1);

	switch (json_typeof(value)) {
	case JSON_OBJECT: {
		const char *key;
		json_t *member;

		json_object_foreach((json_t *)value, key, member)
		{
			uint64_t of[2] = {cs_hash_bytes(CS_HASH_BEGIN, key, strlen(key)), said_by(member)};

			if (strcmp(key, "seed") != 0 && strcmp(key, "begun") != 0)
				hash += cs_hash_bytes(CS_HASH_BEGIN, of, sizeof of);
		}
		return hash;
	}
	case JSON_ARRAY:
		for (size_t i = 0; i < json_array_size(value); i++) {
			uint64_t of = said_by(json_array_get(value, i));

			hash = cs_hash_bytes(hash, &of, sizeof of);
		}
		return hash;
	case JSON_STRING:
		return cs_hash_bytes(hash, json_string_value(value), json_string_length(value));
	case JSON_INTEGER:
	case JSON_REAL: {
		double number = json_number_value(value);

		return cs_hash_bytes(hash, &number, sizeof number);
	}
	default:
		return hash;
	}
}

uint64_t cs_run_kind(const char *directory)
{
	char *path = cs_file_join(directory, "config.json"), *text = NULL;
	json_t *config = NULL;
	uint64_t hash = 0;
	size_t size;

	if (path && !cs_file_read_regular(path, 1 << 20, &text, &size, NULL))
		config = json_loadb(text, size, 0, NULL);
	if (config) {
		hash = said_by(config);
		hash += hash == 0;
	}
	json_decref(config);
	cs_free(text);
	cs_free(path);
	return hash;
}
