/* chart.c: see chart.h. */
#include "ui/chart.h"

#include "core/alloc.h"

#include <unistd.h>

enum { LEAST_ROWS = 4, LEAST_COLUMNS = 16, ENOUGH_COLOURS = 256, SAVED_WIDTH = 900, SAVED_HEIGHT = 560, SAVED_MAP_HEIGHT = 840 };

static void show_cells(struct cs_session *session, const struct cs_plot *plot, struct cs_area area)
{
	struct cs_screen *screen = &session->screen;
	struct cs_cell *cells = cs_calloc((size_t)area.rows * (size_t)area.columns, sizeof *cells);
	bool ascii = !screen->utf8 || (plot->cells && screen->colours < ENOUGH_COLOURS);

	if (cells && cs_plot_cells(plot, area.columns, area.rows, ascii, cells, NULL) == CS_OK) {
		for (int row = 0; row < area.rows; row++) {
			for (int column = 0; column < area.columns; column++) {
				const struct cs_cell *cell = &cells[row * area.columns + column];

				if (cell->character && cell->character != ' ')
					cs_screen_cell(screen, area.row + row, area.column + column, cell->character,
						&cell->colour, NULL, cell->bold);
			}
		}
	}
	cs_free(cells);
}

void cs_chart_show(struct cs_session *session, const struct cs_plot *plot, unsigned version, struct cs_area area,
	struct cs_chart *chart)
{
	struct cs_plot toned = *plot;
	int width, height;

	chart->area = (struct cs_area){0};
	if (area.rows < LEAST_ROWS || area.columns < LEAST_COLUMNS)
		return;
	chart->area = area;
	toned.dark = session->screen.dark;
	toned.frame = &chart->frame;
	if (!cs_graphics_has_pixels(session->graphics)) {
		toned.few_colours = session->screen.colours < ENOUGH_COLOURS;
		show_cells(session, &toned, area);
		return;
	}
	cs_graphics_pixels(session->graphics, area, &width, &height);
	if (!chart->picture.rgb || chart->width != width || chart->height != height || chart->version != version ||
		chart->dark != toned.dark) {
		cs_picture_fini(&chart->picture);
		if (cs_plot_picture(&toned, width, height, &chart->picture, NULL))
			return;
		chart->width = width;
		chart->height = height;
		chart->version = version;
		chart->dark = toned.dark;
	}
	cs_graphics_place(session->graphics, area, CS_ANCHOR_LEFT, &chart->picture);
}

void cs_chart_drop(const char *stem)
{
	char *png = cs_format("%s.png", stem), *svg = cs_format("%s.svg", stem);

	if (png)
		unlink(png);
	if (svg)
		unlink(svg);
	cs_free(png);
	cs_free(svg);
}

enum cs_status cs_chart_save(const struct cs_plot *plot, const char *stem, struct cs_error *error)
{
	int height = plot->cells ? SAVED_MAP_HEIGHT : SAVED_HEIGHT;
	char *png = cs_format("%s.png", stem), *svg = cs_format("%s.svg", stem);
	enum cs_status status = png && svg ? cs_plot_save_png(plot, SAVED_WIDTH, height, png, error)
					   : cs_fail_memory(error, "a path");

	if (!status)
		status = cs_plot_save_svg(plot, SAVED_WIDTH, height, svg, error);
	if (status)
		cs_chart_drop(stem);
	cs_free(png);
	cs_free(svg);
	return status;
}

void cs_chart_fini(struct cs_chart *chart)
{
	cs_picture_fini(&chart->picture);
}
