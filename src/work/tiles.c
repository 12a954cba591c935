/* tiles.c: computing tiles and keeping them. See tiles.h. */
#include "work/tiles.h"

#include "core/alloc.h"
#include "core/clock.h"
#include "core/hash.h"
#include "core/whitening.h"
#include "deconv/patch.h"

#include <string.h>

enum { BUCKETS = 1024 };

/* While work goes on that is still of use, it is left alone for so long before it is replaced. */
static const double patience = 1.0;

/* One piece of work: keys in, tiles out. */
struct errand {
	struct cs_opened *opened;
	struct cs_tile_key *keys;
	int count;
	bool *done; /* [count] the work's own */
	pthread_mutex_t lock;
	struct cs_tile *finished; /* a list, guarded by the lock */
};

struct cs_tiles {
	struct cs_works *works;
	struct cs_opened *opened;
	struct cs_tile *buckets[BUCKETS];
	size_t bytes, limit;
	uint64_t clock;
	struct cs_tile_key *wanted;
	int wanted_count, wanted_room;
	struct cs_work *work;
	struct errand *errand;
	double started;
};

static void free_tile(struct cs_tile *tile)
{
	if (!tile)
		return;
	cs_picture_fini(&tile->picture);
	cs_tensor_fini(&tile->numbers);
	cs_free(tile);
}

static void release_errand(void *context)
{
	struct errand *errand = context;

	while (errand->finished) {
		struct cs_tile *tile = errand->finished;

		errand->finished = tile->next;
		free_tile(tile);
	}
	cs_opened_release(errand->opened);
	pthread_mutex_destroy(&errand->lock);
	cs_free(errand->keys);
	cs_free(errand->done);
	cs_free(errand);
}

void cs_unit_field(const struct cs_network *network, int layer, int64_t row, int64_t column, int64_t *top,
	int64_t *left, int64_t *bottom, int64_t *right)
{
	struct cs_field field = cs_network_field(network, layer);
	int64_t height = network->input.dim[0], width = network->input.dim[1];

	row = row < 0 ? 0 : row;
	column = column < 0 ? 0 : column;
	*top = field.start[0] + row * field.step[0];
	*left = field.start[1] + column * field.step[1];
	*bottom = *top + field.size[0];
	*right = *left + field.size[1];
	*top = *top < 0 ? 0 : *top >= height ? height - 1 : *top;
	*left = *left < 0 ? 0 : *left >= width ? width - 1 : *left;
	*bottom = *bottom > height ? height : *bottom <= *top ? *top + 1 : *bottom;
	*right = *right > width ? width : *right <= *left ? *left + 1 : *right;
}

static enum cs_status make_picture(const struct errand *errand, struct cs_tile *tile)
{
	const struct cs_dataset *data = errand->opened->data;
	const struct cs_tile_key *key = &tile->key;
	int64_t top = 0, left = 0, bottom = data->height, right = data->width;
	struct cs_picture whole = {0};
	enum cs_status status = cs_picture_init(&whole, data->width, data->height, &tile->error);

	if (status)
		return status;
	status = cs_opened_pixels(errand->opened, key->image, whole.rgb, &tile->error);
	if (key->kind == CS_TILE_PATCH)
		cs_unit_field(errand->opened->model->network, key->layer, key->row, key->column, &top, &left, &bottom,
			&right);
	if (!status)
		status = cs_picture_init(&tile->picture, (int)(right - left), (int)(bottom - top), &tile->error);
	if (!status)
		cs_picture_paste(&tile->picture, &whole, (int)-left, (int)-top);
	cs_picture_fini(&whole);
	return status;
}

static enum cs_status make_numbers(struct cs_tile *tile, const struct cs_pass_kept *pass, int image)
{
	const struct cs_tile_key *key = &tile->key;
	const struct cs_layer *layer = &pass->head.layers[key->layer];
	int64_t features = cs_layer_features(layer);
	enum cs_status status;

	if (key->kind == CS_TILE_SCORES) {
		status = cs_tensor_init(&tile->numbers, layer->out, &tile->error);
		if (!status)
			memcpy(tile->numbers.data,
				pass->trace->slots[key->layer].out.data + image * cs_shape_count(&layer->out),
				(size_t)cs_shape_count(&layer->out) * sizeof(float));
		return status;
	}
	status = cs_tensor_init(&tile->numbers, CS_SHAPE(features), &tile->error);
	if (!status && key->kind == CS_TILE_UNIT) {
		int64_t columns = layer->out.rank == 3 ? layer->out.dim[1] : 1;
		int64_t place = (key->row * columns + key->column) * features;

		memcpy(tile->numbers.data,
			cs_patch_values(pass->trace, key->layer, image) + place, (size_t)features * sizeof(float));
		return CS_OK;
	}
	for (int64_t f = 0; !status && f < features; f++) {
		int64_t row, column;

		cs_strongest(pass->trace, key->layer, image, f, &row, &column, &tile->numbers.data[f]);
	}
	return status;
}

