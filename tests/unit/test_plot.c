/* test_plot.c: ticks, both renderers, and what must not upset them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "figure/plot.h"
#include "io/file.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct cs_error error;

#define OK(call) \
	do { \
		if ((call) != CS_OK) \
			fail_msg("%s", error.message); \
	} while (0)

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void ticks_are_round_inside_and_not_too_many(void **state)
{
	static const double ranges[][2] = {{0, 1}, {-3.7, 12.2}, {0, 50000}, {0.1234, 0.1241}, {-1e-9, 1e-9},
		{1e12, 3e12}, {-1e300, 1e300}, {0, 1e-310}, {99, 101}};

	(void)state;
	for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++)
		for (int most = 1; most <= 12; most++) {
			double ticks[12], step, mantissa;
			int count = cs_plot_ticks(ranges[r][0], ranges[r][1], false, most, ticks);

			assert_in_range(count, 0, most);
			for (int i = 0; i < count; i++) {
				double slack = 1e-6 * (ranges[r][1] - ranges[r][0]);

				assert_true(ticks[i] >= ranges[r][0] - slack && ticks[i] <= ranges[r][1] + slack);
			}
			if (most >= 5)
				assert_true(count >= 2);
			if (count < 2)
				continue;
			step = ticks[1] - ticks[0];
			mantissa = step / pow(10, floor(log10(step) + 1e-9));
			if (step > 1e-300)
				assert_true(fabs(mantissa - 1) < 1e-6 || fabs(mantissa - 2) < 1e-6 ||
					fabs(mantissa - 5) < 1e-6);
		}
}

static void log_ticks_are_powers_of_ten(void **state)
{
	double ticks[8];
	int count = cs_plot_ticks(0.002, 300, true, 8, ticks);

	(void)state;
	assert_int_equal(count, 5);
	for (int i = 0; i < count; i++)
		assert_true(fabs(ticks[i] / pow(10, i - 2) - 1) < 1e-9);
	assert_true(cs_plot_ticks(1e-30, 1e30, true, 6, ticks) <= 6);
	count = cs_plot_ticks(2.1, 2.9, true, 6, ticks); /* within a decade: plain numbers */
	assert_true(count >= 2);
	assert_int_equal(cs_plot_ticks(0, 1, true, 6, ticks), 0);
	assert_int_equal(cs_plot_ticks(NAN, 1, false, 6, ticks), 0);
	assert_int_equal(cs_plot_ticks(1, 1, false, 6, ticks), 0);
}

static void assert_tick(double tick, double step, const char *expected)
{
	char text[32];

	cs_plot_tick_text(tick, step, text, sizeof text);
	assert_string_equal(text, expected);
}

static void ticks_have_the_digits_their_step_needs(void **state)
{
	(void)state;
	assert_tick(0.5, 0.1, "0.5");
	assert_tick(0, 0.05, "0.00");
	assert_tick(20, 10, "20");
	assert_tick(0.1 + 0.2, 0.1, "0.3");
	assert_tick(-1.5, 0.5, "-1.5");
	assert_tick(2500000, 500000, "2.5e6");
	assert_tick(1e-7, 1e-7, "1e-7");
}

static void numbers_have_a_point_in_every_locale(void **state)
{
	(void)state;
	if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "fr_FR.UTF-8")) {
		print_message("no locale with a comma is installed: skipped\n");
		skip();
	}
	assert_tick(0.5, 0.1, "0.5");
	setlocale(LC_ALL, "C");
}

/* Does the picture have a pixel near this colour? */
static bool has_colour(const struct cs_picture *picture, struct cs_rgb colour)
{
	for (int i = 0; i < picture->width * picture->height; i++) {
		const uint8_t *at = picture->rgb + 3 * (size_t)i;

		if (abs(at[0] - colour.r) + abs(at[1] - colour.g) + abs(at[2] - colour.b) < 12)
			return true;
	}
	return false;
}

static void put_utf8(char *to, uint32_t character)
{
	if (character < 0x80)
		sprintf(to, "%c", (int)character);
	else if (character < 0x800)
		sprintf(to, "%c%c", (int)(0xc0 | character >> 6), (int)(0x80 | (character & 63)));
	else
		sprintf(to, "%c%c%c", (int)(0xe0 | character >> 12), (int)(0x80 | (character >> 6 & 63)),
			(int)(0x80 | (character & 63)));
}

