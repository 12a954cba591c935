/* directory.c: the files of a run that are not models or curves: lock, log.txt, config.json, summary.json.
 *
 * The lock is an open-file-description lock on the file `lock`: the kernel drops it when the process ends, however it
 * ends, and asking whether somebody holds it takes nothing, so that a browser listing runs never gets into a trainer's way.
 *
 * A run may come from elsewhere. So its files are regular files in its own directory: what is a link, a pipe or a device is neither waited for
 * nor written through.
 */
#include "run/run_internal.h"

#include "core/alloc.h"
#include "core/log.h"
#include "io/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK "lock"
enum { MAX_JSON = 4 << 20 };

/* What a new run in an old one's place must not find; all but the log make a directory a run. */
static const char *const files[] = {
	"config.json",
	"summary.json",
	"best.hdf5",
	"last.hdf5",
	"history.hdf5",
	"history.csv",
	"points.csv",
	"log.txt",
};

static const char *const end_names[] = {
	[CS_RUN_COMPLETE] = "complete",
	[CS_RUN_PATIENCE] = "patience",
	[CS_RUN_STOPPED] = "stopped",
	[CS_RUN_DIVERGED] = "diverged",
};

const char *cs_run_end_name(enum cs_run_end end)
{
	return end_names[end];
}

char *cs_run_file(const struct cs_run_directory *directory, const char *name)
{
	return directory->path ? cs_file_join(directory->path, name) : NULL;
}

static bool holds_run(const char *path)
{
	bool found = false;

	for (size_t i = 0; i + 1 < sizeof files / sizeof *files && !found; i++) {
		char *file = cs_file_join(path, files[i]);

		found = file && cs_file_exists(file);
		cs_free(file);
	}
	return found;
}

/* Remove the plain files of a folder, not what lies deeper: analyses and figures of the model that is replaced. Where a link stands in its
 * place, what it leads to is not the run's and stays. */
static void clear_folder(const char *path, const char *name)
{
	char *folder = cs_file_join(path, name);
	int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		if (entry->d_type == DT_REG)
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	cs_free(folder);
}

static enum cs_status clear(const char *path, struct cs_error *error)
{
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char *file = cs_file_join(path, files[i]);

		if (!file)
			return cs_fail_memory(error, "a path");
		if (unlink(file) && errno != ENOENT) {
			enum cs_status status = cs_fail_errno(error, "cannot remove the old run's", file);

			cs_free(file);
			return status;
		}
		cs_free(file);
	}
	clear_folder(path, "analyses");
	clear_folder(path, "figures");
	return CS_OK;
}

/* Is `name` in the run's directory a file of its own, or not there? */
static enum cs_status check_own(const struct cs_run_directory *directory, const char *name, struct cs_error *error)
{
	char *path = cs_run_file(directory, name);
	enum cs_status status = CS_OK;
	struct stat about;

	if (!path)
		return cs_fail_memory(error, "a path");
	if (lstat(path, &about)) {
		if (errno != ENOENT)
			status = cs_fail_errno(error, "cannot read", path);
	} else if (!S_ISREG(about.st_mode)) {
		status = cs_fail(error, CS_ERR_IO,
			"'%s' is a %s: a run is written to files in its own directory alone; put a file there, or remove it",
			path,
			S_ISLNK(about.st_mode)             ? "symbolic link"
				: S_ISDIR(about.st_mode)   ? "directory"
				: S_ISFIFO(about.st_mode) ? "pipe"
							  : "device");
	}
	cs_free(path);
	return status;
}

static struct flock whole_file(short type)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET};
}

static enum cs_status take_lock(struct cs_run_directory *directory, struct cs_error *error)
{
	struct flock lock = whole_file(F_WRLCK);
	char *path = cs_run_file(directory, LOCK);
	char text[40] = "";
	enum cs_status status = check_own(directory, LOCK, error);
	ssize_t size;

