/* stack.c: views above views. See view.h. */
#include "core/alloc.h"
#include "ui/view.h"

static void free_view(struct cs_view *view)
{
	if (view->state)
		view->ops->close(view);
	cs_free(view->state);
	cs_free(view);
}

static struct cs_view *make(
	struct cs_session *session, const struct cs_view_ops *ops, const void *argument, struct cs_error *error)
{
	struct cs_view *view = cs_calloc(1, sizeof *view);
	enum cs_status status;

	if (!view) {
		cs_fail_memory(error, "a screen");
		return NULL;
	}
	view->ops = ops;
	view->session = session;
	view->state = cs_calloc(1, ops->size);
	status = view->state ? ops->open(view, argument, error) : cs_fail_memory(error, "a screen");
	if (status) {
		free_view(view);
		return NULL;
	}
	return view;
}

bool cs_view_push(struct cs_session *session, const struct cs_view_ops *ops, const void *argument)
{
	struct cs_error error = {0};
	struct cs_view *view = make(session, ops, argument, &error);

	session->dirty = true;
	if (!view) {
		cs_session_complain(session, &error);
		return false;
	}
	view->below = session->top;
	session->top = view;
	return true;
}

void cs_view_pop(struct cs_session *session)
{
	struct cs_view *view = session->top;

	if (!view)
		return;
	session->top = view->below;
	session->dirty = true;
	if (!session->top)
		session->quit = true;
	free_view(view);
}

bool cs_view_replace(struct cs_session *session, const struct cs_view_ops *ops, const void *argument)
{
	struct cs_view *old = session->top;

	if (!cs_view_push(session, ops, argument))
		return false;
	session->top->below = old->below;
	free_view(old);
	return true;
}
