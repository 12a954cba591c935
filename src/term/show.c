/* show.c: one picture without the browser, and the terminal's report. See show.h.
 *
 * No ncurses here but terminfo for the number of colours: the picture is written where the cursor stands, and scrolls with the text.
 */
#include "term/show.h"

#include "core/alloc.h"
#include "term/probe.h"
#include "term/screen.h"
#include "term/sixel.h"
#include "term/symbols.h"

#include <curses.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#undef columns /* terminfo's macro */
#include <unistd.h>

enum { ANSWER_MS = 1000, ROWS_LEFT = 3 };

static enum cs_status write_all(const char *bytes, size_t size, struct cs_error *error)
{
	while (size > 0) {
		ssize_t count = write(1, bytes, size);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return cs_fail_errno(error, "cannot write to the terminal", NULL);
		bytes += count;
		size -= (size_t)count;
	}
	return CS_OK;
}

/* Colours that may be written as plain SGR sequences. */
static int count_colours(void)
{
	const char *term = getenv("TERM"), *direct = getenv("COLORTERM");
	int found = 0, colours;

	if (getenv("NO_COLOR") || !term || setupterm(NULL, 1, &found) != OK)
		return 0;
	if (direct && (strcmp(direct, "truecolor") == 0 || strcmp(direct, "24bit") == 0))
		return 1 << 24;
	colours = tigetnum("colors");
	del_curterm(cur_term);
	return colours > 256 ? 1 << 24 : colours >= 256 ? 256 : colours >= 8 ? 8 : 0;
}

static enum cs_status show_sixel(const struct cs_picture *picture, const struct cs_probe *probe, struct cs_error *error)
{
	int width = probe->columns * probe->cell_width, height = (probe->rows - ROWS_LEFT) * probe->cell_height;
	int out_width, out_height;
	struct cs_picture scaled = {0};
	struct cs_bytes bytes = {0};
	enum cs_status status;

	width = width > probe->most_width ? probe->most_width : width;
	height = height > probe->most_height  ? probe->most_height
		: height < probe->cell_height ? probe->cell_height
					      : height;
	cs_sixel_size(width, height, picture->width, picture->height, &out_width, &out_height);
	status = cs_picture_resize(picture, out_width, out_height, out_width < picture->width, &scaled, error);
	if (!status)
		status = cs_sixel_encode(&scaled, 256, &bytes, error);
	if (!status) {
		cs_bytes_add(&bytes, "\r\n");
		status = write_all(bytes.data, bytes.length, error);
	}
	cs_picture_fini(&scaled);
	cs_free(bytes.data);
	return status;
}

static enum cs_status show_symbols(
	const struct cs_picture *picture, const struct cs_probe *probe, struct cs_error *error)
{
	int rows = probe->rows - ROWS_LEFT < 4 ? 4 : probe->rows - ROWS_LEFT,
	    columns = probe->columns > 0 ? probe->columns : 80;
	int colours = count_colours(), out_columns, out_rows;
	enum cs_status status;
	ChafaCanvas *canvas;
	GString *text;

	cs_symbols_size(columns, rows, probe->cell_width, probe->cell_height, picture->width, picture->height,
		&out_columns, &out_rows);
	canvas = cs_symbols_canvas(picture, out_columns, out_rows, probe->cell_width, probe->cell_height, colours,
		probe->protocol == CS_PROTOCOL_ASCII, probe->background != 2);
	text = chafa_canvas_print(canvas, NULL);
	g_string_append_c(text, '\n');
	status = write_all(text->str, text->len, error);
	g_string_free(text, TRUE);
	chafa_canvas_unref(canvas);
	return status;
}

enum cs_status cs_show_picture(const struct cs_picture *picture, const char *graphics, struct cs_error *error)
{
	struct cs_probe probe = {0};
	const char *term = getenv("TERM");
	enum cs_status status = cs_probe_wish(graphics, &probe.wish, error);
	char typed[2];

	if (status)
		return status;
	if (!isatty(1))
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"standard output is no terminal; -o FILE.png writes the picture to a file");
	if (!term || !*term || strcmp(term, "dumb") == 0)
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"a terminal with TERM=%s cannot show pictures; -o FILE.png writes the picture to a file",
			term ? term : "");
	setlocale(LC_CTYPE, "");
	cs_probe_look(&probe, 1);
	if (isatty(0))
		cs_probe_ask(&probe, ANSWER_MS, &(struct cs_replies){0}, typed, sizeof typed);
	cs_probe_conclude(&probe);
	probe.rows = probe.rows > 0 ? probe.rows : 24;
	probe.columns = probe.columns > 0 ? probe.columns : 80;
	return probe.protocol == CS_PROTOCOL_SIXEL ? show_sixel(picture, &probe, error)
						   : show_symbols(picture, &probe, error);
}

char *cs_show_report(void)
{
	const char *term = getenv("TERM");
	struct cs_probe probe = {0};
	struct cs_error error;
	char typed[2], colours[40], cell[60];
	int count;

	setlocale(LC_CTYPE, "");
	if (!isatty(0) || !isatty(1))
		return cs_format("terminal: none (standard input or output is no terminal)\nTERM: %s\n",
			term ? term : "not set");
	if (cs_probe_wish(NULL, &probe.wish, &error))
		return cs_format("TERM: %s\npictures: %s\n", term ? term : "not set", error.message);
	cs_probe_look(&probe, 1);
	cs_probe_ask(&probe, ANSWER_MS, &(struct cs_replies){0}, typed, sizeof typed);
	cs_probe_conclude(&probe);
	count = count_colours();
	snprintf(colours, sizeof colours, count >= 1 << 24 ? "direct (24 bits)" : count ? "%d" : "none", count);
	snprintf(cell, sizeof cell, probe.cell_known ? "%dx%d pixels" : "unknown", probe.cell_width, probe.cell_height);
	return cs_format("TERM: %s\nsize: %d columns, %d rows\ncolours: %s\ncharacters: %s\npictures: %s (%s)\n"
			 "device attributes: %s\ncharacter cell: %s\nlargest picture: %dx%d pixels\nbackground: %s\n",
		term ? term : "not set", probe.columns, probe.rows, colours,
		probe.utf8 ? "UTF-8" : "ASCII only (the locale has no UTF-8)", cs_protocol_name(probe.protocol),
		probe.why, probe.answered ? probe.attributes : "no answer", cell, probe.most_width, probe.most_height,
		probe.background == 0           ? "unknown"
			: probe.background == 1 ? "dark"
						: "light");
}