/* Keep the part of one projection that its unit can reach, and swap channels that come as B, G, R. */
static enum cs_status crop(const struct errand *errand, struct cs_tile *tile, const float *from)
{
	const struct cs_network *network = errand->opened->model->network;
	int64_t width = network->input.dim[1], channels = network->input.dim[2];
	int64_t top = 0, left = 0, bottom = network->input.dim[0], right = width;
	enum cs_status status;

	if (tile->key.cropped && tile->found.row >= 0)
		cs_unit_field(
			network, tile->key.layer, tile->found.row, tile->found.column, &top, &left, &bottom, &right);
	status = cs_tensor_init(&tile->numbers, CS_SHAPE(bottom - top, right - left, channels), &tile->error);
	if (status)
		return status;
	for (int64_t row = top; row < bottom; row++)
		memcpy(tile->numbers.data + (row - top) * (right - left) * channels,
			from + (row * width + left) * channels, (size_t)((right - left) * channels) * sizeof(float));
	for (int64_t i = 0;
		channels == 3 && errand->opened->model->preprocess.bgr && i < (bottom - top) * (right - left); i++) {
		float *pixel = tile->numbers.data + 3 * i, blue = pixel[0];

		pixel[0] = pixel[2];
		pixel[2] = blue;
	}
	return CS_OK;
}

static struct cs_target target_of(const struct cs_tile_key *key, int image)
{
	return (struct cs_target){
		.image = image,
		.layer = key->layer,
		.feature = key->feature,
		.at = (enum cs_at)key->at,
		.row = key->row,
		.column = key->column,
		.signal = (enum cs_signal)key->signal,
	};
}

static enum cs_status make_projection(const struct errand *errand, struct cs_tile *tile,
	const struct cs_pass_kept *pass, int image, struct cs_job *job)
{
	const struct cs_shape *input = &errand->opened->model->network->input;
	struct cs_target target = target_of(&tile->key, image);
	struct cs_tensor out = {0};
	struct cs_rule rule;
	enum cs_status status = cs_rule_parse(cs_rule_names[tile->key.rule], &rule, &tile->error);

	if (!status)
		status = cs_tensor_init(&out, CS_SHAPE(1, input->dim[0], input->dim[1], input->dim[2]), &tile->error);
	if (!status)
		status = cs_project(pass->trace, &target, 1, rule, &out, &tile->found, job, &tile->error);
	if (!status && errand->opened->model->whitening)
		cs_whitening_undo(errand->opened->model->whitening, 1, false, out.data);
	if (!status)
		status = crop(errand, tile, out.data);
	cs_tensor_fini(&out);
	return status;
}

static bool needs_pass(const struct cs_tile_key *key)
{
	return key->kind != CS_TILE_IMAGE && key->kind != CS_TILE_PATCH;
}

static void hand_over(struct errand *errand, struct cs_tile *tile, int i)
{
	tile->bytes = sizeof *tile + (size_t)tile->picture.width * (size_t)tile->picture.height * 3 +
		(tile->numbers.data ? (size_t)cs_tensor_count(&tile->numbers) * sizeof(float) : 0);
	errand->done[i] = true;
	pthread_mutex_lock(&errand->lock);
	tile->next = errand->finished;
	errand->finished = tile;
	pthread_mutex_unlock(&errand->lock);
}

static enum cs_status make_tile(struct errand *errand, int i, const struct cs_pass_kept *pass, int image,
	struct cs_job *job, struct cs_error *error)
{
	struct cs_tile *tile = cs_calloc(1, sizeof *tile);

	if (!tile)
		return cs_fail_memory(error, "a picture");
	tile->key = errand->keys[i];
	if (!needs_pass(&tile->key))
		tile->status = make_picture(errand, tile);
	else if (tile->key.kind == CS_TILE_PROJECTION)
		tile->status = make_projection(errand, tile, pass, image, job);
	else
		tile->status = make_numbers(tile, pass, image);
	if (tile->status == CS_ERR_CANCELLED) {
		free_tile(tile);
		return CS_ERR_CANCELLED;
	}
	hand_over(errand, tile, i);
	return CS_OK;
}

