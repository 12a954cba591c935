/* plot.c: the plot model: ranges, ticks, thinned lines, labels. Drawing is in plot_cairo.c and plot_cells.c. */
#include "figure/plot_internal.h"

#include "core/alloc.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *cs_plot_number(char *text, size_t size, const char *format, int digits, double value)
{
	/* The format is one of a handful of literals with "%.*" in it. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, size, format, digits, value);
#pragma GCC diagnostic pop
	for (char *at = text; *at; at++)
		if (*at == ',')
			*at = '.';
	return text;
}

/* The smallest of 1, 2, 5 times a power of ten that is not below `step`. */
static double round_step(double step)
{
	double power = pow(10, floor(log10(step)));

	for (;; power *= 10) {
		static const double factors[] = {1, 2, 5};

		for (int i = 0; i < 3; i++)
			if (factors[i] * power >= step * (1 - 1e-9))
				return factors[i] * power;
	}
}

static int linear_ticks(double low, double high, double least_step, int most, double *ticks)
{
	double step = round_step((high - low) / most);
	int count = 0;

	if (step < least_step)
		step = least_step;
	for (;; step = round_step(step * 1.5)) {
		double first = ceil(low / step - 1e-9), last = floor(high / step + 1e-9);

		if (!(fabs(first) < 1e15 && fabs(last) < 1e15))
			return 0;
		if (last - first + 1 > most)
			continue;
		for (double k = first; k <= last; k++)
			ticks[count++] = k == 0 ? 0 : k * step;
		return count;
	}
}

static int log_ticks(double low, double high, int most, double *ticks)
{
	int first = (int)ceil(log10(low) - 1e-9), last = (int)floor(log10(high) + 1e-9);
	int stride = 1, count = 0;

	if (last - first >= 1) {
		while ((last - first) / stride + 1 > most)
			stride++;
		for (int k = first; k <= last; k += stride)
			ticks[count++] = pow(10, k);
		return count;
	}
	/* Within a decade or so: 1, 2, 5 times powers of ten, else plain round numbers. */
	for (int k = first - 2; k <= last + 1; k++) {
		static const double factors[] = {1, 2, 5};

		for (int i = 0; i < 3 && count < most; i++) {
			double tick = factors[i] * pow(10, k);

			if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9))
				ticks[count++] = tick;
		}
	}
	return count >= 2 ? count : linear_ticks(low, high, 0, most, ticks);
}

int cs_plot_ticks(double low, double high, bool log, int most, double *ticks)
{
	if (!isfinite(low) || !isfinite(high) || !(low < high) || most < 1 || (log && low <= 0))
		return 0;
	return log ? log_ticks(low, high, most, ticks) : linear_ticks(low, high, 0, most, ticks);
}

void cs_plot_tick_text(double tick, double step, char *text, int size)
{
	double magnitude = fabs(tick);
	int digits = 0;

	step = fabs(step);
	if (step > 0 && isfinite(step))
		digits = (int)ceil(-log10(step) - 1e-9);
	digits = digits < 0 ? 0 : digits;
	if (tick != 0 && (magnitude >= 1e6 || digits > 5)) {
		/* As many digits as tell neighbours apart. */
		int exponent = (int)floor(log10(magnitude) + 1e-12);
		int kept = step > 0 ? exponent - (int)floor(log10(step) + 1e-12) : 0;
		double mantissa = tick / pow(10, exponent);
		size_t used;

		cs_plot_number(text, (size_t)size, "%.*f", kept < 0 ? 0 : kept > 15 ? 15 : kept, mantissa);
		used = strlen(text);
		snprintf(text + used, (size_t)size - used, "e%d", exponent);
		return;
	}
	cs_plot_number(text, (size_t)size, "%.*f", digits, tick);
}

