/* lens.c: see lens.h. */
#include "ui/lens.h"

#include "core/alloc.h"
#include "figure/montage.h"
#include "io/h5.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { EXPORT_SIDE = 160, EXPORT_GAP = 8, GROUND = 96 };

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

static float largest(const struct cs_exhibit *exhibit)
{
	struct cs_range range = cs_tensor_range(exhibit->numbers);

	return fmaxf(fabsf(range.min), fabsf(range.max));
}

void cs_lens_draw(const struct cs_session *session, struct cs_exhibit *exhibits, int count)
{
	struct cs_scale scale = {.kind = CS_SCALE_OWN};
	float limit = 0;

	for (int i = 0; session->shared && i < count; i++) {
		if (exhibits[i].numbers && !exhibits[i].silent)
			limit = fmaxf(limit, largest(&exhibits[i]));
	}
	if (session->shared && limit > 0)
		scale = (struct cs_scale){.kind = CS_SCALE_FIXED, .limit = limit};
	for (int i = 0; i < count; i++) {
		struct cs_exhibit *exhibit = &exhibits[i];
		const struct cs_tile *tile = exhibit->tile;

		if (exhibit->numbers && !exhibit->silent) {
			cs_montage_image(exhibit->numbers, scale, cs_colormap_find("diverging"), &exhibit->picture,
				&exhibit->limit, NULL);
		} else if (tile && !tile->status && tile->picture.rgb &&
			cs_picture_init(&exhibit->picture, tile->picture.width, tile->picture.height, NULL) == CS_OK) {
			cs_picture_paste(&exhibit->picture, &tile->picture, 0, 0);
		}
	}
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

/* All pictures at one size, a grid of them on grey. */
static enum cs_status save_picture(
	const struct cs_exhibit *exhibits, int count, int columns, const char *path, struct cs_error *error)
{
	int side = EXPORT_SIDE + EXPORT_GAP, rows, drawn = 0, at = 0;
	struct cs_picture sheet = {0}, tile = {0};
	const char **text = cs_calloc((size_t)count * 2 + 1, sizeof *text);
	char(*limits)[96] = cs_calloc((size_t)count + 1, sizeof *limits);
	enum cs_status status = text && limits ? CS_OK : cs_fail_memory(error, "a picture");

	for (int i = 0; i < count; i++)
		drawn += exhibits[i].picture.rgb != NULL;
	if (!status && drawn == 0)
		status = cs_fail(error, CS_ERR_NOT_FOUND, "there are no pictures yet");
	columns = columns > count ? count : columns < 1 ? 1 : columns;
	rows = (count + columns - 1) / columns;
	if (!status)
		status = cs_picture_init(&sheet, columns * side + EXPORT_GAP, rows * side + EXPORT_GAP, error);
	if (status)
		goto out;
	memset(sheet.rgb, GROUND, (size_t)sheet.width * (size_t)sheet.height * 3);
	for (int i = 0; i < count && !status; i++) {
		const struct cs_picture *from = &exhibits[i].picture;
		int longer = from->width > from->height ? from->width : from->height;

		if (!from->rgb)
			continue;
		status = cs_picture_resize(from, from->width * EXPORT_SIDE / longer,
			from->height * EXPORT_SIDE / longer, longer > EXPORT_SIDE, &tile, error);
		if (status)
			break;
		cs_picture_paste(&sheet, &tile, EXPORT_GAP + i % columns * side, EXPORT_GAP + i / columns * side);
		cs_picture_fini(&tile);
		if (exhibits[i].numbers) {
			snprintf(limits[i], sizeof limits[i], "activation %.7g, scale from -%.7g to %.7g",
				(double)exhibits[i].value, (double)exhibits[i].limit, (double)exhibits[i].limit);
			text[at++] = exhibits[i].name;
			text[at++] = limits[i];
		}
	}
	if (!status)
		status = cs_picture_save(&sheet, path, text, error);
out:
	cs_picture_fini(&sheet);
	cs_free(text);
	cs_free(limits);
	return status;
}

static enum cs_status save_numbers(
	const struct cs_exhibit *exhibits, int count, const char *path, struct cs_error *error)
{
	struct cs_h5 *file = NULL;
	enum cs_status status = cs_h5_open(path, CS_H5_CREATE, &file, error);

	if (status)
		return status;
	for (int i = 0; i < count && !status; i++) {
		const struct cs_exhibit *exhibit = &exhibits[i];
		char name[100];

		if (!exhibit->tile || exhibit->tile->status)
			continue;
		snprintf(name, sizeof name, "/%s", exhibit->name);
		if (cs_h5_exists(file, name))
			continue;
		if (exhibit->numbers) {
			status = cs_h5_write_tensor(file, name, exhibit->numbers, error);
			if (!status)
				status = cs_h5_write_number(file, name, "activation", exhibit->value, error);
			if (!status)
				status = cs_h5_write_number(file, name, "limit", exhibit->limit, error);
		} else if (exhibit->picture.rgb) {
			status = cs_h5_write_array(file, name, CS_H5_U8,
				CS_SHAPE(exhibit->picture.height, exhibit->picture.width, 3), exhibit->picture.rgb,
				error);
		}
	}
	if (cs_h5_close(file, status ? NULL : error) && !status)
		status = CS_ERR_IO;
	return status;
}

enum cs_status cs_lens_export(const struct cs_exhibit *exhibits, int count, int columns, const char *stem,
	char *message, size_t size, struct cs_error *error)
{
	char *png = cs_format("%s.png", stem), *h5 = cs_format("%s.hdf5", stem);
	enum cs_status status = png && h5 ? CS_OK : cs_fail_memory(error, "a path");

	if (!status)
		status = save_picture(exhibits, count, columns, png, error);
	if (!status)
		status = save_numbers(exhibits, count, h5, error);
	if (!status)
		snprintf(message, size, "wrote %s and .hdf5", png);
	cs_free(png);
	cs_free(h5);
	return status;
}

void cs_lens_free(struct cs_exhibit *exhibits, int count)
{
	for (int i = 0; i < count; i++)
		cs_picture_fini(&exhibits[i].picture);
	cs_free(exhibits);
}