/* The next pass: images of the first keys that are not done yet, each once, as many as a pass takes, and how deep it must go. */
static int next_pass(const struct errand *errand, int64_t images[CS_PASS_MOST], int *depth, int most)
{
	int count = 0;

	*depth = 0;
	for (int i = 0; i < errand->count; i++) {
		int at = 0;

		if (errand->done[i] || !needs_pass(&errand->keys[i]))
			continue;
		while (at < count && images[at] != errand->keys[i].image)
			at++;
		if (at == count && count == most)
			continue;
		if (at == count)
			images[count++] = errand->keys[i].image;
		*depth = errand->keys[i].layer > *depth ? errand->keys[i].layer : *depth;
	}
	return count;
}

static enum cs_status run_pass(struct errand *errand, const int64_t *images, int count, int depth, int capacity,
	struct cs_job *job, struct cs_error *error)
{
	struct cs_pass_kept *pass = NULL;
	enum cs_status status = cs_opened_take(errand->opened, depth, capacity, &pass, error);

	if (!status)
		status = cs_opened_forward(errand->opened, pass, images, count, error);
	for (int i = 0; i < errand->count && !status; i++) {
		if (errand->done[i] || !needs_pass(&errand->keys[i]))
			continue;
		for (int at = 0; at < count && !status; at++) {
			if (images[at] != errand->keys[i].image)
				continue;
			status = cs_job_cancelled(job) ? CS_ERR_CANCELLED : make_tile(errand, i, pass, at, job, error);
			break;
		}
	}
	cs_opened_give(errand->opened, pass);
	return status;
}

/* What could not be made becomes tiles that say why, so that it is not asked for again and again. */
static void give_up(struct errand *errand, enum cs_status status, const struct cs_error *error)
{
	for (int i = 0; i < errand->count; i++) {
		struct cs_tile *tile = errand->done[i] ? NULL : cs_calloc(1, sizeof *tile);

		if (!tile)
			continue;
		tile->key = errand->keys[i];
		tile->status = status;
		tile->error = *error;
		hand_over(errand, tile, i);
	}
}

static enum cs_status run_errand(struct cs_job *job, void *context, struct cs_error *error)
{
	struct errand *errand = context;
	int64_t images[CS_PASS_MOST], first = -1;
	enum cs_status status = CS_OK;
	bool one = true; /* all about one image: the pass for one is kept apart, and is deep enough for any layer */
	int depth, count;

	for (int i = 0; i < errand->count && !status; i++) {
		if (!needs_pass(&errand->keys[i]))
			status = cs_job_cancelled(job) ? CS_ERR_CANCELLED : make_tile(errand, i, NULL, 0, job, error);
		else if (first >= 0 && errand->keys[i].image != first)
			one = false;
		else
			first = errand->keys[i].image;
	}
	while (!status && (count = next_pass(errand, images, &depth, one ? 1 : 4)) > 0) {
		if (cs_job_cancelled(job))
			return CS_ERR_CANCELLED;
		if (one)
			depth = errand->opened->model->network->layer_count - 1;
		status = run_pass(errand, images, count, depth, one ? 1 : 4, job, error);
	}
	if (status && status != CS_ERR_CANCELLED)
		give_up(errand, status, error);
	return status;
}

enum cs_status cs_tiles_new(
	struct cs_works *works, struct cs_opened *opened, size_t bytes, struct cs_tiles **out, struct cs_error *error)
{
	struct cs_tiles *tiles = cs_calloc(1, sizeof *tiles);

	if (!tiles)
		return cs_fail_memory(error, "a cache of pictures");
	tiles->works = works;
	tiles->opened = cs_opened_use(opened);
	tiles->limit = bytes;
	*out = tiles;
	return CS_OK;
}

void cs_tiles_free(struct cs_tiles *tiles)
{
	if (!tiles)
		return;
	cs_work_drop(tiles->work);
	for (int b = 0; b < BUCKETS; b++) {
		while (tiles->buckets[b]) {
			struct cs_tile *tile = tiles->buckets[b];

			tiles->buckets[b] = tile->next;
			free_tile(tile);
		}
	}
	cs_opened_release(tiles->opened);
	cs_free(tiles->wanted);
	cs_free(tiles);
}

static unsigned bucket_of(const struct cs_tile_key *key)
{
	return (unsigned)(cs_hash_bytes(CS_HASH_BEGIN, key, sizeof *key) >> 20) % BUCKETS;
}