static int make_ticks(const double *values, int count, bool log, double (*along)(const struct cs_plot_range *, double),
	const struct cs_plot_range *range, struct cs_plot_tick *ticks)
{
	for (int i = 0; i < count; i++) {
		double step = log ? values[i] : count > 1 ? values[1] - values[0] : values[i];

		/* 5, 10, 20 on a log axis: the digits of the smallest part. */
		ticks[i].at = along(range, values[i]);
		cs_plot_tick_text(values[i], step, ticks[i].text, sizeof ticks[i].text);
	}
	return count;
}

int cs_plot_x_ticks(const struct cs_plot_range *range, int most, struct cs_plot_tick *ticks)
{
	double values[CS_PLOT_TICKS];
	int count;

	most = most > CS_PLOT_TICKS ? CS_PLOT_TICKS : most < 2 ? 2 : most;
	count = linear_ticks(range->x_low, range->x_high, range->whole_x ? 1 : 0, most, values);
	return make_ticks(values, count, false, cs_plot_along_x, range, ticks);
}

int cs_plot_y_ticks(const struct cs_plot_range *range, int most, struct cs_plot_tick *ticks)
{
	double values[CS_PLOT_TICKS];
	int count;

	most = most > CS_PLOT_TICKS ? CS_PLOT_TICKS : most < 2 ? 2 : most;
	count = cs_plot_ticks(range->y_low, range->y_high, range->log_y, most, values);
	return make_ticks(values, count, range->log_y, cs_plot_along_y, range, ticks);
}

double cs_series_x(const struct cs_series *series, long i)
{
	return series->x && series->kind != CS_SERIES_BARS ? series->x[i] : (double)i;
}

bool cs_plot_has_shapes(const struct cs_plot *plot, const struct cs_series *series)
{
	enum { FEW = 16 };

	return series->kind == CS_SERIES_LINE && series->count <= FEW && (plot->series_count > 1 || series->count == 1);
}

int cs_plot_dashes(const struct cs_plot *plot, const struct cs_series *series)
{
	enum { STYLES = 4 };
	int mark = series->mark < 0 ? 0 : series->mark;

	return (plot->few_colours ? mark : mark / CS_SERIES_COLOURS) % STYLES;
}

/* A running minimum and maximum. */
struct extent {
	double low, high;
};

static void widen(struct extent *extent, double x, bool positive)
{
	if (!isfinite(x) || (positive && x <= 0))
		return;
	extent->low = x < extent->low ? x : extent->low;
	extent->high = x > extent->high ? x : extent->high;
}

static struct cs_plot_range cell_ranges(const struct cs_plot *plot)
{
	struct cs_plot_range range = {.x_low = -0.5, .x_high = plot->cell_columns - 0.5, .whole_x = true};
	struct extent y = {DBL_MAX, -DBL_MAX};

	for (long i = 0; i < (long)plot->cell_rows * plot->cell_columns; i++)
		widen(&y, plot->cells[i], false);
	range.empty = plot->cell_rows <= 0 || plot->cell_columns <= 0;
	if (y.low > y.high)
		y = (struct extent){0, 1};
	if (y.low < 0 && strcmp(cs_plot_map(plot)->name, "diverging") == 0) {
		y.high = y.high > -y.low ? y.high : -y.low;
		y.low = -y.high;
	} else if (plot->zero) {
		widen(&y, 0, false);
	}
	if (plot->y_low != 0 || plot->y_high != 0)
		y = (struct extent){plot->y_low, plot->y_high};
	if (!(y.low < y.high))
		y = (struct extent){y.low - 0.5, y.low + 0.5};
	range.y_low = y.low;
	range.y_high = y.high;
	return range;
}

