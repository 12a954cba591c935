/* curves.h: the learning curves of one run or of several as lines: smoothed, or those that differ by their seed alone as their mean and a
 * band.
 *
 * x is the number of epochs done, those of the trainings included that a run went on from, where their record is there. Until two epochs are, the
 * points within them are the curve.
 */
#ifndef CS_RUN_CURVES_H
#define CS_RUN_CURVES_H

#include "model/history.h"

enum cs_quantity { CS_QUANTITY_ACCURACY, CS_QUANTITY_LOSS, CS_QUANTITIES };

enum { CS_CURVE_RUNS = 24 };

/* What is known of a run, and how it is called. */
struct cs_curve_run {
	char name[64];
	const struct cs_curves *curves; /* NULL: nothing read yet */
	const struct cs_curves *before; /* cs_history_read_before(); NULL: nothing */
	uint64_t kind; /* cs_run_kind() */
};

struct cs_line {
	char name[80];
	double *x, *y, *low, *high; /* [count]; low and high NULL: no band */
	long count;
};

struct cs_lines {
	struct cs_line *lines;
	int count;
};

/* How they are to be made. */
struct cs_curve_options {
	enum cs_quantity quantity;
	int smoothing; /* epochs of a running mean; under 2: none */
	bool grouped; /* runs of one kind as mean and band (one standard deviation) */
};

/* One run: training and validation. Several: validation, or where there is none training, a line each. Accuracy is in percent. Errors:
 * CS_ERR_MEMORY. */
enum cs_status cs_curves_lines(const struct cs_curve_run *runs, int count, struct cs_curve_options options,
	struct cs_lines *out, struct cs_error *error);
void cs_lines_fini(struct cs_lines *lines);

/* The value of a line at x (that of the nearest point); NaN where it has none. */
double cs_line_at(const struct cs_line *line, double x);

/* What the config.json of a run asked for but for seeds, as a number: runs that share it differ by their seed alone. 0: unknown. */
uint64_t cs_run_kind(const char *directory);

#endif
