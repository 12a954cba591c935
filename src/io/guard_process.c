/* guard_process.c: the helper program as a process: found, started, ended. See guard.h.
 *
 * The helper is born with the signals of the terminal blocked: Ctrl-C is the program's to answer. It ends when it is killed here, or
 * by itself when the socket closes, and at the latest when its processor time is used up.
 */
#include "io/guard_process.h"

#include "core/alloc.h"
#include "io/guard.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CS_LIBEXECDIR
#define CS_LIBEXECDIR "/usr/local/libexec"
#endif
#define READER CS_GUARD_READER

extern char **environ;

/* --- finding the helper --- */

static bool usable(char *path)
{
	return path && access(path, X_OK) == 0;
}

/* Beside the file `from`, in libexec beside its directory, in the directory above (a build tree's .libs), or in libexec of the prefix whose
 * lib/lua/5.4/convscope or lib/SYSTEM/lua/5.4/convscope holds it, as the module for Lua. To be freed; NULL: not there. */
static char *near(const char *from)
{
	static const char *const places[] = {"", "../libexec/convscope/", "../libexec/", "../",
		"../../../../libexec/convscope/", "../../../../../libexec/convscope/"};
	const char *slash = strrchr(from, '/');
	int length = slash ? (int)(slash - from) : 0;

	for (size_t i = 0; slash && i < sizeof places / sizeof *places; i++) {
		char *path = cs_format("%.*s/%s%s", length, from, places[i], READER);

		if (usable(path))
			return path;
		cs_free(path);
	}
	return NULL;
}

static enum cs_status find_reader(char **out, struct cs_error *error)
{
	const char *named = getenv("CONVSCOPE_READER");
	char self[PATH_MAX];
	ssize_t length;
	char *path = NULL;
	Dl_info module;

	if (named && *named) {
		path = cs_strdup(named);
		if (!path)
			return cs_fail_memory(error, "a path");
		if (!usable(path)) {
			cs_free(path);
			return cs_fail(error, CS_ERR_NOT_FOUND,
				"CONVSCOPE_READER names '%s', which is not a program: it should be the path of " READER,
				named);
		}
		*out = path;
		return CS_OK;
	}
	length = readlink("/proc/self/exe", self, sizeof self - 1);
	if (length > 0) {
		self[length] = '\0';
		path = near(self);
	}
	if (!path && dladdr((void *)(uintptr_t)cs_guard_open, &module) && module.dli_fname)
		path = near(module.dli_fname);
	if (!path) {
		path = cs_strdup(CS_LIBEXECDIR "/" READER);
		if (!usable(path)) {
			cs_free(path);
			return cs_fail(error, CS_ERR_NOT_FOUND,
				"the helper program " READER ", which reads model files, is neither beside convscope "
				"nor in " CS_LIBEXECDIR ": install it (make install), or name it in CONVSCOPE_READER");
		}
	}
	*out = path;
	return CS_OK;
}

/* --- starting and ending it --- */

static int spawn(
	const char *reader, const char *name, int64_t memory, int64_t seconds, const int descriptors[3], pid_t *pid)
{
	char memory_text[32], seconds_text[32];
	char *arguments[] = {(char *)(uintptr_t)reader, (char *)(uintptr_t)name, memory_text, seconds_text, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t all, blocked;
	int failed;

	snprintf(memory_text, sizeof memory_text, "%lld", (long long)memory);
	snprintf(seconds_text, sizeof seconds_text, "%lld", (long long)seconds);
	if (posix_spawn_file_actions_init(&actions))
		return ENOMEM;
	if (posix_spawnattr_init(&attributes)) {
		posix_spawn_file_actions_destroy(&actions);
		return ENOMEM;
	}
	sigfillset(&all);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGQUIT);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGHUP);
	sigaddset(&blocked, SIGTSTP);
	sigaddset(&blocked, SIGWINCH);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &blocked);
	posix_spawnattr_setsigdefault(&attributes, &all);
	failed = 0;
	for (int i = 0; i < 3 && !failed; i++)
		failed = posix_spawn_file_actions_adddup2(&actions, descriptors[i], CS_GUARD_FILE + i);
	if (!failed)
		failed = posix_spawn(pid, reader, &actions, &attributes, arguments, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return failed;
}

enum cs_status cs_guard_process_start(
	const char *name, int64_t memory, int64_t seconds, const int descriptors[3], pid_t *pid, struct cs_error *error)
{
	char *reader;
	enum cs_status status = find_reader(&reader, error);
	int failed;

	if (status)
		return status;
	failed = spawn(reader, name, memory, seconds, descriptors, pid);
	if (failed) {
		errno = failed;
		status = cs_fail_errno(error, "cannot start", reader);
	}
	cs_free(reader);
	return status;
}

int64_t cs_guard_process_starved(pid_t pid)
{
	char path[64];
	long long ran, waited = 0;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%lld/schedstat", (long long)pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%lld %lld", &ran, &waited) != 2)
		waited = 0;
	fclose(file);
	return waited / 1000000;
}

int cs_guard_process_end(pid_t pid)
{
	int ended = -1;
	pid_t got;

	kill(pid, SIGKILL);
	do
		got = waitpid(pid, &ended, 0);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -1 : ended;
}
