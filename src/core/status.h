/* status.h: how convscope reports what went wrong.
 *
 * A bug asserts. What a user or the world can cause returns enum cs_status and fills a caller-owned struct cs_error with
 * one sentence a person can act on: what was found, what was expected, what to do. The sentence has no newline, no
 * program name and no final full stop; the command line prints it behind "convscope: ".
 */
#ifndef CS_CORE_STATUS_H
#define CS_CORE_STATUS_H

#include <stdarg.h>

enum cs_status {
	CS_OK = 0,
	CS_ERR_ARGUMENT,    /* a value outside what the function takes */
	CS_ERR_SHAPE,       /* tensors or layers that do not fit together */
	CS_ERR_NOT_FOUND,   /* a file, layer, feature, data set or class that is not there */
	CS_ERR_EXISTS,      /* it would overwrite something */
	CS_ERR_IO,          /* the operating system refused: permissions, disk full, broken pipe */
	CS_ERR_FORMAT,      /* a file that is not what it should be */
	CS_ERR_UNSUPPORTED, /* understood, but not something convscope can do */
	CS_ERR_NUMERIC,     /* NaN or infinity where numbers were needed */
	CS_ERR_MEMORY,      /* out of memory, or over a stated limit */
	CS_ERR_CANCELLED,   /* the user or the program asked for it to stop */
};

struct cs_error {
	enum cs_status status;
	char message[1000];
};

/* Make `text`, which may quote a file, fit for a line on a terminal, in place: line ends and tabs become spaces, other control characters
 * (C0, DEL, C1 in UTF-8) question marks. Every message below has gone through it. */
void cs_status_plain(char *text);

/* Fill `error` (which may be NULL) with a formatted sentence and return `status`, so that one can
 * write `return cs_fail(error, CS_ERR_SHAPE, "...", ...)`. A message that is too long is cut. */
enum cs_status cs_fail(struct cs_error *error, enum cs_status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The out-of-memory error, with what the memory was for: "not enough memory for <what>". */
enum cs_status cs_fail_memory(struct cs_error *error, const char *what);

/* The error of a failed system call: "<what> 'path': <strerror(errno)>". `path` may be NULL. */
enum cs_status cs_fail_errno(struct cs_error *error, const char *what, const char *path);

/* Put a context in front of the message, as in "runs/a/config.json: <message>"; returns the status. */
enum cs_status cs_error_prefix(struct cs_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A short lower-case word for a status ("shape", "not_found"): the code that Lua scripts see. */
const char *cs_status_name(enum cs_status status);

#endif