	if (!status && !path)
		status = cs_fail_memory(error, "a path");
	if (status) {
		cs_free(path);
		return status;
	}
	directory->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
	if (directory->lock < 0) {
		status = cs_fail_errno(error, "cannot make", path);

		cs_free(path);
		return status;
	}
	cs_free(path);
	if (fcntl(directory->lock, F_OFD_SETLK, &lock)) {
		bool held = errno == EAGAIN || errno == EACCES;

		if (!held) /* a file system without locks: better to train unguarded than not at all */
			return CS_OK;
		size = pread(directory->lock, text, sizeof text - 1, 0);
		text[size > 0 ? size : 0] = '\0';
		text[strcspn(text, "\n")] = '\0';
		return cs_fail(error, CS_ERR_EXISTS,
			"another process%s%s%s is training into '%s'; wait for it or choose another "
			"directory",
			*text ? " (number " : "", text, *text ? ")" : "", directory->path);
	}
	size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
	if (ftruncate(directory->lock, 0) || pwrite(directory->lock, text, (size_t)size, 0) != size)
		return cs_fail_errno(error, "cannot write the lock of", directory->path);
	return CS_OK;
}

bool cs_run_alive(const char *path)
{
	struct flock lock = whole_file(F_WRLCK);
	char *file = cs_file_join(path, LOCK);
	int fd = file ? open(file, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
	bool held;

	/* Somebody else's run: asking needs no right to write where a read lock is asked about. */
	if (fd < 0 && file) {
		fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		lock.l_type = F_RDLCK;
	}
	cs_free(file);
	if (fd < 0)
		return false;
	held = !fcntl(fd, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK;
	close(fd);
	return held;
}

enum cs_status cs_run_directory_open(
	struct cs_run_directory *directory, const char *path, bool resume, bool overwrite, struct cs_error *error)
{
	char *log = NULL;
	enum cs_status status;

	*directory = (struct cs_run_directory){.lock = -1};
	if (cs_file_exists(path) && !cs_file_is_directory(path))
		return cs_fail(error, CS_ERR_EXISTS, "'%s' is a file; a run needs a directory", path);
	status = cs_file_make_directories(path, error);
	if (status)
		return status;
	directory->path = cs_strdup(path);
	if (!directory->path)
		return cs_fail_memory(error, "a path");
	status = take_lock(directory, error);
	if (!status && !resume && holds_run(path)) {
		if (!overwrite)
			status = cs_fail(error, CS_ERR_EXISTS,
				"'%s' holds a run already; go on with convscope train --resume -o %s, or choose "
				"another directory",
				path, path);
		else
			status = clear(path, error);
	}
	for (size_t i = 0; i < sizeof files / sizeof *files && !status; i++)
		status = check_own(directory, files[i], error);
	if (!status) {
		log = cs_run_file(directory, "log.txt");
		directory->log = log ? fopen(log, "ae") : NULL;
		if (!directory->log)
			status = cs_fail_errno(error, "cannot write", log);
		else
			setvbuf(directory->log, NULL, _IOLBF, 0);
		cs_free(log);
	}
	if (status)
		cs_run_directory_close(directory);
	return status;
}

void cs_run_directory_close(struct cs_run_directory *directory)
{
	if (directory->log)
		fclose(directory->log);
	if (directory->lock >= 0)
		close(directory->lock);
	cs_free(directory->path);
	*directory = (struct cs_run_directory){.lock = -1};
}

void cs_run_log(struct cs_run_directory *directory, bool warning, const char *format, ...)
{
	char line[1100], date[40];
	time_t now = time(NULL);
	struct tm parts;
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	cs_log(warning ? CS_LOG_WARNING : CS_LOG_INFO, "%s", line);
	if (!directory->log)
		return;
	localtime_r(&now, &parts);
	strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &parts);
	fprintf(directory->log, "%s %s%s\n", date, warning ? "warning: " : "", line);
}

static enum cs_status write_json(
	const struct cs_run_directory *directory, const char *name, const json_t *root, struct cs_error *error)
{
	char *path = cs_run_file(directory, name),
	     *text = root ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) : NULL;
	char *line = text ? cs_format("%s\n", text) : NULL;
	enum cs_status status = path && line ? cs_file_write(path, line, strlen(line), error)
					     : cs_fail_memory(error, "a run's description");

	free(text);
	cs_free(line);
	cs_free(path);
	return status;
}

