/* status.c: error sentences. See status.h. */
#include "core/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const status_names[] = {
	[CS_OK] = "ok",
	[CS_ERR_ARGUMENT] = "argument",
	[CS_ERR_SHAPE] = "shape",
	[CS_ERR_NOT_FOUND] = "not_found",
	[CS_ERR_EXISTS] = "exists",
	[CS_ERR_IO] = "io",
	[CS_ERR_FORMAT] = "format",
	[CS_ERR_UNSUPPORTED] = "unsupported",
	[CS_ERR_NUMERIC] = "numeric",
	[CS_ERR_MEMORY] = "memory",
	[CS_ERR_CANCELLED] = "cancelled",
};

void cs_status_plain(char *text)
{
	for (unsigned char *at = (unsigned char *)text; *at; at++) {
		if (*at == '\n' || *at == '\t' || *at == '\r')
			*at = ' ';
		else if (*at < ' ' || *at == 0x7f)
			*at = '?';
		else if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)
			at[0] = at[1] = '?';
	}
}

enum cs_status cs_fail(struct cs_error *error, enum cs_status status, const char *format, ...)
{
	if (error) {
		va_list args;
		error->status = status;
		va_start(args, format);
		vsnprintf(error->message, sizeof error->message, format, args);
		va_end(args);
		cs_status_plain(error->message);
	}
	return status;
}

enum cs_status cs_fail_memory(struct cs_error *error, const char *what)
{
	return cs_fail(error, CS_ERR_MEMORY, "not enough memory for %s", what);
}

enum cs_status cs_fail_errno(struct cs_error *error, const char *what, const char *path)
{
	int code = errno;
	enum cs_status status = code == ENOENT ? CS_ERR_NOT_FOUND : code == EEXIST ? CS_ERR_EXISTS : CS_ERR_IO;

	if (path)
		return cs_fail(error, status, "%s '%s': %s", what, path, strerror(code));
	return cs_fail(error, status, "%s: %s", what, strerror(code));
}

enum cs_status cs_error_prefix(struct cs_error *error, const char *format, ...)
{
	char rest[sizeof error->message];
	va_list args;
	int n;

	if (!error)
		return CS_ERR_ARGUMENT;
	memcpy(rest, error->message, sizeof rest);
	va_start(args, format);
	n = vsnprintf(error->message, sizeof error->message, format, args);
	va_end(args);
	cs_status_plain(error->message);
	if (n >= 0 && (size_t)n + 2 < sizeof error->message) {
		size_t room = sizeof error->message - (size_t)n - 3;
		size_t length = strnlen(rest, sizeof rest);

		memcpy(error->message + n, ": ", 2);
		memcpy(error->message + n + 2, rest, length < room ? length : room);
		error->message[(size_t)n + 2 + (length < room ? length : room)] = '\0';
	}
	return error->status;
}

const char *cs_status_name(enum cs_status status)
{
	return status_names[status];
}
