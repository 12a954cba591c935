/* graphics.c: from frame to frame: what is shown already, what waits, what goes. See graphics.h. */
#include "term/graphics.h"

#include "core/alloc.h"
#include "core/clock.h"

#include <string.h>

/* Without an answer for so long the fence is taken for open: an answer got lost. */
static const double lost_after = 4.0;

enum cs_status cs_graphics_new(struct cs_screen *screen, struct cs_graphics **out, struct cs_error *error)
{
	struct cs_graphics *graphics = cs_calloc(1, sizeof *graphics);

	if (!graphics)
		return cs_fail_memory(error, "pictures on the screen");
	graphics->ops = &cs_graphics_symbols;
	graphics->screen = screen;
	graphics->ascii = !screen->utf8;
	graphics->cell_width = 10;
	graphics->cell_height = 20;
	*out = graphics;
	return CS_OK;
}

static void drop(struct cs_placed *list, int count)
{
	for (int i = 0; i < count; i++)
		cs_picture_fini(&list[i].pixels);
}

void cs_graphics_free(struct cs_graphics *graphics)
{
	if (!graphics)
		return;
	drop(graphics->now, graphics->now_count);
	drop(graphics->last, graphics->last_count);
	cs_free(graphics->now);
	cs_free(graphics->last);
	cs_free(graphics->marks);
	cs_free(graphics);
}

bool cs_graphics_choose(struct cs_graphics *graphics, const struct cs_probe *probe)
{
	const struct cs_graphics_ops *ops =
		probe->protocol == CS_PROTOCOL_SIXEL ? &cs_graphics_sixel : &cs_graphics_symbols;
	bool ascii = probe->protocol == CS_PROTOCOL_ASCII || !graphics->screen->utf8;
	bool changed = ops != graphics->ops || ascii != graphics->ascii || probe->cell_width != graphics->cell_width ||
		probe->cell_height != graphics->cell_height;

	graphics->ops = ops;
	graphics->ascii = ascii;
	graphics->passthrough = probe->passthrough;
	graphics->cell_width = probe->cell_width;
	graphics->cell_height = probe->cell_height;
	graphics->most_width = probe->most_width;
	graphics->most_height = probe->most_height;
	if (changed)
		cs_graphics_forget(graphics);
	return changed;
}

bool cs_graphics_has_pixels(const struct cs_graphics *graphics)
{
	return graphics->ops->send != NULL;
}

void cs_graphics_begin(struct cs_graphics *graphics)
{
	struct cs_placed *list = graphics->last;
	int room = graphics->last_room;

	drop(graphics->last, graphics->last_count);
	graphics->last = graphics->now;
	graphics->last_room = graphics->now_room;
	graphics->last_count = graphics->now_count;
	graphics->now = list;
	graphics->now_room = room;
	graphics->now_count = 0;
}

static bool same_cells(struct cs_area a, struct cs_area b)
{
	return a.row == b.row && a.column == b.column && a.rows == b.rows && a.columns == b.columns;
}

/* A mark that none of these cells carried in the last frame, so that ncurses writes them all again. */
static int fresh_mark(const struct cs_graphics *graphics, struct cs_area cells)
{
	unsigned seen = 0;

	for (int row = cells.row; row < cells.row + cells.rows && row < graphics->marks_rows; row++) {
		for (int column = cells.column;
			column < cells.column + cells.columns && column < graphics->marks_columns; column++)
			seen |= 1u << graphics->marks[row * graphics->marks_columns + column];
	}
	for (int mark = 1; mark <= 6; mark++) {
		if (!(seen & 1u << mark))
			return mark;
	}
	return 7; /* seven layouts met in one place: the worst that happens is a rim of an old picture */
}

/* FNV-1a over words: pictures are compared by contents, so that views need not remember what they showed. */
static uint64_t hash_of(const struct cs_picture *picture)
{
	size_t size = (size_t)picture->width * (size_t)picture->height * 3;
	uint64_t hash = 0xcbf29ce484222325u ^ (uint64_t)picture->width << 32 ^ (uint64_t)picture->height, word;

	for (size_t i = 0; i < size; i += 8) {
		word = 0;
		memcpy(&word, picture->rgb + i, size - i < 8 ? size - i : 8);
		hash = (hash ^ word) * 0x100000001b3u;
		hash ^= hash >> 29;
	}
	return hash;
}

static struct cs_placed *find_last(struct cs_graphics *graphics, struct cs_area cells)
{
	for (int i = 0; i < graphics->last_count; i++) {
		if (same_cells(graphics->last[i].cells, cells))
			return &graphics->last[i];
	}
	return NULL;
}

static struct cs_placed *add_placed(struct cs_graphics *graphics)
{
	if (graphics->now_count == graphics->now_room) {
		int room = graphics->now_room ? 2 * graphics->now_room : 32;
		struct cs_placed *list = cs_realloc(graphics->now, (size_t)room, sizeof *list);

		if (!list)
			return NULL;
		graphics->now = list;
		graphics->now_room = room;
	}
	graphics->now[graphics->now_count] = (struct cs_placed){0};
	return &graphics->now[graphics->now_count++];
}

