/* log.h: lines for people. Engine rooms never print: they log, and whoever runs them decides where the lines go
 * (stderr for the command line, log.txt for a run, the status line in the browser).
 */
#ifndef CS_CORE_LOG_H
#define CS_CORE_LOG_H

enum cs_log_level { CS_LOG_DEBUG, CS_LOG_INFO, CS_LOG_WARNING };

/* Takes one line without newline. May be called from any thread, one call at a time. */
typedef void (*cs_log_sink)(void *context, enum cs_log_level level, const char *line);

/* Where lines go from now on; NULL restores the default (stderr, warnings and above; "convscope: warning: ..."). */
void cs_log_to(cs_log_sink sink, void *context);

void cs_log(enum cs_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define cs_info(...) cs_log(CS_LOG_INFO, __VA_ARGS__)
#define cs_warn(...) cs_log(CS_LOG_WARNING, __VA_ARGS__)

#endif