/* The cells as lines of text, to be freed. */
static char *as_text(const struct cs_plot *plot, int columns, int rows, bool ascii)
{
	struct cs_cell *cells = cs_calloc((size_t)(columns * rows), sizeof *cells);
	char *text = cs_calloc((size_t)(columns * rows + rows), 4);

	OK(cs_plot_cells(plot, columns, rows, ascii, cells, &error));
	for (int i = 0; i < columns * rows; i++) {
		if (ascii)
			assert_in_range(cells[i].character, 32, 126);
		put_utf8(text + strlen(text), cells[i].character);
		if (i % columns == columns - 1)
			strcat(text, "\n");
	}
	cs_free(cells);
	return text;
}

static void a_line_is_drawn_in_its_colour_and_named_at_its_end(void **state)
{
	static const double y[] = {0, 1, 4, 9, 16, 25};
	struct cs_series series = {CS_SERIES_LINE, "squares", NULL, y, NULL, NULL, 6, cs_series_colour(1), 0};
	struct cs_plot plot = {.title = "Title", .x_label = "n", .series = &series, .series_count = 1, .zero = true};
	struct cs_picture picture;
	char *text = as_text(&plot, 60, 12, false);

	(void)state;
	assert_non_null(strstr(text, "Title"));
	assert_non_null(strstr(text, "squares 25.0"));
	assert_non_null(strstr(text, "20┤"));
	cs_free(text);
	OK(cs_plot_picture(&plot, 400, 240, &picture, &error));
	assert_true(has_colour(&picture, series.colour));
	assert_int_equal(picture.rgb[0], 255);
	cs_picture_fini(&picture);
	plot.dark = true;
	OK(cs_plot_picture(&plot, 400, 240, &picture, &error));
	assert_true(picture.rgb[0] < 60);
	cs_picture_fini(&picture);
}

static void a_legend_takes_as_many_rows_as_it_needs(void **state)
{
	static const double y[] = {0, 1};
	enum { COUNT = 9 };
	struct cs_series series[COUNT];
	struct cs_plot_frame frame[2];
	struct cs_plot plot = {.series = series, .y_low = 0, .y_high = 1};
	struct cs_picture picture;

	(void)state;
	for (int i = 0; i < COUNT; i++)
		series[i] = (struct cs_series){
			CS_SERIES_POINTS, "a convolution", NULL, y, NULL, NULL, 2, {(uint8_t)(10 * i), 20, 90}, 0};
	for (int k = 0; k < 2; k++) {
		plot.series_count = k ? COUNT : 2;
		plot.frame = &frame[k];
		OK(cs_plot_picture(&plot, 480, 360, &picture, &error));
		picture.height = (int)(frame[k].top * 360) - 4; /* above the points */
		for (int i = 0; i < plot.series_count; i++)
			assert_true(has_colour(&picture, series[i].colour));
		cs_picture_fini(&picture);
	}
	assert_true(frame[1].top > frame[0].top + 0.03);
}

/* How many dots of braille, or characters that are `mark`, a plot has. */
static int ink(const struct cs_plot *plot, char mark)
{
	enum { COLUMNS = 40, ROWS = 12 };
	struct cs_cell cells[COLUMNS * ROWS];
	int count = 0;

	OK(cs_plot_cells(plot, COLUMNS, ROWS, mark != 0, cells, &error));
	for (int i = 0; i < COLUMNS * ROWS; i++) {
		if (mark)
			count += cells[i].character == (uint32_t)mark;
		else if (cells[i].character >= 0x2800 && cells[i].character < 0x2900)
			count += __builtin_popcount(cells[i].character & 0xff);
	}
	return count;
}

/* How many pixels of a plot are no grey. */
static int colourful(const struct cs_plot *plot)
{
	struct cs_picture picture;
	int count = 0;

	OK(cs_plot_picture(plot, 400, 240, &picture, &error));
	for (int i = 0; i < picture.width * picture.height; i++)
		count += abs(picture.rgb[3 * i] - picture.rgb[3 * i + 2]) > 60;
	cs_picture_fini(&picture);
	return count;
}

