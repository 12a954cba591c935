/* rival.c: see rival.h. */
#include "ui/rival.h"

#include "core/alloc.h"
#include "work/verdicts.h"

#include <stdio.h>
#include <string.h>

struct cs_rival {
	struct cs_session *session;
	struct cs_opened *first, *second; /* the session's model and the rival; one user each */
	struct cs_work *opening;
	struct cs_tiles *tiles;
	struct cs_work *asking[2];
	bool ready, ended;
	char why[1000];
	struct cs_agreement agreement;
	int64_t *lost, *gained, lost_count, gained_count, seen;
};

static void release_opened(void *opened)
{
	cs_opened_release(opened);
}

enum cs_status cs_rival_new(
	struct cs_session *session, const char *target, struct cs_rival **out, struct cs_error *error)
{
	struct cs_rival *rival = cs_calloc(1, sizeof *rival);
	struct cs_opened *first = session->opened;
	enum cs_status status;

	if (!rival)
		return cs_fail_memory(error, "a second model");
	rival->session = session;
	rival->first = cs_opened_use(first);
	rival->second = cs_opened_new(target, first->data->spec, first->threads);
	rival->lost = cs_alloc((size_t)first->image_count * sizeof *rival->lost);
	rival->gained = cs_alloc((size_t)first->image_count * sizeof *rival->gained);
	if (!rival->second || !rival->lost || !rival->gained)
		status = cs_fail_memory(error, "a second model");
	else
		status = cs_work_start(session->works, "opening the other model", cs_opened_load,
			cs_opened_use(rival->second), release_opened, &rival->opening, error);
	if (status) {
		cs_rival_free(rival);
		return status;
	}
	*out = rival;
	return CS_OK;
}

void cs_rival_free(struct cs_rival *rival)
{
	if (!rival)
		return;
	cs_work_drop(rival->opening);
	cs_work_drop(rival->asking[0]);
	cs_work_drop(rival->asking[1]);
	cs_tiles_free(rival->tiles);
	cs_opened_release(rival->first);
	cs_opened_release(rival->second);
	cs_free(rival->lost);
	cs_free(rival->gained);
	cs_free(rival);
}

/* Can the two be compared? Says why not. */
static bool comparable(struct cs_rival *rival)
{
	const struct cs_opened *a = rival->first, *b = rival->second;

	if (b->image_count != a->image_count ||
		memcmp(a->images, b->images, (size_t)a->image_count * sizeof *a->images) != 0) {
		snprintf(
			rival->why, sizeof rival->why, "the other model was opened on other images: %s", b->data->spec);
		return false;
	}
	if (a->model->class_count && b->model->class_count && a->model->class_count != b->model->class_count) {
		snprintf(rival->why, sizeof rival->why, "the models tell other classes apart: %d and %d",
			a->model->class_count, b->model->class_count);
		return false;
	}
	for (int c = 0; c < a->model->class_count && c < b->model->class_count; c++) {
		const char *x = a->model->class_names ? a->model->class_names[c] : "";
		const char *y = b->model->class_names ? b->model->class_names[c] : "";

		if (a->model->class_names && b->model->class_names && strcmp(x, y) != 0) {
			snprintf(rival->why, sizeof rival->why,
				"the models tell other classes apart: class %d is %s and %s", c, x, y);
			return false;
		}
	}
	return true;
}

static void opened(struct cs_rival *rival)
{
	struct cs_error error;

	if (cs_opened_stage(rival->second) != CS_STAGE_READY) {
		cs_opened_notice(rival->second, rival->why, sizeof rival->why);
		return;
	}
	if (!comparable(rival))
		return;
	if (cs_tiles_new(rival->session->works, rival->second, (size_t)rival->session->settings.memory << 20,
		    &rival->tiles, &error) ||
		cs_verdicts_start(rival->session->works, rival->first, &rival->asking[0], &error) ||
		cs_verdicts_start(rival->session->works, rival->second, &rival->asking[1], &error)) {
		snprintf(rival->why, sizeof rival->why, "%s", error.message);
		return;
	}
	rival->ready = true;
}

static void count(struct cs_rival *rival)
{
	struct cs_opened *a = rival->first, *b = rival->second;

	rival->agreement = (struct cs_agreement){0};
	rival->lost_count = rival->gained_count = 0;
	for (int64_t i = 0; i < a->image_count; i++) {
		int x = cs_verdict(a, i), y = cs_verdict(b, i), label = cs_dataset_label(a->data, a->images[i]);

		if (x < 0 || y < 0 || label < 0)
			continue;
		cs_agreement_add(&rival->agreement, y == label, x == label);
		if (x == label && y != label)
			rival->gained[rival->gained_count++] = a->images[i];
		if (x != label && y == label)
			rival->lost[rival->lost_count++] = a->images[i];
	}
}

bool cs_rival_tick(struct cs_rival *rival)
{
	bool news = false;
	int64_t seen;

	if (rival->opening && cs_work_finished(rival->opening)) {
		cs_work_drop(rival->opening);
		rival->opening = NULL;
		opened(rival);
		if (rival->ready)
			count(rival);
		news = true;
	}
	if (!rival->ready)
		return news;
	news |= cs_tiles_collect(rival->tiles);
	seen = cs_verdicts_known(rival->first) + cs_verdicts_known(rival->second);
	if (seen != rival->seen) {
		rival->seen = seen;
		count(rival);
		news = true;
	}
	if (!rival->ended && cs_work_finished(rival->asking[0]) && cs_work_finished(rival->asking[1])) {
		rival->ended = true;
		count(rival);
		news = true;
	}
	return news;
}

struct cs_opened *cs_rival_opened(struct cs_rival *rival)
{
	return rival->ready ? rival->second : NULL;
}

struct cs_tiles *cs_rival_tiles(struct cs_rival *rival)
{
	return rival->ready ? rival->tiles : NULL;
}

void cs_rival_why_not(struct cs_rival *rival, char *text, size_t size)
{
	snprintf(text, size, "%s", rival->why[0] ? rival->why : rival->opening ? "opening the other model ..." : "");
}

const struct cs_agreement *cs_rival_agreement(const struct cs_rival *rival)
{
	return &rival->agreement;
}

const int64_t *cs_rival_lost(const struct cs_rival *rival, int64_t *number)
{
	*number = rival->lost_count;
	return rival->lost;
}

const int64_t *cs_rival_gained(const struct cs_rival *rival, int64_t *number)
{
	*number = rival->gained_count;
	return rival->gained;
}

int cs_rival_layer(struct cs_rival *rival, int layer)
{
	const struct cs_network *second;
	int found;

	if (!rival->ready)
		return -1;
	second = rival->second->model->network;
	found = cs_network_find(second, cs_layer_name(rival->first->model->network, layer));
	return found < 0 ? found : cs_layer_block(second, found);
}