struct cs_area cs_graphics_place(
	struct cs_graphics *graphics, struct cs_area area, enum cs_anchor anchor, const struct cs_picture *picture)
{
	const struct cs_screen *screen = graphics->screen;
	struct cs_placed *placed, *before;

	if (area.row + area.rows > screen->rows - 1)
		area.rows = screen->rows - 1 - area.row;
	if (area.column + area.columns > screen->columns)
		area.columns = screen->columns - area.column;
	if (area.row < 0 || area.column < 0 || area.rows <= 0 || area.columns <= 0 || picture->width <= 0 ||
		picture->height <= 0)
		return (struct cs_area){area.row, area.column, 0, 0};
	placed = add_placed(graphics);
	if (!placed)
		return (struct cs_area){area.row, area.column, 0, 0};
	graphics->ops->fit(graphics, area, picture->width, picture->height, placed);
	placed->cells.row = area.row;
	placed->cells.column = area.column;
	if (anchor == CS_ANCHOR_CENTRE) {
		placed->cells.row += (area.rows - placed->cells.rows) / 2;
		placed->cells.column += (area.columns - placed->cells.columns) / 2;
	}
	placed->hash = hash_of(picture);
	before = find_last(graphics, placed->cells);
	if (before && before->width == placed->width && before->height == placed->height) {
		placed->mark = before->mark;
		if (before->hash == placed->hash) {
			placed->shown = before->shown;
			placed->pixels = before->pixels; /* may still wait */
			before->pixels = (struct cs_picture){0};
		}
	} else {
		placed->mark = fresh_mark(graphics, placed->cells);
	}
	graphics->ops->draw(graphics, placed, picture);
	return placed->cells;
}

static void remember_marks(struct cs_graphics *graphics)
{
	int rows = graphics->screen->rows, columns = graphics->screen->columns;

	if (rows != graphics->marks_rows || columns != graphics->marks_columns) {
		cs_free(graphics->marks);
		graphics->marks = cs_calloc((size_t)rows * (size_t)columns, 1);
		graphics->marks_rows = graphics->marks ? rows : 0;
		graphics->marks_columns = graphics->marks ? columns : 0;
	}
	if (!graphics->marks)
		return;
	memset(graphics->marks, 0, (size_t)rows * (size_t)columns);
	for (int i = 0; i < graphics->now_count; i++) {
		struct cs_area cells = graphics->now[i].cells;

		for (int row = cells.row; row < cells.row + cells.rows; row++)
			memset(graphics->marks + row * columns + cells.column, graphics->now[i].mark,
				(size_t)cells.columns);
	}
}

void cs_graphics_end(struct cs_graphics *graphics)
{
	remember_marks(graphics);
	if (graphics->ops->send && cs_graphics_waiting(graphics) == 0)
		graphics->ops->send(graphics);
}

void cs_graphics_pixels(const struct cs_graphics *graphics, struct cs_area area, int *width, int *height)
{
	bool pixels = cs_graphics_has_pixels(graphics);

	*width = area.columns * (pixels ? graphics->cell_width : 1);
	*height = area.rows * (pixels ? graphics->cell_height : 2);
	if (pixels && *width > graphics->most_width)
		*width = graphics->most_width;
	if (pixels && *height > graphics->most_height)
		*height = graphics->most_height;
}

int cs_graphics_columns(const struct cs_graphics *graphics, int rows)
{
	int columns = (rows * graphics->cell_height + graphics->cell_width - 1) / graphics->cell_width;

	return columns < 1 ? 1 : columns;
}

void cs_graphics_forget(struct cs_graphics *graphics)
{
	for (int i = 0; i < graphics->now_count; i++)
		graphics->now[i].shown = false;
	drop(graphics->now, graphics->now_count);
	graphics->now_count = 0;
	if (graphics->marks)
		memset(graphics->marks, 0, (size_t)graphics->marks_rows * (size_t)graphics->marks_columns);
}

int cs_graphics_waiting(const struct cs_graphics *graphics)
{
	double passed;
	bool some = false;

	if (!graphics->ops->send || graphics->gone)
		return -1;
	for (int i = 0; i < graphics->now_count; i++)
		some |= !graphics->now[i].shown;
	if (!some)
		return -1;
	if (graphics->fence == 0)
		return 0;
	passed = cs_now() - graphics->fence;
	return passed >= lost_after ? 0 : (int)((lost_after - passed) * 1000) + 1;
}

bool cs_graphics_answered(struct cs_graphics *graphics)
{
	double passed;

	if (graphics->fence == 0)
		return false;
	passed = cs_now() - graphics->fence;
	if (passed > 0.05 && graphics->burst > 4096)
		graphics->rate = (double)graphics->burst / passed;
	else
		graphics->rate = 0;
	graphics->fence = 0;
	return true;
}
