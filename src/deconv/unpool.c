/* unpool.c: going back through pooling.
 *
 * Max pooling: the signal of a pooled cell goes to the position that its switch names, or, without switches, to the centre cell
 * of its window, (rows - 1) / 2 and (columns - 1) / 2 rounded down, moved into the map where padding 'same' lets the window
 * hang over its edge. Where windows overlap, what meets in a cell is added. Where they do not, a cell of the map
 * gets at most one signal a channel, and since most get none the outcome is listed: for each window a counting sort of
 * its channels by the cell they go to.
 *
 * Average pooling: the transpose; every cell of a window inside the map gets its share, 1 / cells inside the map.
 */
#include "nn/pool.h"

#include "deconv/walk.h"

#include <string.h>

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
	return x < low ? low : x > high ? high : x;
}

static bool overlapping(const struct cs_layer *pool)
{
	return pool->spec.stride[0] < pool->spec.window[0] || pool->spec.stride[1] < pool->spec.window[1];
}

/* The window of pooled cell (row,column) in the map below, as far as it lies inside. */
static struct cs_span window_of(const struct cs_layer *pool, int64_t row, int64_t column, const struct cs_map *map)
{
	struct cs_span span = {
		.top = row * pool->spec.stride[0] - pool->pad_top,
		.left = column * pool->spec.stride[1] - pool->pad_left,
	};

	span.bottom = span.top + pool->spec.window[0];
	span.right = span.left + pool->spec.window[1];
	return cs_span_clip(span, map);
}

/* The cell that stands for a window when switches are not used, counted in the window as switches are. */
static cs_switch centre_of(const struct cs_layer *pool, int64_t row, int64_t column, const struct cs_map *map)
{
	int64_t top = row * pool->spec.stride[0] - pool->pad_top, left = column * pool->spec.stride[1] - pool->pad_left;
	int64_t y = clamp(top + (pool->spec.window[0] - 1) / 2, 0, map->height - 1);
	int64_t x = clamp(left + (pool->spec.window[1] - 1) / 2, 0, map->width - 1);

	return (cs_switch)((y - top) * pool->spec.window[1] + x - left);
}

/* The channels of one pooled cell that are alive. Signs are as good as random, so there is no branch on them. */
static int64_t find_alive(const float *values, int64_t channels, bool only_positive, int32_t *found)
{
	int64_t n = 0;

	if (only_positive) {
		for (int64_t c = 0; c < channels; c++) {
			found[n] = (int32_t)c;
			n += values[c] > 0;
		}
		return n;
	}
	for (int64_t c = 0; c < channels; c++) {
		found[n] = (int32_t)c;
		n += values[c] != 0;
	}
	return n;
}

/* Append the places of one window to a list. */
static void list_window(struct cs_walk *walk, const struct cs_layer *pool, int64_t row, int64_t column,
	const float *values, const cs_switch *switches, bool only_positive, struct cs_patch *patch, int64_t *used)
{
	const int32_t *found = walk->scratch.found;
	int64_t cells = pool->spec.window[0] * pool->spec.window[1], channels = patch->map.channels;
	int64_t top = row * pool->spec.stride[0] - pool->pad_top, left = column * pool->spec.stride[1] - pool->pad_left;
	int32_t *starts = walk->scratch.starts;
	struct cs_entry *entries = patch->entries + *used;
	int64_t n = find_alive(values, channels, only_positive, walk->scratch.found);

	if (n == 0)
		return;
	memset(starts, 0, (size_t)(cells + 1) * sizeof *starts);
	for (int64_t i = 0; i < n; i++)
		starts[switches[found[i]] + 1]++;
	for (int64_t cell = 0; cell < cells; cell++) {
		int64_t count = starts[cell + 1];

		if (count)
			patch->places[patch->place_count++] = (struct cs_place){
				.row = (int32_t)(top + cell / pool->spec.window[1]),
				.column = (int32_t)(left + cell % pool->spec.window[1]),
				.first = *used + starts[cell],
				.count = count,
			};
		starts[cell + 1] += starts[cell];
	}
	for (int64_t i = 0; i < n; i++) {
		int32_t channel = found[i];

		entries[starts[switches[channel]]++] = (struct cs_entry){channel, values[channel]};
	}
	*used += n;
}