static void lines_are_told_apart_where_colours_repeat_or_are_few(void **state)
{
	enum { COUNT = CS_SERIES_COLOURS + 1, POINTS = 40 };
	double y[COUNT][POINTS];
	struct cs_series series[COUNT];
	struct cs_plot one = {.series_count = 1, .y_low = -1, .y_high = COUNT};
	struct cs_plot two = {.series = series, .series_count = 2, .y_low = -1, .y_high = COUNT};
	int whole, line;

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		for (int k = 0; k < POINTS; k++)
			y[i][k] = i;
		series[i] = (struct cs_series){
			.kind = CS_SERIES_LINE, .y = y[i], .count = POINTS, .colour = cs_series_colour(i), .mark = i};
	}
	assert_memory_equal(&series[0].colour, &series[COUNT - 1].colour, sizeof series[0].colour);
	one.series = &series[0];
	whole = ink(&one, 0);
	line = colourful(&one);
	one.series = &series[1]; /* another colour: unbroken too */
	assert_int_equal(ink(&one, 0), whole);
	one.few_colours = true; /* there are none */
	assert_true(ink(&one, 0) < whole && ink(&one, 0) > whole / 3);
	one.few_colours = false;
	one.series = &series[COUNT - 1]; /* the colour of the first, broken */
	series[COUNT - 1].y = y[0];
	assert_true(ink(&one, 0) < whole && ink(&one, 0) > whole / 3);
	assert_true(colourful(&one) < line && colourful(&one) > line / 3);
	assert_true(ink(&two, '*') > 10);
	assert_true(ink(&two, 'o') > 10);
	for (int i = 0; i < 2; i++) /* of few points, among others: each has a shape */
		series[i].count = 5;
	whole = colourful(&two);
	two.series_count = 1;
	assert_true(whole > 2 * colourful(&two) + 100);
}

static void what_the_numbers_below_are_is_said_in_narrow_plots_too(void **state)
{
	static const double x[] = {0, 0.05, 0.1, 0.2, 0.4}, y[] = {1, 1, 0.9, 0.5, 0.1};
	struct cs_series series = {.kind = CS_SERIES_LINE, .name = "conv1", .x = x, .y = y, .count = 5};
	struct cs_plot plot = {.x_label = "share of the pixels", .series = &series, .series_count = 1};

	(void)state;
	for (int columns = 44; columns <= 100; columns++) {
		char *text = as_text(&plot, columns, 12, columns % 2);

		assert_non_null(strstr(text, "share of the pixels"));
		assert_non_null(strstr(text, "0.4")); /* and the last number is there still */
		cs_free(text);
	}
}

static void a_diagonal_in_cells_is_a_diagonal(void **state)
{
	static const double y[] = {0, 1};
	struct cs_series series = {CS_SERIES_LINE, NULL, NULL, y, NULL, NULL, 2, {255, 0, 0}, 0};
	struct cs_plot plot = {.series = &series, .series_count = 1, .y_low = 0, .y_high = 1};
	char *text = as_text(&plot, 3, 3, true); /* too small for axes: the data alone */

	(void)state;
	assert_string_equal(text, "  *\n * \n*  \n");
	cs_free(text);
	text = as_text(&plot, 2, 1, false);
	assert_string_equal(text, "⡠⠊\n");
	cs_free(text);
}

static void a_nan_leaves_a_gap(void **state)
{
	static const double y[] = {1, 1, NAN, 1, 1};
	struct cs_series series = {CS_SERIES_LINE, NULL, NULL, y, NULL, NULL, 5, {255, 0, 0}, 0};
	struct cs_plot plot = {.series = &series, .series_count = 1};
	char *text = as_text(&plot, 9, 1, true);

	(void)state;
	assert_string_equal(text, "***   ***\n");
	cs_free(text);
}

static void named_bars_lie_with_their_numbers(void **state)
{
	static const double y[] = {0.25, 0.5};
	static const char *const names[] = {"red", "green"};
	struct cs_series series = {CS_SERIES_BARS, "share", NULL, y, NULL, NULL, 2, cs_series_colour(0), 0};
	struct cs_plot plot = {.series = &series, .series_count = 1, .categories = names};
	char *text = as_text(&plot, 40, 6, false);

	(void)state;
	assert_non_null(strstr(text, "red   █"));
	assert_non_null(strstr(text, " 0.25"));
	assert_non_null(strstr(text, "green █"));
	cs_free(text);
	text = as_text(&plot, 40, 6, true);
	assert_non_null(strstr(text, "green *"));
	cs_free(text);
}

static void a_heat_map_shows_its_scale_and_its_nan(void **state)
{
	float cells[] = {0, 1, 2, NAN};
	struct cs_plot plot = {.cells = cells, .cell_rows = 2, .cell_columns = 2, .map = cs_colormap_find("heat")};
	struct cs_picture picture;
	char *text = as_text(&plot, 30, 8, true);

	(void)state;
	assert_non_null(strstr(text, "?"));
	assert_non_null(strstr(text, "@"));
	assert_non_null(strstr(text, " 2 "));
	cs_free(text);
	OK(cs_plot_picture(&plot, 400, 240, &picture, &error));
	assert_true(has_colour(&picture, (struct cs_rgb){255, 0, 255}));
	assert_true(has_colour(&picture, plot.map->at[128]));
	cs_picture_fini(&picture);
}