static bool same_key(const struct cs_tile_key *a, const struct cs_tile_key *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

static struct cs_tile *look_up(struct cs_tiles *tiles, const struct cs_tile_key *key)
{
	struct cs_tile *tile = tiles->buckets[bucket_of(key)];

	while (tile && !same_key(&tile->key, key))
		tile = tile->next;
	return tile;
}

void cs_tiles_begin(struct cs_tiles *tiles)
{
	tiles->wanted_count = 0;
	tiles->clock++;
}

const struct cs_tile *cs_tiles_want(struct cs_tiles *tiles, const struct cs_tile_key *key)
{
	struct cs_tile *tile = look_up(tiles, key);

	if (tile) {
		tile->used = tiles->clock;
		return tile;
	}
	for (int i = 0; i < tiles->wanted_count; i++) {
		if (same_key(&tiles->wanted[i], key))
			return NULL;
	}
	if (tiles->wanted_count == tiles->wanted_room) {
		int room = tiles->wanted_room ? 2 * tiles->wanted_room : 64;
		struct cs_tile_key *wanted = cs_realloc(tiles->wanted, (size_t)room, sizeof *wanted);

		if (!wanted)
			return NULL;
		tiles->wanted = wanted;
		tiles->wanted_room = room;
	}
	tiles->wanted[tiles->wanted_count++] = *key;
	return NULL;
}

static int in_errand(const struct errand *errand, const struct cs_tile_key *key)
{
	for (int i = 0; i < errand->count; i++) {
		if (same_key(&errand->keys[i], key))
			return i;
	}
	return -1;
}

/* Is the work under way of use, so that it need not be replaced (yet)? */
static bool still_good(const struct cs_tiles *tiles)
{
	int covered = 0;

	for (int i = 0; i < tiles->wanted_count; i++)
		covered += in_errand(tiles->errand, &tiles->wanted[i]) >= 0;
	return covered == tiles->wanted_count || (covered > 0 && cs_now() - tiles->started < patience);
}

static void start(struct cs_tiles *tiles)
{
	struct errand *errand = cs_calloc(1, sizeof *errand);
	size_t count = (size_t)tiles->wanted_count;

	if (!errand)
		return;
	pthread_mutex_init(&errand->lock, NULL);
	errand->opened = cs_opened_use(tiles->opened);
	errand->keys = cs_alloc(count * sizeof *errand->keys);
	errand->done = cs_calloc(count, sizeof *errand->done);
	if (!errand->keys || !errand->done) {
		release_errand(errand);
		return;
	}
	memcpy(errand->keys, tiles->wanted, count * sizeof *errand->keys);
	errand->count = tiles->wanted_count;
	if (cs_work_start(tiles->works, "projecting", run_errand, errand, release_errand, &tiles->work, NULL))
		return;
	tiles->errand = errand;
	tiles->started = cs_now();
}

void cs_tiles_end(struct cs_tiles *tiles)
{
	if (tiles->wanted_count == 0 || (tiles->work && still_good(tiles)))
		return;
	cs_work_drop(tiles->work);
	tiles->work = NULL;
	tiles->errand = NULL;
	start(tiles);
}

static void evict(struct cs_tiles *tiles)
{
	while (tiles->bytes > tiles->limit) {
		struct cs_tile **oldest = NULL, *tile;

		for (int b = 0; b < BUCKETS; b++) {
			for (struct cs_tile **at = &tiles->buckets[b]; *at; at = &(*at)->next) {
				if (!oldest || (*at)->used < (*oldest)->used)
					oldest = at;
			}
		}
		if (!oldest || (*oldest)->used == tiles->clock)
			return; /* all on the screen right now */
		tile = *oldest;
		*oldest = tile->next;
		tiles->bytes -= tile->bytes;
		free_tile(tile);
	}
}

bool cs_tiles_collect(struct cs_tiles *tiles)
{
	struct cs_tile *tile;
	bool any = false, ended;

	if (!tiles->work)
		return false;
	ended = cs_work_finished(tiles->work); /* asked before the list is taken: what ends later is taken next time */
	pthread_mutex_lock(&tiles->errand->lock);
	tile = tiles->errand->finished;
	tiles->errand->finished = NULL;
	pthread_mutex_unlock(&tiles->errand->lock);
	while (tile) {
		struct cs_tile *next = tile->next;
		unsigned bucket = bucket_of(&tile->key);

		tile->used = tiles->clock;
		tile->next = tiles->buckets[bucket];
		tiles->buckets[bucket] = tile;
		tiles->bytes += tile->bytes;
		tile = next;
		any = true;
	}
	if (any)
		evict(tiles);
	if (ended) {
		cs_work_drop(tiles->work);
		tiles->work = NULL;
		tiles->errand = NULL;
		any = true; /* what was left out is asked for again */
	}
	return any;
}