json_t *cs_run_read_json(const char *directory, const char *name)
{
	char *path = cs_file_join(directory, name), *bytes = NULL;
	json_t *root = NULL;
	size_t size;

	if (path && !cs_file_read_regular(path, MAX_JSON, &bytes, &size, NULL))
		root = json_loadb(bytes, size, 0, NULL);
	cs_free(bytes);
	cs_free(path);
	return root;
}

enum cs_status cs_run_write_config(
	const struct cs_run_directory *directory, const char *config, json_t *facts, struct cs_error *error)
{
	json_error_t where;
	json_t *root = config ? json_loads(config, 0, &where) : json_object();
	enum cs_status status;

	if (!json_is_object(root))
		status = cs_fail(error, CS_ERR_ARGUMENT, "the run's configuration is not a JSON object%s%s",
			root ? "" : ": ", root ? "" : where.text);
	else if (json_object_set(root, "run", facts))
		status = cs_fail_memory(error, "a run's description");
	else
		status = write_json(directory, "config.json", root, error);
	json_decref(root);
	json_decref(facts);
	return status;
}

/* JSON knows no NaN. */
static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static double read_number(const json_t *root, const char *key)
{
	const json_t *value = json_object_get(root, key);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

enum cs_status cs_run_write_summary(const struct cs_run_directory *directory, const struct cs_run_summary *summary,
	bool finished, struct cs_error *error)
{
	json_t *root = json_pack("{s:s, s:b, s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "end",
		cs_run_end_name(summary->end), "finished", finished ? 1 : 0, "message", summary->message, "epochs",
		(json_int_t)summary->epochs, "best_epoch", (json_int_t)summary->best_epoch, "best_val_accuracy",
		number(summary->best_val_accuracy), "best_val_loss", number(summary->best_val_loss),
		"last_train_accuracy", number(summary->last_train_accuracy), "last_train_loss",
		number(summary->last_train_loss), "seconds", number(summary->seconds), "images_per_second",
		number(summary->images_per_second), "loader_wait_share", number(summary->loader_wait_share), "version",
		CS_VERSION);
	enum cs_status status = write_json(directory, "summary.json", root, error);

	json_decref(root);
	return status;
}

enum cs_status cs_run_read_summary(const char *directory, struct cs_run_summary *summary, struct cs_error *error)
{
	json_t *root = cs_run_read_json(directory, "summary.json");
	const char *end = json_string_value(json_object_get(root, "end"));
	const char *message = json_string_value(json_object_get(root, "message"));
	const json_t *best = json_object_get(root, "best_epoch");

	if (!end) {
		json_decref(root);
		return cs_fail(error, CS_ERR_NOT_FOUND, "'%s' has no summary.json that can be read", directory);
	}
	*summary = (struct cs_run_summary){
		.epochs = json_integer_value(json_object_get(root, "epochs")),
		.best_epoch = json_is_integer(best) ? json_integer_value(best) : -1,
		.best_val_accuracy = read_number(root, "best_val_accuracy"),
		.best_val_loss = read_number(root, "best_val_loss"),
		.last_train_accuracy = read_number(root, "last_train_accuracy"),
		.last_train_loss = read_number(root, "last_train_loss"),
		.seconds = read_number(root, "seconds"),
		.images_per_second = read_number(root, "images_per_second"),
		.loader_wait_share = read_number(root, "loader_wait_share"),
	};
	for (size_t i = 0; i < sizeof end_names / sizeof *end_names; i++) {
		if (!strcmp(end, end_names[i]))
			summary->end = (enum cs_run_end)i;
	}
	snprintf(summary->message, sizeof summary->message, "%s", message ? message : "");
	json_decref(root);
	return CS_OK;
}
