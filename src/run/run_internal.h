/* run_internal.h: what the files of the run room share. */
#ifndef CS_RUN_RUN_INTERNAL_H
#define CS_RUN_RUN_INTERNAL_H

#include "core/clock.h"
#include "run/run.h"

#include <jansson.h>

/* --- signals.c --- */

/* The signal that asked for a stop, 0 when none did; clearing forgets it. */
int cs_run_stop_signal(void);
void cs_run_clear_stop(void);

/* --- directory.c: the files of a run --- */

struct cs_run_directory {
	char *path;
	int lock; /* descriptor that holds the lock, -1: none */
	void *log; /* FILE of log.txt */
};

/* Make or take over a directory and lock it. With `resume` it may hold a run; else CS_ERR_EXISTS unless `overwrite`, and then what
 * the old run left is removed. */
enum cs_status cs_run_directory_open(
	struct cs_run_directory *directory, const char *path, bool resume, bool overwrite, struct cs_error *error);
void cs_run_directory_close(struct cs_run_directory *directory);

/* "path/name", to be freed; NULL without memory or directory. */
char *cs_run_file(const struct cs_run_directory *directory, const char *name);

/* A line with date and time into log.txt, and to cs_log. Nothing without a directory but the latter. */
void cs_run_log(struct cs_run_directory *directory, bool warning, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Is a process training into this directory? Takes no lock itself, so that lists cannot get into a run's way. */
bool cs_run_alive(const char *directory);

/* config.json: the caller's JSON object (may be NULL) with our own facts under "run" (taken). */
enum cs_status cs_run_write_config(
	const struct cs_run_directory *directory, const char *config, json_t *facts, struct cs_error *error);

enum cs_status cs_run_write_summary(const struct cs_run_directory *directory, const struct cs_run_summary *summary,
	bool finished, struct cs_error *error);
enum cs_status cs_run_read_summary(const char *directory, struct cs_run_summary *summary, struct cs_error *error);

/* A JSON file of at most 4 MB; NULL where it is missing or broken. */
json_t *cs_run_read_json(const char *directory, const char *name);

const char *cs_run_end_name(enum cs_run_end end);

/* --- evaluate.c --- */

struct cs_evaluation {
	const struct cs_model *model;
	const struct cs_dataset *data;
	const int64_t *images;
	int64_t count;
	struct cs_trace *trace;
	struct cs_augment augment;
	uint64_t seed;
	int threads;
	struct cs_job *job;
	float *scores;
	/* Asked after each batch; false ends it with CS_ERR_CANCELLED. May be NULL. */
	bool (*go_on)(void *context, int64_t done, int64_t batches);
	void *context;
};
enum cs_status cs_evaluate(const struct cs_evaluation *evaluation, struct cs_loss *loss, struct cs_error *error);

/* Do these images fit this network? CS_ERR_SHAPE naming both. */
enum cs_status cs_run_check_fit(
	const struct cs_network *network, const struct cs_dataset *data, struct cs_error *error);

/* --- health.c: networks that cannot learn --- */

struct cs_health {
	int silent; /* checks in a row that found the same silent layer */
	int layer; /* that layer */
	bool warned;
};

/* After a training forward pass at `step`: has a layer gone silent for good? Returns it, once; else -1. */
int cs_health_check(struct cs_health *health, const struct cs_trace *trace, int64_t step);

/* --- speed.c: how fast, how long yet --- */

struct cs_speed {
	double time[64];
	int64_t images[64];
	int count, next;
};

/* `now`: seconds of training so far, without validation, whose time is estimated by itself. */
void cs_speed_add(struct cs_speed *speed, double now, int64_t images);

/* Images a second over about the last `seconds`, 63 at most; 0: unknown. What is shown is of the last CS_SPEED_NOW; what the end is
 * estimated from is steadier. */
enum { CS_SPEED_NOW = 10, CS_SPEED_STEADY = 60 };
double cs_speed_rate(const struct cs_speed *speed, double seconds);

#endif