static void thinning_keeps_every_extreme(void **state)
{
	enum { COUNT = 50000 };
	static double y[COUNT];
	struct cs_series series = {CS_SERIES_LINE, "spiky", NULL, y, NULL, NULL, COUNT, cs_series_colour(0), 0};
	struct cs_plot plot = {.series = &series, .series_count = 1};
	struct cs_cell cells[40];

	(void)state;
	y[31337] = 1;
	OK(cs_plot_cells(&plot, 10, 4, true, cells, &error)); /* no axes at this size */
	assert_int_equal(cells[31337 * 10 / COUNT].character, '*');
}

static void fifty_thousand_points_take_milliseconds(void **state)
{
	enum { COUNT = 50000 };
	static double y[COUNT], low[COUNT], high[COUNT];
	struct cs_series series[2] = {{CS_SERIES_LINE, "a", NULL, y, low, high, COUNT, cs_series_colour(0), 0},
		{CS_SERIES_POINTS, "b", NULL, y, NULL, NULL, COUNT, cs_series_colour(1), 0}};
	struct cs_plot plot = {.series = series, .series_count = 1};
	static struct cs_cell cells[80 * 24];
	struct cs_picture picture;
	double from, picture_time = 1e9, points_time = 1e9, cells_time = 1e9;

	(void)state;
	srand(1);
	for (int i = 0; i < COUNT; i++) {
		y[i] = exp(-i / 10000.0) + 0.1 * rand() / (double)RAND_MAX;
		low[i] = y[i] - 0.1;
		high[i] = y[i] + 0.1;
	}
	for (int round = 0; round < 5; round++) {
		from = seconds();
		OK(cs_plot_picture(&plot, 800, 480, &picture, &error));
		picture_time = fmin(picture_time, seconds() - from);
		cs_picture_fini(&picture);
		from = seconds();
		OK(cs_plot_cells(&plot, 80, 24, false, cells, &error));
		cells_time = fmin(cells_time, seconds() - from);
		plot.series = series + 1;
		from = seconds();
		OK(cs_plot_picture(&plot, 800, 480, &picture, &error));
		points_time = fmin(points_time, seconds() - from);
		cs_picture_fini(&picture);
		plot.series = series;
	}
	print_message("50,000 points: line and band %.1f ms, dots %.1f ms, cells %.1f ms\n", 1e3 * picture_time,
		1e3 * points_time, 1e3 * cells_time);
	/* Generous: sanitizers and busy machines. */
	assert_true(picture_time < 0.5 && points_time < 0.5 && cells_time < 0.3);
}

static void nothing_upsets_a_plot(void **state)
{
	static const double odd[][4] = {{NAN, NAN, NAN, NAN}, {INFINITY, -INFINITY, 0, 1}, {5, 5, 5, 5}, {-1, -2, 0, 3},
		{1e308, -1e308, 0, 0}, {0, 0, 0, 0}, {1e-320, 2e-320, 0, 0}, {1e20, 1.0000000000000002e20, 1e20, 1e20}};
	static const int sizes[][2] = {{1, 1}, {2, 5}, {20, 5}, {5, 20}, {33, 7}, {80, 24}, {300, 3}};
	static const char *const names[] = {"a", "b", "a very long name indeed", ""};
	static struct cs_cell cells[80 * 24];

	(void)state;
	for (size_t o = 0; o < sizeof odd / sizeof *odd; o++)
		for (int variant = 0; variant < 16; variant++)
			for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
				struct cs_series series[2] = {{(enum cs_series_kind)(variant % 3), "one", NULL, odd[o],
								      odd[o], odd[o], 4, {9, 9, 9}, 1},
					{CS_SERIES_LINE, "two", odd[o], odd[0], NULL, NULL, variant & 4 ? 4 : 0,
						{9, 9, 9}, 0}};
				struct cs_plot plot = {.title = "t",
					.x_label = "x",
					.y_label = "y",
					.series = series,
					.series_count = 2,
					.log_y = variant & 8,
					.zero = variant & 4,
					.categories = variant & 2 ? names : NULL};
				struct cs_picture picture = {0};

				OK(cs_plot_cells(&plot, sizes[s][0], sizes[s][1], variant & 1, cells, &error));
				OK(cs_plot_picture(&plot, sizes[s][0] * 4, sizes[s][1] * 4, &picture, &error));
				cs_picture_fini(&picture);
			}
	{
		struct cs_plot empty = {0};
		struct cs_picture picture = {0};
		char *text = as_text(&empty, 40, 10, false);

		assert_non_null(strstr(text, "no data"));
		cs_free(text);
		OK(cs_plot_picture(&empty, 100, 100, &picture, &error));
		cs_picture_fini(&picture);
		assert_int_equal(cs_plot_picture(&empty, 0, 10, &picture, &error), CS_ERR_ARGUMENT);
		assert_int_equal(cs_plot_cells(&empty, 0, 10, false, cells, &error), CS_ERR_ARGUMENT);
	}
}

