/* inspect.c: what a list of runs shows of one, from its small text files alone. See run.h.
 *
 * config.json says what was asked, summary.json how it ended, history.csv how far it came (its rows are epochs), the lock
 * whether somebody is at it. No HDF5 is opened: a list of a thousand runs must not wait.
 */
#include "run/run_internal.h"

#include "core/alloc.h"
#include "io/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_CSV = 16 << 20 };

/* Columns of history.csv that matter here. */
enum { EPOCH, VAL_ACCURACY = 4, COLUMNS = 5 };

static double modified(const char *directory, const char *name)
{
	char *path = cs_file_join(directory, name);
	struct stat info;
	double time = -1;

	if (path && !stat(path, &info))
		time = (double)info.st_mtim.tv_sec + 1e-9 * (double)info.st_mtim.tv_nsec;
	cs_free(path);
	return time;
}

/* The first columns of a line; an empty field is NaN. False for the header, a torn line and one that is of no epoch. */
static bool read_line(const char *line, double row[COLUMNS])
{
	for (int k = 0; k < COLUMNS; k++) {
		char *end;

		row[k] = *line == ',' ? NAN : strtod(line, &end);
		if (*line != ',') {
			if (end == line || *end != ',')
				return false;
			line = end;
		}
		line++;
	}
	return row[EPOCH] >= 0 && row[EPOCH] < 1e15;
}

static void read_history(const char *directory, struct cs_run_state *state)
{
	char *path = cs_file_join(directory, "history.csv"), *bytes = NULL;
	size_t size;

	if (path && !cs_file_read_regular(path, MAX_CSV, &bytes, &size, NULL)) {
		for (char *line = bytes, *end; (end = strchr(line, '\n')); line = end + 1) {
			double row[COLUMNS];

			*end = '\0';
			if (!read_line(line, row))
				continue;
			state->epoch = (int64_t)row[EPOCH] + 1;
			if (row[VAL_ACCURACY] > state->best_val_accuracy || isnan(state->best_val_accuracy)) {
				state->best_val_accuracy = row[VAL_ACCURACY];
				if (!isnan(row[VAL_ACCURACY]))
					state->best_epoch = (int64_t)row[EPOCH];
			}
		}
	}
	cs_free(bytes);
	cs_free(path);
}

enum cs_status cs_run_inspect(const char *directory, struct cs_run_state *state, struct cs_error *error)
{
	static const char *const touched[] = {"config.json", "history.csv", "points.csv", "last.hdf5", "summary.json"};
	json_t *config = cs_run_read_json(directory, "config.json"), *summary = NULL, *facts;
	struct cs_run_state found = {.best_epoch = -1, .best_val_accuracy = NAN};
	const char *text;

	for (size_t i = 0; i < sizeof touched / sizeof *touched; i++) {
		double time = modified(directory, touched[i]);

		if (time > found.modified)
			found.modified = time;
	}
	if (!config && modified(directory, "last.hdf5") < 0 && modified(directory, "summary.json") < 0)
		return cs_fail(error, CS_ERR_NOT_FOUND,
			"'%s' is no run: it has no config.json, summary.json or last.hdf5", directory);
	facts = json_object_get(config, "run");
	snprintf(found.path, sizeof found.path, "%s", directory);
	text = json_string_value(json_object_get(facts, "network"));
	snprintf(found.model, sizeof found.model, "%.63s", text ? text : "");
	text = json_string_value(json_object_get(facts, "dataset"));
	snprintf(found.dataset, sizeof found.dataset, "%.255s", text ? text : "");
	found.epochs = json_integer_value(json_object_get(facts, "epochs"));
	read_history(directory, &found);
	found.alive = cs_run_alive(directory);
	if (!found.alive) {
		summary = cs_run_read_json(directory, "summary.json");
		found.finished = json_is_true(json_object_get(summary, "finished"));
		/* The summary knows the best by its ties and without a validation split. */
		if (json_is_integer(json_object_get(summary, "best_epoch")))
			found.best_epoch = json_integer_value(json_object_get(summary, "best_epoch"));
	}
	json_decref(summary);
	json_decref(config);
	*state = found;
	return CS_OK;
}