/* Add one window into the dense map below. */
static void add_window(const struct cs_layer *pool, int64_t row, int64_t column, const float *values,
	const cs_switch *switches, const struct cs_span *window, const struct cs_map *map, float *below)
{
	for (int64_t c = 0; c < map->channels; c++) {
		int64_t position = cs_pool_position(pool, row, column, switches[c]);
		int64_t y = position / map->width - window->top, x = position % map->width - window->left;

		below[(y * cs_span_columns(window) + x) * map->channels + c] += values[c];
	}
}

/* Fill one window's switches with its centre, in the scratch that switches may use. */
static const cs_switch *centres(
	const struct cs_layer *pool, int64_t row, int64_t column, const struct cs_map *map, cs_switch *switches)
{
	cs_switch centre = centre_of(pool, row, column, map);

	for (int64_t c = 0; c < map->channels; c++)
		switches[c] = centre;
	return switches;
}

static void unpool_patch(struct cs_walk *walk, const struct cs_layer *pool, struct cs_patch *patch)
{
	const struct cs_map out = patch->map, below = cs_map_of(&pool->in);
	const struct cs_span from = patch->window;
	const cs_switch *all = walk->trace->slots[pool->index].switches + patch->image * cs_map_count(&out);
	bool only_positive = cs_rectify_drops(walk, pool->index - 1), dense = overlapping(pool);
	const float *values;
	float *room;
	int64_t used = 0;

	cs_patch_spread(patch);
	values = patch->values;
	room = cs_patch_room(patch);
	patch->map = below;
	patch->window = cs_span_clip(cs_span_below(pool, from), &below);
	patch->place_count = 0;
	if (dense)
		memset(room, 0, (size_t)cs_patch_count(patch) * sizeof *room);
	for (int64_t row = from.top; row < from.bottom; row++) {
		for (int64_t column = from.left; column < from.right; column++, values += out.channels) {
			const cs_switch *switches = walk->rule.switches
				? all + (row * out.width + column) * out.channels
				: centres(pool, row, column, &below, walk->scratch.centres);

			if (dense)
				add_window(pool, row, column, values, switches, &patch->window, &below, room);
			else
				list_window(walk, pool, row, column, values, switches, only_positive, patch, &used);
		}
	}
	patch->listed = !dense;
	patch->positive = only_positive;
	if (dense)
		patch->values = room;
}

void cs_unpool_max(struct cs_walk *walk, const struct cs_layer *layer)
{
	for (int i = 0; i < walk->count; i++)
		unpool_patch(walk, layer, &walk->patches[i]);
}

static void share_out(const struct cs_layer *pool, struct cs_patch *patch)
{
	const struct cs_map out = patch->map, below = cs_map_of(&pool->in);
	const struct cs_span from = patch->window;
	const float *values;
	float *room;

	cs_patch_spread(patch);
	values = patch->values;
	room = cs_patch_room(patch);
	patch->map = below;
	patch->window = cs_span_clip(cs_span_below(pool, from), &below);
	memset(room, 0, (size_t)cs_patch_count(patch) * sizeof *room);
	for (int64_t row = from.top; row < from.bottom; row++) {
		for (int64_t column = from.left; column < from.right; column++, values += out.channels) {
			struct cs_span window = window_of(pool, row, column, &below);
			float share = 1.0f / (float)cs_span_area(&window);

			for (int64_t y = window.top; y < window.bottom; y++) {
				float *cell = room +
					((y - patch->window.top) * cs_span_columns(&patch->window) + window.left -
						patch->window.left) *
						below.channels;

				for (int64_t x = window.left; x < window.right; x++, cell += below.channels) {
					for (int64_t c = 0; c < below.channels; c++)
						cell[c] += values[c] * share;
				}
			}
		}
	}
	patch->values = room;
}

void cs_unpool_average(struct cs_walk *walk, const struct cs_layer *layer)
{
	for (int i = 0; i < walk->count; i++)
		share_out(layer, &walk->patches[i]);
}