static void widen_by_series(
	const struct cs_series *series, bool log, struct cs_plot_range *range, struct extent *x, struct extent *y)
{
	if (series->kind == CS_SERIES_BARS) {
		range->bars = true;
		range->bar_series++;
		range->slots = series->count > range->slots ? series->count : range->slots;
		if (!log && series->count > 0)
			widen(y, 0, false);
	}
	for (long i = 0; i < series->count; i++) {
		double at = cs_series_x(series, i);

		if (!isfinite(series->y[i]) || (log && series->y[i] <= 0))
			continue;
		widen(x, at, false);
		range->whole_x = range->whole_x && at == floor(at);
		widen(y, series->y[i], log);
		if (series->low)
			widen(y, series->low[i], log);
		if (series->high)
			widen(y, series->high[i], log);
	}
}

/* A little air, so that lines do not run along the frame; never across a 0 that bounds the data. */
static void add_air(struct extent *y, bool log, bool keep_zero, double share)
{
	double air;

	if (log) {
		double factor = y->low < y->high ? pow(y->high / y->low, share) : 2;

		y->low /= factor;
		y->high *= factor;
		return;
	}
	air = y->low < y->high ? share * (y->high - y->low) : y->low != 0 ? 0.1 * fabs(y->low) : 0.5;
	if (!(keep_zero && y->low == 0))
		y->low -= air;
	if (!(keep_zero && y->high == 0) || y->high <= y->low)
		y->high += air;
}

struct cs_plot_range cs_plot_ranges(const struct cs_plot *plot)
{
	struct cs_plot_range range = {.log_y = plot->log_y, .whole_x = true};
	struct extent x = {DBL_MAX, -DBL_MAX}, y = {DBL_MAX, -DBL_MAX};

	if (plot->cells)
		return cell_ranges(plot);
	for (int i = 0; i < plot->series_count; i++)
		widen_by_series(&plot->series[i], plot->log_y, &range, &x, &y);
	if (plot->categories && plot->series_count > 0)
		range.names = plot->series[0].count < range.slots ? plot->series[0].count : range.slots;
	if (x.low > x.high) {
		range.empty = true;
		x = (struct extent){0, 1};
		y = plot->log_y ? (struct extent){1, 10} : (struct extent){0, 1};
	} else {
		if (plot->zero && !plot->log_y)
			widen(&y, 0, false);
		/* Numbers stand on bars. */
		add_air(&y, plot->log_y, range.bars || plot->zero, range.bars ? 0.1 : 0.04);
	}
	if (range.bars) {
		x.low = x.low < -0.5 ? x.low : -0.5;
		x.high = x.high > (double)range.slots - 0.5 ? x.high : (double)range.slots - 0.5;
	} else if (!(x.low < x.high)) {
		x = (struct extent){x.low - 0.5, x.low + 0.5};
	}
	if (plot->x_low < plot->x_high)
		x = (struct extent){plot->x_low, plot->x_high};
	if (plot->y_low < plot->y_high && !(plot->log_y && plot->y_low <= 0))
		y = (struct extent){plot->y_low, plot->y_high};
	range.x_low = x.low;
	range.x_high = x.high;
	range.y_low = y.low;
	range.y_high = y.high;
	return range;
}

double cs_plot_along_x(const struct cs_plot_range *range, double x)
{
	return isfinite(x) ? (x - range->x_low) / (range->x_high - range->x_low) : NAN;
}

double cs_plot_along_y(const struct cs_plot_range *range, double y)
{
	if (!isfinite(y) || (range->log_y && y <= 0))
		return NAN;
	if (range->log_y)
		return log(y / range->y_low) / log(range->y_high / range->y_low);
	return (y - range->y_low) / (range->y_high - range->y_low);
}

/* The points of one piece of line that fall into one pixel column, in the order they came. */
struct column {
	struct cs_plot_point first, low, high, last;
	size_t low_at, high_at, points;
};

static size_t flush_column(const struct column *column, struct cs_plot_point *to)
{
	size_t count = 0;
	bool low_first = column->low_at < column->high_at;

	if (column->points == 0)
		return 0;
	to[count++] = column->first;
	if (column->points > 2) {
		to[count] = low_first ? column->low : column->high;
		to[count++].move = false;
		to[count] = low_first ? column->high : column->low;
		to[count++].move = false;
	}
	if (column->points > 1) {
		to[count] = column->last;
		to[count++].move = false;
	}
	return count;
}

