/* quantise.c: median cut. See quantise.h.
 *
 * Colours are counted in a table of 15 bits; while there are no more different ones than asked for, they are kept exactly.
 * Otherwise the box with the largest spread, weighted by its pixels, is halved at its median until there are enough boxes.
 */
#include "term/quantise.h"

#include "core/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { CODES = 1 << 15 };

struct entry {
	uint32_t count;
	uint32_t sum[3];
	uint16_t code;
};

struct box {
	int first, end; /* entries */
	int axis, spread;
	uint64_t pixels;
};

static int code_of(const uint8_t *rgb)
{
	return rgb[0] >> 3 << 10 | rgb[1] >> 3 << 5 | rgb[2] >> 3;
}

static int level(const struct entry *entry, int axis)
{
	return entry->code >> (10 - 5 * axis) & 31;
}

static void measure(const struct entry *entries, struct box *box)
{
	int low[3] = {31, 31, 31}, high[3] = {0, 0, 0};

	box->pixels = 0;
	for (int i = box->first; i < box->end; i++) {
		box->pixels += entries[i].count;
		for (int axis = 0; axis < 3; axis++) {
			int l = level(&entries[i], axis);

			low[axis] = l < low[axis] ? l : low[axis];
			high[axis] = l > high[axis] ? l : high[axis];
		}
	}
	box->axis = 0;
	for (int axis = 1; axis < 3; axis++) {
		if (high[axis] - low[axis] > high[box->axis] - low[box->axis])
			box->axis = axis;
	}
	box->spread = high[box->axis] - low[box->axis];
}

/* Sort a box's entries along its longest axis by counting (levels are 0 .. 31). */
static void sort_box(struct entry *entries, struct entry *scratch, const struct box *box)
{
	int start[33] = {0};

	for (int i = box->first; i < box->end; i++)
		start[level(&entries[i], box->axis) + 1]++;
	for (int l = 0; l < 32; l++)
		start[l + 1] += start[l];
	for (int i = box->first; i < box->end; i++)
		scratch[start[level(&entries[i], box->axis)]++] = entries[i];
	memcpy(entries + box->first, scratch, (size_t)(box->end - box->first) * sizeof *entries);
}

static int split(struct entry *entries, struct entry *scratch, int count, struct box *boxes, int most)
{
	int used = 1;

	boxes[0] = (struct box){.end = count};
	measure(entries, &boxes[0]);
	while (used < most) {
		struct box *largest = NULL;
		uint64_t seen = 0;
		int cut;

		for (int i = 0; i < used; i++) {
			if (boxes[i].spread == 0)
				continue;
			if (!largest ||
				(uint64_t)boxes[i].spread * boxes[i].pixels >
					(uint64_t)largest->spread * largest->pixels)
				largest = &boxes[i];
		}
		if (!largest)
			break;
		sort_box(entries, scratch, largest);
		for (cut = largest->first; cut < largest->end - 1 && seen + entries[cut].count <= largest->pixels / 2;
			cut++)
			seen += entries[cut].count;
		if (cut == largest->first)
			cut++;
		boxes[used] = (struct box){.first = cut, .end = largest->end};
		largest->end = cut;
		measure(entries, largest);
		measure(entries, &boxes[used++]);
	}
	return used;
}

/* Few different colours: keep them as they are. Returns how many, or -1 when there are more than `most`. */
static int exact(const struct cs_picture *picture, int most, uint8_t *palette, uint8_t *indices)
{
	int64_t count = (int64_t)picture->width * picture->height;
	int used = 0, last = 0;

	for (int64_t i = 0; i < count; i++) {
		const uint8_t *rgb = picture->rgb + 3 * i;
		int at = last;

		if (used == 0 || memcmp(palette + 3 * at, rgb, 3) != 0) {
			for (at = 0; at < used && memcmp(palette + 3 * at, rgb, 3) != 0; at++)
				;
		}
		if (at == used) {
			if (used == most)
				return -1;
			memcpy(palette + 3 * used++, rgb, 3);
		}
		indices[i] = (uint8_t)at;
		last = at;
	}
	return used;
}

bool cs_quantise(const struct cs_picture *picture, int most, uint8_t *palette, int *used, uint8_t *indices)
{
	int64_t pixels = (int64_t)picture->width * picture->height;
	struct entry *entries = NULL;
	uint16_t *slot = NULL;
	uint8_t *box_of = NULL;
	struct box boxes[256];
	bool done = false;
	int count = 0;

	*used = exact(picture, most, palette, indices);
	if (*used >= 0)
		return true;
	entries = cs_calloc(2 * CODES, sizeof *entries);
	slot = cs_calloc(CODES, sizeof *slot);
	box_of = cs_alloc(CODES);
	if (!entries || !slot || !box_of)
		goto out;
	for (int64_t i = 0; i < pixels; i++) {
		const uint8_t *rgb = picture->rgb + 3 * i;
		int code = code_of(rgb);
		struct entry *entry;

		if (!slot[code]) {
			entries[count].code = (uint16_t)code;
			slot[code] = (uint16_t)++count;
		}
		entry = &entries[slot[code] - 1];
		entry->count++;
		for (int k = 0; k < 3; k++)
			entry->sum[k] += rgb[k];
	}
	*used = split(entries, entries + CODES, count, boxes, most);
	for (int b = 0; b < *used; b++) {
		uint64_t sum[3] = {0};

		for (int i = boxes[b].first; i < boxes[b].end; i++) {
			box_of[entries[i].code] = (uint8_t)b;
			for (int k = 0; k < 3; k++)
				sum[k] += entries[i].sum[k];
		}
		for (int k = 0; k < 3; k++)
			palette[3 * b + k] = (uint8_t)((sum[k] + boxes[b].pixels / 2) / boxes[b].pixels);
	}
	for (int64_t i = 0; i < pixels; i++)
		indices[i] = box_of[code_of(picture->rgb + 3 * i)];
	done = true;
out:
	cs_free(entries);
	cs_free(slot);
	cs_free(box_of);
	return done;
}
