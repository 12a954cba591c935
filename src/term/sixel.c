/* sixel.c: pictures as pixels, past ncurses, into holes that ncurses keeps free. See graphics.h.
 *
 * A picture is reduced to at most 64 colours of its own by median cut (a fifth of the bytes of 256 dithered ones, and no
 * slower than the terminal) and encoded by libsixel. The cursor is put back to where ncurses believes it is.
 */
#include "term/sixel.h"
#include "core/alloc.h"
#include "core/clock.h"
#include "term/graphics.h"
#include "term/quantise.h"
#include "term/terminal.h"

#include <sixel.h>
#include <stdio.h>
#include <string.h>

static int append(char *data, int size, void *context)
{
	struct cs_bytes *bytes = context;

	if (bytes->length + (size_t)size > bytes->room) {
		size_t room = 2 * (bytes->length + (size_t)size);
		char *larger = cs_realloc(bytes->data, room, 1);

		if (!larger) {
			bytes->failed = true;
			return 0;
		}
		bytes->data = larger;
		bytes->room = room;
	}
	memcpy(bytes->data + bytes->length, data, (size_t)size);
	bytes->length += (size_t)size;
	return size;
}

void cs_bytes_add(struct cs_bytes *bytes, const char *text)
{
	append((char *)text, (int)strlen(text), bytes);
}

enum cs_status cs_sixel_encode(
	const struct cs_picture *picture, int colours, struct cs_bytes *bytes, struct cs_error *error)
{
	unsigned char palette[3 * 256];
	sixel_dither_t *dither = NULL;
	sixel_output_t *output = NULL;
	uint8_t *indices = NULL;
	enum cs_status status = CS_ERR_MEMORY;
	int used;

	indices = cs_alloc((size_t)picture->width * (size_t)picture->height);
	if (!indices || !cs_quantise(picture, colours, palette, &used, indices))
		goto out;
	if (SIXEL_FAILED(sixel_dither_new(&dither, used, NULL)) ||
		SIXEL_FAILED(sixel_output_new(&output, append, bytes, NULL)))
		goto out;
	sixel_dither_set_palette(dither, palette);
	sixel_dither_set_pixelformat(dither, SIXEL_PIXELFORMAT_PAL8);
	if (SIXEL_FAILED(sixel_encode(indices, picture->width, picture->height, 1, dither, output)) || bytes->failed)
		goto out;
	status = CS_OK;
out:
	if (output)
		sixel_output_unref(output);
	if (dither)
		sixel_dither_unref(dither);
	cs_free(indices);
	return status ? cs_fail_memory(error, "a picture as sixels") : CS_OK;
}

void cs_sixel_size(int most_width, int most_height, int width, int height, int *out_width, int *out_height)
{
	/* The largest that keeps the proportions: one side fits exactly. */
	if ((int64_t)most_width * height <= (int64_t)most_height * width) {
		*out_width = most_width;
		*out_height = (int)((int64_t)height * most_width / width);
	} else {
		*out_height = most_height;
		*out_width = (int)((int64_t)width * most_height / height);
	}
	if (*out_width >= width) { /* whole multiples where one does not lose much by it: every pixel equally large */
		int whole = *out_width / width;

		if (whole >= 2 && whole * width * 100 >= *out_width * 85) {
			*out_width = whole * width;
			*out_height = whole * height;
		}
	}
	*out_width = *out_width < 1 ? 1 : *out_width;
	*out_height = *out_height < 1 ? 1 : *out_height;
}

static void sixel_fit(
	const struct cs_graphics *graphics, struct cs_area area, int width, int height, struct cs_placed *placed)
{
	int most_width, most_height;

	cs_graphics_pixels(graphics, area, &most_width, &most_height);
	cs_sixel_size(most_width, most_height, width, height, &placed->width, &placed->height);
	placed->cells.columns = (placed->width + graphics->cell_width - 1) / graphics->cell_width;
	placed->cells.rows = (placed->height + graphics->cell_height - 1) / graphics->cell_height;
}

