/* log.c: one sink for lines, guarded by a lock. See log.h. */
#include "core/log.h"

#include "core/status.h"

#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static void to_stderr(void *context, enum cs_log_level level, const char *line)
{
	(void)context;
	if (level >= CS_LOG_WARNING)
		fprintf(stderr, "convscope: warning: %s\n", line);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static cs_log_sink current_sink = to_stderr;
static void *current_context;

void cs_log_to(cs_log_sink sink, void *context)
{
	pthread_mutex_lock(&lock);
	current_sink = sink ? sink : to_stderr;
	current_context = context;
	pthread_mutex_unlock(&lock);
}

void cs_log(enum cs_log_level level, const char *format, ...)
{
	char line[1200];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	cs_status_plain(line); /* warnings quote files, and go to a terminal */
	pthread_mutex_lock(&lock);
	current_sink(current_context, level, line);
	pthread_mutex_unlock(&lock);
}