static void names_are_as_many_as_the_first_series_has(void **state)
{
	static const double y[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
	static const char *const names[] = {"a", "b"}; /* a third would be read past the end */
	struct cs_series series[2] = {{CS_SERIES_BARS, "few", NULL, y, NULL, NULL, 2, {0, 0, 200}, 0},
		{CS_SERIES_BARS, "many", NULL, y, NULL, NULL, 9, {200, 0, 0}, 0}};
	struct cs_plot plot = {.series = series, .series_count = 2, .categories = names};
	struct cs_picture picture;
	char *text = as_text(&plot, 60, 10, false);

	(void)state;
	assert_non_null(strstr(text, "a"));
	cs_free(text);
	OK(cs_plot_picture(&plot, 400, 240, &picture, &error));
	cs_picture_fini(&picture);
}

static void files_are_what_their_names_say(void **state)
{
	static const double y[] = {1, 2, 3};
	struct cs_series series = {CS_SERIES_LINE, "s", NULL, y, NULL, NULL, 3, {0, 0, 200}, 0};
	struct cs_plot plot = {.title = "A < B & C", .series = &series, .series_count = 1};
	char directory[] = "/tmp/cs-test-plot-XXXXXX";
	char path[64], *bytes;
	struct cs_picture picture;
	size_t size;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/a.png", directory);
	OK(cs_plot_save_png(&plot, 320, 200, path, &error));
	OK(cs_picture_load(path, &picture, &error));
	assert_int_equal(picture.width, 320);
	cs_picture_fini(&picture);
	unlink(path);
	snprintf(path, sizeof path, "%s/a.svg", directory);
	OK(cs_plot_save_svg(&plot, 320, 200, path, &error));
	OK(cs_file_read(path, 1 << 24, &bytes, &size, &error));
	assert_non_null(strstr(bytes, "<svg"));
	assert_non_null(strstr(bytes, "</svg>"));
	cs_free(bytes);
	unlink(path);
	rmdir(directory);
}

static void failed_allocations_are_errors(void **state)
{
	static const double y[] = {1, 2, 3};
	struct cs_series series = {CS_SERIES_LINE, "s", NULL, y, y, y, 3, {0, 0, 200}, 0};
	struct cs_plot plot = {.series = &series, .series_count = 1};
	struct cs_picture picture = {0};
	long nth;

	(void)state;
	for (nth = 1; nth < 50; nth++) {
		enum cs_status status;

		cs_alloc_fail_after(nth);
		status = cs_plot_picture(&plot, 200, 100, &picture, &error);
		cs_alloc_fail_after(0);
		if (status == CS_OK)
			break;
		assert_int_equal(status, CS_ERR_MEMORY);
		assert_null(picture.rgb);
	}
	assert_in_range(nth, 3, 20);
	cs_picture_fini(&picture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ticks_are_round_inside_and_not_too_many),
		cmocka_unit_test(log_ticks_are_powers_of_ten),
		cmocka_unit_test(ticks_have_the_digits_their_step_needs),
		cmocka_unit_test(numbers_have_a_point_in_every_locale),
		cmocka_unit_test(a_line_is_drawn_in_its_colour_and_named_at_its_end),
		cmocka_unit_test(a_legend_takes_as_many_rows_as_it_needs),
		cmocka_unit_test(lines_are_told_apart_where_colours_repeat_or_are_few),
		cmocka_unit_test(what_the_numbers_below_are_is_said_in_narrow_plots_too),
		cmocka_unit_test(a_diagonal_in_cells_is_a_diagonal),
		cmocka_unit_test(a_nan_leaves_a_gap),
		cmocka_unit_test(named_bars_lie_with_their_numbers),
		cmocka_unit_test(a_heat_map_shows_its_scale_and_its_nan),
		cmocka_unit_test(thinning_keeps_every_extreme),
		cmocka_unit_test(fifty_thousand_points_take_milliseconds),
		cmocka_unit_test(nothing_upsets_a_plot),
		cmocka_unit_test(names_are_as_many_as_the_first_series_has),
		cmocka_unit_test(files_are_what_their_names_say),
		cmocka_unit_test(failed_allocations_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
