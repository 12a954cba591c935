/* sheet.c: see sheet.h. */
#include "figure/sheet.h"

#include "core/alloc.h"
#include "figure/montage.h"
#include "io/h5_save.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SIDE = 160, GAP = 8, GROUND = 96 };

static float largest(const struct cs_tensor *numbers)
{
	struct cs_range range = cs_tensor_range(numbers);

	return fmaxf(fabsf(range.min), fabsf(range.max));
}

enum cs_status cs_sheet_draw(struct cs_sheet_item *items, int count, bool shared, struct cs_error *error)
{
	struct cs_scale scale = {.kind = CS_SCALE_OWN};
	enum cs_status status = CS_OK;
	float limit = 0;

	for (int i = 0; shared && i < count; i++) {
		if (items[i].numbers)
			limit = fmaxf(limit, largest(items[i].numbers));
	}
	if (shared && limit > 0)
		scale = (struct cs_scale){.kind = CS_SCALE_FIXED, .limit = limit};
	for (int i = 0; i < count && !status; i++) {
		struct cs_sheet_item *item = &items[i];

		if (item->numbers) {
			status = cs_montage_image(item->numbers, scale, cs_colormap_find("diverging"), &item->drawn,
				&item->limit, error);
		} else if (item->picture && item->picture->rgb) {
			status = cs_picture_init(
				&item->drawn, item->picture->width, item->picture->height, error);
			if (!status)
				cs_picture_paste(&item->drawn, item->picture, 0, 0);
		}
	}
	return status;
}

enum cs_status cs_sheet_save(
	const struct cs_sheet_item *items, int count, int columns, const char *path, struct cs_error *error)
{
	int side = SIDE + GAP, rows, drawn = 0, at = 0;
	struct cs_picture sheet = {0}, tile = {0};
	const char **text = cs_calloc((size_t)count * 2 + 1, sizeof *text);
	char(*limits)[96] = cs_calloc((size_t)count + 1, sizeof *limits);
	enum cs_status status = text && limits ? CS_OK : cs_fail_memory(error, "a picture");

	for (int i = 0; i < count; i++)
		drawn += items[i].drawn.rgb != NULL;
	if (!status && drawn == 0)
		status = cs_fail(error, CS_ERR_NOT_FOUND, "there are no pictures yet");
	columns = columns > count ? count : columns < 1 ? 1 : columns;
	rows = (count + columns - 1) / columns;
	if (!status)
		status = cs_picture_init(&sheet, columns * side + GAP, rows * side + GAP, error);
	if (status)
		goto out;
	memset(sheet.rgb, GROUND, (size_t)sheet.width * (size_t)sheet.height * 3);
	for (int i = 0; i < count && !status; i++) {
		const struct cs_picture *from = &items[i].drawn;
		int longer = from->width > from->height ? from->width : from->height;
		int width = longer ? from->width * SIDE / longer : 0, height = longer ? from->height * SIDE / longer : 0;

		if (!from->rgb)
			continue;
		status = cs_picture_resize(
			from, width < 1 ? 1 : width, height < 1 ? 1 : height, longer > SIDE, &tile, error);
		if (status)
			break;
		cs_picture_paste(&sheet, &tile, GAP + i % columns * side, GAP + i / columns * side);
		cs_picture_fini(&tile);
		if (items[i].numbers) {
			snprintf(limits[i], sizeof limits[i], "activation %.7g, scale from -%.7g to %.7g",
				(double)items[i].value, (double)items[i].limit, (double)items[i].limit);
			text[at++] = items[i].name;
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

static enum cs_status save_item(struct cs_h5 *file, const struct cs_sheet_item *item, struct cs_error *error)
{
	enum cs_status status = CS_OK;
	char name[160];

	snprintf(name, sizeof name, "/%s", item->name);
	if (cs_h5_exists(file, name))
		return CS_OK;
	if (item->numbers) {
		status = cs_h5_write_tensor(file, name, item->numbers, error);
		if (!status)
			status = cs_h5_write_number(file, name, "activation", (double)item->value, error);
		if (!status)
			status = cs_h5_write_number(file, name, "limit", (double)item->limit, error);
	} else if (item->drawn.rgb) {
		status = cs_h5_write_array(file, name, CS_H5_U8, CS_SHAPE(item->drawn.height, item->drawn.width, 3),
			item->drawn.rgb, error);
	}
	return status;
}

struct places {
	const struct cs_sheet_item *items;
	int count;
};

static enum cs_status save_items(struct cs_h5 *file, void *context, struct cs_error *error)
{
	const struct places *places = context;
	enum cs_status status = CS_OK;

	for (int i = 0; i < places->count && !status; i++)
		status = save_item(file, &places->items[i], error);
	return status;
}

enum cs_status cs_sheet_save_numbers(
	const struct cs_sheet_item *items, int count, const char *path, struct cs_error *error)
{
	struct places places = {items, count};

	return cs_h5_save(path, save_items, &places, error);
}

enum cs_status cs_sheet_export(
	const struct cs_sheet_item *items, int count, int columns, const char *stem, struct cs_error *error)
{
	char *png = cs_format("%s.png", stem), *h5 = cs_format("%s.hdf5", stem);
	enum cs_status status = png && h5 ? CS_OK : cs_fail_memory(error, "a path");

	if (!status)
		status = cs_sheet_save(items, count, columns, png, error);
	if (!status) {
		status = cs_sheet_save_numbers(items, count, h5, error);
		if (status)
			unlink(png);
	}
	cs_free(png);
	cs_free(h5);
	return status;
}