/* The hole: spaces whose colour pair (or, without colour, whose boldness) nothing else on the screen has. */
static void mark_cells(struct cs_graphics *graphics, const struct cs_placed *placed)
{
	static const attr_t without[] = {
		A_BOLD, A_DIM, A_BOLD | A_DIM, A_INVIS, A_INVIS | A_BOLD, A_INVIS | A_DIM, A_PROTECT};
	wchar_t space[2] = {L' ', 0};
	attr_t attributes = without[placed->mark - 1];
	int pair = 0;
	cchar_t cell;

	if (graphics->screen->colours) {
		pair = cs_screen_pair(graphics->screen, placed->mark, -1);
		attributes = A_NORMAL;
	}
	if (setcchar(&cell, space, attributes, 0, &pair) != OK)
		return;
	for (int row = 0; row < placed->cells.rows; row++) {
		for (int column = 0; column < placed->cells.columns; column++)
			mvadd_wch(placed->cells.row + row, placed->cells.column + column, &cell);
	}
}

static void sixel_draw(struct cs_graphics *graphics, struct cs_placed *placed, const struct cs_picture *picture)
{
	bool grows = placed->width >= picture->width;

	mark_cells(graphics, placed);
	if (placed->shown || placed->pixels.rgb)
		return;
	if (cs_picture_resize(picture, placed->width, placed->height, !grows, &placed->pixels, NULL))
		placed->shown = true; /* no memory: an empty hole rather than an endless retry */
}

/* As tmux hands it on to the terminal behind it: in an envelope, escapes doubled. */
static void wrap(struct cs_bytes *bytes)
{
	struct cs_bytes out = {0};
	size_t from = 0;

	cs_bytes_add(&out, "\033Ptmux;");
	for (size_t i = 0; i < bytes->length; i++) {
		if (bytes->data[i] != '\033')
			continue;
		append(bytes->data + from, (int)(i + 1 - from), &out);
		from = i; /* once more */
	}
	append(bytes->data + from, (int)(bytes->length - from), &out);
	cs_bytes_add(&out, "\033\\");
	cs_free(bytes->data);
	*bytes = out;
}

/* How many bytes may go before the next fence: a quarter of a second's worth, once the terminal's pace is known. */
static size_t burst_limit(const struct cs_graphics *graphics)
{
	double bytes = graphics->rate > 0 ? graphics->rate / 4 : 512 << 10;

	if (graphics->passthrough && bytes > 256 << 10) /* tmux drops what is over a megabyte */
		bytes = 256 << 10;
	return bytes < 8192 ? 8192 : bytes > (1 << 20) ? 1 << 20 : (size_t)bytes;
}

static void sixel_send(struct cs_graphics *graphics)
{
	size_t limit = burst_limit(graphics);
	struct cs_bytes bytes = {0};
	char text[48];
	int row, column;

	for (int i = 0; i < graphics->now_count && bytes.length < limit; i++) {
		struct cs_placed *placed = &graphics->now[i];
		int64_t pixels = (int64_t)placed->width * placed->height;

		if (placed->shown || !placed->pixels.rgb)
			continue;
		snprintf(text, sizeof text, "\033[%d;%dH", placed->cells.row + 1, placed->cells.column + 1);
		cs_bytes_add(&bytes, text);
		cs_sixel_encode(&placed->pixels, pixels < 3000 ? 32 : 64, &bytes, NULL);
		cs_picture_fini(&placed->pixels);
		placed->shown = true;
	}
	if (bytes.length == 0)
		return;
	getyx(curscr, row, column);
	snprintf(text, sizeof text, "\033[%d;%dH\033[c", row + 1, column + 1);
	cs_bytes_add(&bytes, text);
	if (graphics->passthrough)
		wrap(&bytes);
	graphics->fence = cs_now();
	graphics->burst = bytes.length;
	if (bytes.failed || !cs_terminal_write(bytes.data, bytes.length))
		graphics->gone = true;
	cs_free(bytes.data);
}

const struct cs_graphics_ops cs_graphics_sixel = {
	.name = "sixel",
	.fit = sixel_fit,
	.draw = sixel_draw,
	.send = sixel_send,
};
