/* guard_internal.h: what guard.c (the helper, one question and one answer) and guard_read.c (the questions) share. */
#ifndef CS_IO_GUARD_INTERNAL_H
#define CS_IO_GUARD_INTERNAL_H

#include "io/guard.h"

#include <pthread.h>
#include <sys/types.h>

struct cs_guard {
	pthread_mutex_t lock;
	char *name; /* of the file, for messages */
	pid_t pid; /* 0: ended and buried */
	int socket, window, file;
	int64_t size; /* of the file */
	uint64_t room; /* bytes in the window */
	const char *front; /* the first of them, mapped */
	int64_t ticks, seconds; /* left to wait; given in all */
	int64_t starved; /* milliseconds given back because no processor was free for the helper */
	struct cs_error lost; /* status CS_OK while the helper lives */
};

/* How a helper comes to be of no more use. */
enum cs_guard_end { CS_GUARD_DIED, CS_GUARD_HANGS, CS_GUARD_LIES };

/* The lock is held in all of these. */

/* End the helper and remember why: the error of every later question. */
enum cs_status cs_guard_lose(struct cs_guard *guard, enum cs_guard_end end, struct cs_error *error);

/* Send a request of which the caller has filled what is special to it. */
enum cs_status cs_guard_send_request(struct cs_guard *guard, struct cs_guard_request *request, enum cs_guard_op op,
	const char *path, const char *attribute, struct cs_error *error);

/* A reply is well-formed; a bad one is the helper's end. Its error, if it is one, is passed on. */
enum cs_status cs_guard_take_reply(struct cs_guard *guard, struct cs_guard_reply *reply, struct cs_error *error);

/* A request and its reply. */
enum cs_status cs_guard_ask(struct cs_guard *guard, struct cs_guard_request *request, enum cs_guard_op op,
	const char *path, const char *attribute, struct cs_guard_reply *reply, struct cs_error *error);

/* Copy the first `bytes` of the window, which the reply filled. */
enum cs_status cs_guard_copy_window(const struct cs_guard *guard, void *to, uint64_t bytes, struct cs_error *error);

/* See that the window holds `bytes`. It never shrinks: the seal keeps the helper from pulling it away under our feet. */
enum cs_status cs_guard_make_room(struct cs_guard *guard, uint64_t bytes, struct cs_error *error);

#endif
