/* session.c: the state that screens share. See session.h. */
#include "ui/session.h"

#include "core/alloc.h"
#include "core/clock.h"
#include "io/file.h"
#include "ui/analyses.h"
#include "ui/record.h"
#include "work/reading.h"
#include "work/verdicts.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const double message_seconds = 8;
static const double leave_seconds = 0.3; /* what work has to notice that it is over */

enum cs_status cs_session_init(struct cs_session *session, const struct cs_ui_request *request,
	const struct cs_ui_hooks *hooks, struct cs_error *error)
{
	*session = (struct cs_session){.request = request, .hooks = hooks, .dirty = true, .looked_feature = -1};
	return cs_works_new(&session->works, error);
}

static void let_go(struct cs_session *session)
{
	cs_work_drop(session->opening);
	session->opening = NULL;
	for (int i = 0; i < session->scan_count; i++)
		cs_scan_drop(session->scans[i]);
	session->scan_count = 0;
	cs_tiles_free(session->tiles);
	session->tiles = NULL;
	cs_reading_free(session->colour);
	session->colour = NULL;
	cs_work_drop(session->verdicts);
	session->verdicts = NULL;
	session->verdicts_told = false;
	cs_gallery_fini(&session->gallery);
	cs_opened_release(session->opened);
	session->opened = NULL;
	cs_free(session->order);
	session->order = NULL;
	session->looked_feature = -1;
	cs_free(session->run);
	session->run = NULL;
	session->stage = CS_STAGE_OPENING;
}

void cs_session_fini(struct cs_session *session)
{
	cs_record_stop(session);
	let_go(session);
	cs_analyses_free(session->analyses);
	if (!cs_works_stop(session->works, leave_seconds)) {
		/* The list of a large archive is being read, say: nothing is lost by it, and nobody who leaves wants to wait for it. */
		fflush(NULL);
		_exit(0);
	}
	cs_works_free(session->works);
	cs_graphics_free(session->graphics);
	cs_prompt_fini(&session->prompt);
	cs_free(session->kept);
}

void cs_session_say(struct cs_session *session, enum cs_style style, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(session->message, sizeof session->message, format, args);
	va_end(args);
	session->message_style = style;
	session->message_until = cs_now() + message_seconds;
	session->dirty = true;
}

void cs_session_complain(struct cs_session *session, const struct cs_error *error)
{
	cs_session_say(session, CS_STYLE_BAD, "%s", error->message);
}

static void release_opened(void *opened)
{
	cs_opened_release(opened);
}

/* When the model file behind a target was written; 0 when there is none (yet). */
static double stamp_of(const char *target)
{
	struct stat info;
	char *path = NULL;
	double stamp = 0;

	if (cs_model_resolve(target, &path, NULL) == CS_OK && stat(path, &info) == 0)
		stamp = (double)info.st_mtim.tv_sec + 1e-9 * (double)info.st_mtim.tv_nsec;
	cs_free(path);
	return stamp;
}

enum cs_status cs_session_open(struct cs_session *session, const char *target, struct cs_error *error)
{
	bool is_run = cs_file_is_directory(target);
	double stamp = stamp_of(target);
	struct cs_opened *opened;
	char *run = NULL;
	enum cs_status status;

	if (session->opened && strcmp(session->opened->target, target) == 0 && session->stage != CS_STAGE_FAILED &&
		session->stamp == stamp)
		return CS_OK;
	opened = cs_opened_new(target, session->request->dataset, session->request->threads);
	if (is_run)
		run = cs_strdup(target);
	if (!opened || (is_run && !run)) {
		cs_opened_release(opened);
		return cs_fail_memory(error, "a model");
	}
	let_go(session);
	session->opened = opened;
	session->stamp = stamp;
	session->run = run;
	status = cs_work_start(session->works, "opening the model", cs_opened_load, cs_opened_use(opened),
		release_opened, &session->opening, error);
	if (status)
		let_go(session);
	return status;
}

static void stage_changed(struct cs_session *session, enum cs_stage stage)
{
	char notice[500];
	struct cs_error error;

	session->stage = stage;
	if (stage == CS_STAGE_READY &&
		cs_tiles_new(session->works, session->opened, (size_t)session->settings.memory << 20, &session->tiles,
			&error)) {
		session->stage = CS_STAGE_NO_IMAGES;
		cs_session_complain(session, &error);
		return;
	}
	cs_opened_notice(session->opened, notice, sizeof notice);
	if (notice[0])
		cs_session_say(session, stage == CS_STAGE_READY ? CS_STYLE_WARN : CS_STYLE_BAD, "%s", notice);
}

