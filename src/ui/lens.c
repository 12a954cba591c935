/* lens.c: see lens.h. */
#include "ui/lens.h"

#include "core/alloc.h"
#include "figure/sheet.h"
#include "ui/record.h"

#include <stdio.h>
#include <string.h>

struct cs_tile_key cs_lens_key(const struct cs_session *session, enum cs_tile_kind kind, int layer, int64_t image)
{
	struct cs_tile_key key;

	memset(&key, 0, sizeof key); /* padding too: keys are compared as bytes */
	key.kind = kind;
	key.layer = layer;
	key.image = image;
	if (kind == CS_TILE_PROJECTION) {
		key.rule = session->rule;
		key.signal = (int32_t)session->signal;
	}
	return key;
}

void cs_lens_ask(struct cs_session *session, const struct cs_tile_key *key, struct cs_exhibit *exhibit)
{
	const struct cs_tile *tile = session->tiles ? cs_tiles_want(session->tiles, key) : NULL;

	exhibit->tile = tile;
	if (!tile || tile->status)
		return;
	if (key->kind == CS_TILE_PROJECTION) {
		exhibit->numbers = &tile->numbers;
		exhibit->silent = tile->found.silent;
		exhibit->value = tile->found.value;
	}
}

/* Exhibits as places of a sheet; drawn by it, so that the screen and the exported file show the same. */
static struct cs_sheet_item *items_of(const struct cs_exhibit *exhibits, int count)
{
	struct cs_sheet_item *items = cs_calloc((size_t)count + 1, sizeof *items);

	for (int i = 0; items && i < count; i++) {
		const struct cs_exhibit *exhibit = &exhibits[i];

		items[i].name = exhibit->name;
		items[i].value = exhibit->value;
		items[i].limit = exhibit->limit;
		items[i].numbers = exhibit->silent ? NULL : exhibit->numbers;
		if (!exhibit->numbers && exhibit->tile && !exhibit->tile->status)
			items[i].picture = &exhibit->tile->picture;
	}
	return items;
}

static void draw_exhibits(struct cs_exhibit *exhibits, int count, bool shared)
{
	struct cs_sheet_item *items = items_of(exhibits, count);

	if (items)
		cs_sheet_draw(items, count, shared, NULL);
	for (int i = 0; items && i < count; i++) {
		exhibits[i].picture = items[i].drawn;
		exhibits[i].limit = items[i].limit;
	}
	cs_free(items);
}

void cs_lens_ask_strongest(
	struct cs_session *session, enum cs_tile_kind kind, int layer, int64_t feature, struct cs_exhibit *exhibit)
{
	struct cs_scan *scan = cs_session_scan(session, layer);
	struct cs_feature_numbers numbers;
	struct cs_tile_key key;

	if (!scan || !cs_scan_feature(scan, layer, feature, &numbers))
		return;
	if (numbers.count == 0) {
		int64_t total;

		exhibit->silent = cs_scan_seen(scan, &total) > 0;
		return;
	}
	key = cs_lens_key(session, kind, layer, numbers.top[0].image);
	key.row = numbers.top[0].row;
	key.column = numbers.top[0].column;
	if (kind == CS_TILE_PROJECTION) {
		key.feature = feature;
		key.at = CS_AT_POSITION;
		key.cropped = 1;
	}
	cs_lens_ask(session, &key, exhibit);
	exhibit->value = numbers.top[0].value;
}

void cs_lens_draw(const struct cs_session *session, struct cs_exhibit *exhibits, int count)
{
	draw_exhibits(exhibits, count, session->shared);
}

void cs_lens_draw_shared(struct cs_exhibit *exhibits, int count)
{
	draw_exhibits(exhibits, count, true);
}

struct cs_area cs_lens_show(
	struct cs_session *session, struct cs_area area, enum cs_anchor anchor, const struct cs_exhibit *exhibit)
{
	struct cs_screen *screen = &session->screen;
	const char *word = "...";
	enum cs_style style = CS_STYLE_DIM;

	if (exhibit->picture.rgb)
		return cs_graphics_place(session->graphics, area, anchor, &exhibit->picture);
	if (exhibit->silent) {
		word = "silent";
		style = CS_STYLE_WARN;
	} else if (exhibit->tile && exhibit->tile->status) {
		word = exhibit->tile->error.message;
		style = CS_STYLE_BAD;
	}
	if (area.rows > 0 && area.columns > 0)
		cs_screen_put(screen, area.row + (area.rows - 1) / 2,
			area.column +
				(cs_screen_width(screen, word) < area.columns
						? (area.columns - cs_screen_width(screen, word)) / 2
						: 0),
			area.columns, style, "%s", word);
	return area;
}

enum cs_status cs_lens_save(const struct cs_exhibit *exhibits, int count, int columns, const char *stem, char *message,
	size_t size, struct cs_error *error)
{
	struct cs_sheet_item *items = items_of(exhibits, count);
	enum cs_status status;

	if (!items)
		return cs_fail_memory(error, "an export");
	for (int i = 0; i < count; i++)
		items[i].drawn = exhibits[i].picture; /* lent */
	status = cs_sheet_export(items, count, columns, stem, error);
	if (!status)
		snprintf(message, size, "wrote %s.png and .hdf5", stem);
	cs_free(items);
	return status;
}

enum cs_status cs_lens_export(struct cs_session *session, const struct cs_exhibit *exhibits, int count, int columns,
	const char *stem, char *message, size_t size, struct cs_error *error)
{
	enum cs_status status = cs_lens_save(exhibits, count, columns, stem, message, size, error);

	if (!status)
		cs_record_sheet(session, exhibits, count, columns, stem);
	return status;
}

void cs_lens_free(struct cs_exhibit *exhibits, int count)
{
	for (int i = 0; i < count; i++)
		cs_picture_fini(&exhibits[i].picture);
	cs_free(exhibits);
}