enum cs_status cs_plot_path(const struct cs_series *series, const double *y, const struct cs_plot_range *range,
	int columns, struct cs_plot_point **points, size_t *count, struct cs_error *error)
{
	struct cs_plot_point *path;
	struct column column = {.points = 0};
	double current = NAN;
	size_t used = 0;
	bool move = true;

	/* Three points in a column may become four. */
	path = cs_alloc(((size_t)series->count + (size_t)series->count / 3 + 4) * sizeof *path);
	if (!path)
		return cs_fail_memory(error, "a plot");
	for (long i = 0; i < series->count; i++) {
		struct cs_plot_point point = {
			cs_plot_along_x(range, cs_series_x(series, i)), cs_plot_along_y(range, y[i]), move};
		double at = floor(point.x * columns);

		if (isnan(point.x) || isnan(point.y)) {
			used += flush_column(&column, path + used);
			column.points = 0;
			move = true;
			continue;
		}
		move = false;
		if (column.points == 0 || at != current) {
			used += flush_column(&column, path + used);
			current = at;
			column = (struct column){
				.first = point, .low = point, .high = point, .last = point, .points = 1};
			continue;
		}
		column.points++;
		column.last = point;
		if (point.y < column.low.y) {
			column.low = point;
			column.low_at = column.points;
		}
		if (point.y > column.high.y) {
			column.high = point;
			column.high_at = column.points;
		}
	}
	used += flush_column(&column, path + used);
	*points = path;
	*count = used;
	return CS_OK;
}

long cs_series_last(const struct cs_series *series, const struct cs_plot_range *range)
{
	for (long i = series->count - 1; i >= 0; i--)
		if (!isnan(cs_plot_along_y(range, series->y[i])) && isfinite(cs_series_x(series, i)))
			return i;
	return -1;
}

const char *cs_plot_label(const struct cs_series *series, const struct cs_plot_range *range, char *text, size_t size)
{
	long last = cs_series_last(series, range);
	char number[32] = "";

	if (series->kind == CS_SERIES_LINE && last >= 0) {
		double value = series->y[last];
		double magnitude = fabs(value);
		int digits = magnitude >= 99.95 ? 0 : magnitude >= 9.995 ? 1 : magnitude >= 0.9995 ? 2 : 3;

		if (magnitude < 1e6 && (magnitude >= 1e-3 || magnitude == 0))
			cs_plot_number(number, sizeof number, "%.*f", magnitude == 0 ? 0 : digits, value);
		else
			cs_plot_number(number, sizeof number, "%.*e", 1, value);
	}
	snprintf(text, size, "%s%s%s", series->name ? series->name : "", series->name && number[0] ? " " : "", number);
	return text;
}

void cs_plot_spread(double *y, int count, double gap, double low, double high)
{
	int order[CS_PLOT_LABELS];

	count = count > CS_PLOT_LABELS ? CS_PLOT_LABELS : count;
	for (int i = 0; i < count; i++) {
		int k = i;

		for (; k > 0 && y[order[k - 1]] > y[i]; k--)
			order[k] = order[k - 1];
		order[k] = i;
	}
	for (int i = 0; i < count; i++) {
		double least = i ? y[order[i - 1]] + gap : low;

		if (y[order[i]] < least)
			y[order[i]] = least;
	}
	for (int i = count - 1; i >= 0; i--) {
		double most = i < count - 1 ? y[order[i + 1]] - gap : high;

		if (y[order[i]] > most)
			y[order[i]] = most;
	}
}

const struct cs_colormap *cs_plot_map(const struct cs_plot *plot)
{
	return plot->map ? plot->map : cs_colormap_find("heat");
}