bool cs_session_tick(struct cs_session *session)
{
	bool news = false;

	cs_works_reap(session->works);
	if (session->opened && cs_opened_stage(session->opened) != session->stage) {
		stage_changed(session, cs_opened_stage(session->opened));
		news = true;
	}
	if (session->opening && cs_work_finished(session->opening)) {
		cs_work_drop(session->opening);
		session->opening = NULL;
		news = true;
	}
	if (session->verdicts && cs_work_finished(session->verdicts) && !session->verdicts_told) {
		session->verdicts_told = true;
		news = true;
	}
	if (session->tiles && cs_tiles_collect(session->tiles))
		news = true;
	if (cs_analyses_tick(session))
		news = true;
	if (session->colour && cs_reading_tick(session->colour))
		news = true;
	return news;
}

bool cs_session_has_model(const struct cs_session *session)
{
	return session->opened &&
		(session->stage == CS_STAGE_MODEL || session->stage == CS_STAGE_READY ||
			session->stage == CS_STAGE_NO_IMAGES);
}

bool cs_session_has_images(const struct cs_session *session)
{
	return session->opened && session->stage == CS_STAGE_READY && session->tiles;
}

void cs_session_why_not(struct cs_session *session, char *text, size_t size)
{
	text[0] = '\0';
	if (!session->opened)
		snprintf(text, size, "no model is open");
	else if (session->stage == CS_STAGE_OPENING)
		snprintf(text, size, "opening the model ...");
	else if (session->stage == CS_STAGE_MODEL)
		snprintf(text, size, "opening the images ...");
	else
		cs_opened_notice(session->opened, text, size);
}

struct cs_scan *cs_session_scan(struct cs_session *session, int layer)
{
	const struct cs_opened *opened = session->opened;
	bool listed = false;
	struct cs_error error;

	if (!cs_session_has_images(session))
		return NULL;
	for (int i = 0; i < session->scan_count; i++) {
		if (cs_scan_has(session->scans[i], layer))
			return session->scans[i];
	}
	if (session->scan_count == CS_SCANS)
		return NULL;
	for (int i = 0; i < opened->layer_count; i++)
		listed |= opened->layers[i] == layer;
	if (cs_scan_start(session->works, session->opened, listed ? opened->layers : &layer,
		    listed ? opened->layer_count : 1, &session->scans[session->scan_count], &error)) {
		cs_session_complain(session, &error);
		return NULL;
	}
	return session->scans[session->scan_count++];
}

struct cs_reading *cs_session_colour(struct cs_session *session)
{
	if (!session->colour && session->opened)
		cs_analyses_read(session, "colour", &session->colour, NULL);
	return session->colour;
}

int cs_session_layer(const struct cs_session *session, int digit)
{
	if (!cs_session_has_model(session) || digit < 0 || digit >= session->opened->layer_count)
		return -1;
	return session->opened->layers[digit];
}

int cs_session_layer_step(const struct cs_session *session, int layer, int step)
{
	int found = -1;

	if (!cs_session_has_model(session))
		return -1;
	for (int i = 0; i < session->opened->layer_count; i++) {
		int at = session->opened->layers[i];

		if (step < 0 && at < layer)
			found = at;
		if (step > 0 && at > layer)
			return at;
	}
	return found;
}

void cs_session_next_rule(struct cs_session *session)
{
	session->rule = (session->rule + 1) % 8;
	cs_session_say(session, CS_STYLE_TEXT, "rule %s", cs_rule_names[session->rule]);
	cs_record_choices(session);
}

void cs_session_next_signal(struct cs_session *session)
{
	session->signal = session->signal == CS_SIGNAL_VALUE ? CS_SIGNAL_ONE : CS_SIGNAL_VALUE;
	cs_session_say(session, CS_STYLE_TEXT,
		session->signal == CS_SIGNAL_VALUE ? "signal: the activation's value goes back"
						   : "signal: one goes back, whatever the activation");
	cs_record_choices(session);
}

void cs_session_toggle_shared(struct cs_session *session)
{
	session->shared = !session->shared;
	cs_session_say(session, CS_STYLE_TEXT,
		session->shared ? "one scale for all pictures on the screen" : "each picture has a scale of its own");
	cs_record_choices(session);
}

void cs_session_order_images(struct cs_session *session, enum cs_gallery_order order, const char *filter)
{
	struct cs_error error;

	if (!cs_session_has_images(session))
		return;
	if (!session->verdicts && (order == CS_GALLERY_WRONG || order == CS_GALLERY_UNSURE) &&
		cs_verdicts_start(session->works, session->opened, &session->verdicts, &error))
		cs_session_complain(session, &error);
	if (cs_gallery_make(&session->gallery, session->opened, order, filter, &error))
		cs_session_complain(session, &error);
}

const struct cs_network *cs_session_network(const struct cs_session *session)
{
	return session->opened->model->network;
}
