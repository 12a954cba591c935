/* archive.c: zip files, by libzip.
 *
 * Names are kept with forward slashes (Windows writes backslashes); where two members share a name the first counts. What a member says of
 * its size is checked against the caller's limit before memory is taken, and what comes out is counted all the same.
 */
#include "io/archive.h"

#include "core/alloc.h"
#include "core/job.h"
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

/* Deflate packs at most 1032 to 1; what unpacks to more than a little over that many times its size is no deflated data. */
enum { MEMBERS_LIMIT = 16 << 20, SMALL = 4096, BLOCK = 1 << 18, AHEAD = 1 << 16, BEST_RATIO = 1100, DOUBT = 1 << 20 };

struct cs_archive {
	zip_t *zip;
	int fd;
	char *path;
	int64_t count;
	char *bytes; /* all names, one after the other */
	const char **names; /* [count], by entry */
	atomic_bool lent;
	struct cs_archive *of; /* a second reader's: path, descriptor and names are this one's */
};

bool cs_archive_recognise(const char *path)
{
	char start[4];

	return cs_file_peek(path, start, sizeof start) == sizeof start &&
		(memcmp(start, "PK\3\4", 4) == 0 || memcmp(start, "PK\5\6", 4) == 0);
}

/* A large archive takes seconds to list: a job that was told to stop stops there. */
static enum cs_status heed(struct cs_error *error)
{
	return cs_job_heed("the listing of a zip file", error);
}

static enum cs_status read_names(struct cs_archive *archive, struct cs_error *error)
{
	enum cs_status status = CS_OK;
	size_t size = 0;
	char *at;

	for (int64_t i = 0; i < archive->count && !status; i++) {
		const char *name = zip_get_name(archive->zip, (zip_uint64_t)i, ZIP_FL_ENC_GUESS);

		size += (name ? strlen(name) : 0) + 1;
		status = heed(error);
	}
	if (status)
		return status;
	archive->bytes = cs_alloc(size);
	archive->names = cs_calloc((size_t)archive->count, sizeof *archive->names);
	if (!archive->bytes || !archive->names)
		return cs_fail(error, CS_ERR_MEMORY, "not enough memory for the %lld names in '%s'",
			(long long)archive->count, archive->path);
	at = archive->bytes;
	for (int64_t i = 0; i < archive->count && !status; i++) {
		const char *name = zip_get_name(archive->zip, (zip_uint64_t)i, ZIP_FL_ENC_GUESS);
		size_t length = name ? strlen(name) : 0;

		status = heed(error);
		archive->names[i] = at;
		for (size_t k = 0; k < length; k++)
			at[k] = name[k] == '\\' ? '/' : name[k];
		at[length] = '\0';
		at += length + 1;
	}
	return status;
}

/* The file as libzip reads it. Its own way cannot be stopped while it reads a directory of a million members; this one can. It asks for each
 * member's entry and then for its name: what follows is read ahead. */
struct bytes {
	int fd;
	zip_int64_t size, at;
	bool listing; /* the directory is being read */
	char *ahead; /* [AHEAD] while it is */
	zip_int64_t ahead_at, ahead_size;
	zip_error_t error;
};

static ssize_t read_at(int fd, void *data, size_t length, zip_int64_t at)
{
	ssize_t count;

	do
		count = pread(fd, data, length, at);
	while (count < 0 && errno == EINTR);
	return count;
}

/* Of the directory, by way of what was read ahead. */
static ssize_t read_listed(struct bytes *from, void *data, size_t length)
{
	zip_int64_t left;

	if (from->at < from->ahead_at || from->at >= from->ahead_at + from->ahead_size) {
		from->ahead_at = from->at;
		from->ahead_size = read_at(from->fd, from->ahead, AHEAD, from->at);
		if (from->ahead_size < 0) {
			from->ahead_size = 0;
			return -1;
		}
	}
	left = from->ahead_at + from->ahead_size - from->at;
	if (left < (zip_int64_t)length)
		length = (size_t)left;
	memcpy(data, from->ahead + (from->at - from->ahead_at), length);
	return (ssize_t)length;
}

static zip_int64_t read_bytes(struct bytes *from, void *data, zip_uint64_t length)
{
	ssize_t count;

	if (from->listing && cs_job_interrupted()) {
		zip_error_set(&from->error, ZIP_ER_CANCELLED, 0);
		return -1;
	}
	count = from->listing ? read_listed(from, data, length) : read_at(from->fd, data, length, from->at);
	if (count < 0) {
		zip_error_set(&from->error, ZIP_ER_READ, errno);
		return -1;
	}
	from->at += count;
	return count;
}

static zip_int64_t serve(void *context, void *data, zip_uint64_t length, zip_source_cmd_t command)
{
	struct bytes *from = context;
	zip_int64_t place;

	switch (command) {
	case ZIP_SOURCE_OPEN:
		from->at = 0;
		return 0;
	case ZIP_SOURCE_READ:
		return read_bytes(from, data, length);
	case ZIP_SOURCE_SEEK:
		place = zip_source_seek_compute_offset(
			(zip_uint64_t)from->at, (zip_uint64_t)from->size, data, length, &from->error);
		from->at = place < 0 ? from->at : place;
		return place < 0 ? -1 : 0;
	case ZIP_SOURCE_TELL:
		return from->at;
	case ZIP_SOURCE_STAT:
		zip_stat_init(data);
		((zip_stat_t *)data)->size = (zip_uint64_t)from->size;
		((zip_stat_t *)data)->valid = ZIP_STAT_SIZE;
		return sizeof(zip_stat_t);
	case ZIP_SOURCE_ERROR:
		return zip_error_to_data(&from->error, data, length);
	case ZIP_SOURCE_SUPPORTS:
		return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE,
			ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, -1);
	case ZIP_SOURCE_CLOSE:
		return 0;
	case ZIP_SOURCE_FREE:
		close(from->fd);
		zip_error_fini(&from->error);
		cs_free(from->ahead);
		cs_free(from);
		return 0;
	default:
		zip_error_set(&from->error, ZIP_ER_OPNOTSUPP, 0);
		return -1;
	}
}

/* A reader of the open file `fd`, with a descriptor of its own. libzip's code for what went wrong, 0: nothing did. */
static int open_bytes(int fd, zip_t **out)
{
	struct bytes *from = cs_calloc(1, sizeof *from);
	zip_source_t *source = NULL;
	zip_error_t why;
	struct stat about;
	int code = ZIP_ER_MEMORY;

	if (!from)
		return code;
	zip_error_init(&from->error);
	zip_error_init(&why);
	from->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	from->ahead = cs_alloc(AHEAD);
	if (from->fd < 0 || fstat(from->fd, &about) != 0 || !S_ISREG(about.st_mode))
		code = ZIP_ER_OPEN;
	else if (from->ahead)
		source = zip_source_function_create(serve, from, &why);
	if (!source) {
		if (from->fd >= 0)
			close(from->fd);
		cs_free(from->ahead);
		cs_free(from);
		return code;
	}
	from->size = about.st_size;
	from->listing = true;
	*out = zip_open_from_source(source, ZIP_RDONLY, &why);
	code = zip_error_code_zip(&why);
	zip_error_fini(&why);
	if (*out) {
		from->listing = false;
		cs_free(from->ahead);
		from->ahead = NULL;
		return 0;
	}
	zip_source_free(source);
	return code ? code : ZIP_ER_INTERNAL;
}

static enum cs_status open_zip(int fd, const char *path, zip_t **out, struct cs_error *error)
{
	int code = open_bytes(fd, out);
	enum cs_status status = CS_ERR_FORMAT;
	zip_error_t why;

	if (code == 0)
		return CS_OK;
	if (cs_job_interrupted())
		return heed(error);
	zip_error_init_with_code(&why, code);
	if (code == ZIP_ER_NOZIP)
		cs_fail(error, status, "'%s' is not a whole zip file (it has no directory at its end)", path);
	else if (code == ZIP_ER_OPEN || code == ZIP_ER_READ || code == ZIP_ER_SEEK)
		status = cs_fail(error, CS_ERR_IO, "cannot read '%s': %s", path, zip_error_strerror(&why));
	else if (code == ZIP_ER_MEMORY)
		status = cs_fail(error, CS_ERR_MEMORY, "not enough memory to open '%s'", path);
	else
		cs_fail(error, status, "'%s' is a damaged zip file: %s", path, zip_error_strerror(&why));
	zip_error_fini(&why);
	return status;
}

enum cs_status cs_archive_open(const char *path, struct cs_archive **out, struct cs_error *error)
{
	struct cs_archive *archive = cs_calloc(1, sizeof *archive);
	enum cs_status status = CS_OK;

	if (!archive)
		return cs_fail_memory(error, "a zip file");
	archive->fd = open(path, O_RDONLY | O_CLOEXEC);
	archive->path = cs_strdup(path);
	if (archive->fd < 0)
		status = cs_fail_errno(error, "cannot open", path);
	else if (!archive->path)
		status = cs_fail_memory(error, "a zip file");
	else
		status = cs_job_interrupted() ? heed(error) : open_zip(archive->fd, path, &archive->zip, error);
	if (status == CS_OK) {
		archive->count = zip_get_num_entries(archive->zip, 0);
		if (archive->count > MEMBERS_LIMIT)
			status = cs_fail(error, CS_ERR_MEMORY, "'%s' has %lld members, over the limit of %d", path,
				(long long)archive->count, MEMBERS_LIMIT);
		else
			status = read_names(archive, error);
	}
	if (status == CS_OK)
		*out = archive;
	else
		cs_archive_close(archive);
	return status;
}

void cs_archive_close(struct cs_archive *archive)
{
	if (!archive)
		return;
	if (archive->zip)
		zip_discard(archive->zip);
	if (archive->of) {
		cs_free(archive);
		return;
	}
	if (archive->fd >= 0)
		close(archive->fd);
	cs_free(archive->path);
	cs_free(archive->bytes);
	cs_free(archive->names);
	cs_free(archive);
}

enum cs_status cs_archive_borrow(struct cs_archive *archive, struct cs_archive **out, struct cs_error *error)
{
	struct cs_archive *reader;
	enum cs_status status;

	if (!atomic_exchange(&archive->lent, true)) {
		*out = archive;
		return CS_OK;
	}
	reader = cs_calloc(1, sizeof *reader);
	if (!reader)
		return cs_fail_memory(error, "a zip file");
	reader->of = archive;
	reader->fd = archive->fd;
	reader->path = archive->path;
	reader->names = archive->names;
	reader->count = archive->count;
	status = open_zip(reader->fd, reader->path, &reader->zip, error);
	if (!status && zip_get_num_entries(reader->zip, 0) != archive->count)
		status = cs_fail(error, CS_ERR_FORMAT, "'%s' was changed while it was read; open it again", reader->path);
	if (status)
		cs_archive_close(reader);
	else
		*out = reader;
	return status;
}

void cs_archive_give_back(struct cs_archive *reader)
{
	if (reader->of)
		cs_archive_close(reader);
	else
		atomic_store(&reader->lent, false);
}

int64_t cs_archive_count(const struct cs_archive *archive)
{
	return archive->count;
}

const char *cs_archive_name(struct cs_archive *archive, int64_t entry)
{
	return entry >= 0 && entry < archive->count ? archive->names[entry] : NULL;
}

void cs_archive_sizes(struct cs_archive *archive, int64_t entry, int64_t *size, int64_t *packed)
{
	zip_stat_t about;

	if (zip_stat_index(archive->zip, (zip_uint64_t)entry, 0, &about) != 0)
		about.valid = 0;
	*size = about.valid & ZIP_STAT_SIZE && about.size <= INT64_MAX ? (int64_t)about.size : 0;
	*packed = about.valid & ZIP_STAT_COMP_SIZE && about.comp_size <= INT64_MAX ? (int64_t)about.comp_size : 0;
}

int64_t cs_archive_find(struct cs_archive *archive, const char *name)
{
	for (int64_t i = 0; i < archive->count; i++) {
		if (strcmp(archive->names[i], name) == 0)
			return i;
	}
	return -1;
}

static enum cs_status too_large(
	const struct cs_archive *archive, const char *name, size_t limit, struct cs_error *error)
{
	return cs_fail(error, CS_ERR_MEMORY, "'%s' in '%s' unpacks to more than the limit of %zu bytes", name,
		archive->path, limit);
}

static bool grow(char **bytes, size_t *capacity, size_t wanted)
{
	char *larger;

	if (wanted <= *capacity)
		return true;
	larger = cs_realloc(*bytes, wanted, 1);
	if (!larger)
		return false;
	*bytes = larger;
	*capacity = wanted;
	return true;
}

/* What is left of an open member, to its end. Memory grows with what has really come out, never with what was promised. */
static enum cs_status unpack(struct cs_archive *archive, zip_file_t *member, const char *name, size_t limit,
	size_t promised, char **bytes, size_t *capacity, size_t *size, struct cs_error *error)
{
	size_t used = 0;

	for (;;) {
		size_t room = used < SMALL ? SMALL : used > (limit - used) ? limit + 1 : 2 * used;
		zip_int64_t n;

		/* Up to 1 MiB the promise is believed; one byte more shows that the member ends there. */
		if (promised < 1 << 20 && room < promised + 1)
			room = promised + 1;
		if (used == *capacity && !grow(bytes, capacity, room))
			return cs_fail(error, CS_ERR_MEMORY, "not enough memory to unpack '%s' from '%s'", name,
				archive->path);
		n = zip_fread(member, *bytes + used, *capacity - used);
		if (n < 0)
			return cs_fail(error, CS_ERR_FORMAT, "cannot unpack '%s' from '%s': %s", name, archive->path,
				zip_file_strerror(member));
		if (n == 0)
			break;
		used += (size_t)n;
		if (used > limit)
			return too_large(archive, name, limit, error);
	}
	*size = used;
	return CS_OK;
}

/* A member by number, opened. */
static enum cs_status open_member(
	struct cs_archive *archive, int64_t entry, zip_file_t **out, struct cs_error *error)
{
	const char *name = cs_archive_name(archive, entry);

	if (!name)
		return cs_fail(error, CS_ERR_ARGUMENT, "'%s' has members 0 to %lld, not %lld", archive->path,
			(long long)archive->count - 1, (long long)entry);
	*out = zip_fopen_index(archive->zip, (zip_uint64_t)entry, 0);
	if (!*out)
		return cs_fail(error, CS_ERR_FORMAT, "cannot unpack '%s' from '%s': %s", name, archive->path,
			zip_strerror(archive->zip));
	return CS_OK;
}

static enum cs_status cannot_unpack(
	const struct cs_archive *archive, int64_t entry, zip_file_t *member, struct cs_error *error)
{
	return cs_fail(error, CS_ERR_FORMAT, "cannot unpack '%s' from '%s': %s", archive->names[entry], archive->path,
		zip_file_strerror(member));
}

enum cs_status cs_archive_peek(
	struct cs_archive *archive, int64_t entry, void *bytes, size_t size, size_t *got, struct cs_error *error)
{
	zip_file_t *member = NULL;
	enum cs_status status = open_member(archive, entry, &member, error);

	*got = 0;
	while (!status && *got < size) {
		zip_int64_t n = zip_fread(member, (char *)bytes + *got, size - *got);

		if (n < 0)
			status = cannot_unpack(archive, entry, member, error);
		if (n <= 0)
			break;
		*got += (size_t)n;
	}
	if (member)
		zip_fclose(member);
	return status;
}

enum cs_status cs_archive_unpack(
	struct cs_archive *archive, int64_t entry, int64_t limit, int fd, int64_t *size, struct cs_error *error)
{
	char *block = cs_alloc(BLOCK);
	zip_file_t *member = NULL;
	int64_t promised, packed = 0, done = 0;
	enum cs_status status = block ? open_member(archive, entry, &member, error)
				      : cs_fail_memory(error, "unpacking a zip file");

	if (!status)
		cs_archive_sizes(archive, entry, &promised, &packed);
	if (!status && packed < (limit - DOUBT) / BEST_RATIO)
		limit = packed * BEST_RATIO + DOUBT;
	while (!status) {
		zip_int64_t n = zip_fread(member, block, BLOCK);

		if (n < 0)
			status = cannot_unpack(archive, entry, member, error);
		if (n <= 0)
			break;
		if (n > limit - done)
			status = too_large(archive, archive->names[entry], (size_t)limit, error);
		else
			status = cs_file_append(fd, archive->path, block, (size_t)n, error);
		done += n;
	}
	if (member)
		zip_fclose(member);
	cs_free(block);
	if (!status)
		*size = done;
	return status;
}

enum cs_status cs_archive_read(struct cs_archive *archive, int64_t entry, size_t limit, char **bytes, size_t *capacity,
	size_t *size, struct cs_error *error)
{
	const char *name = cs_archive_name(archive, entry);
	int64_t promised = 0, packed;
	zip_file_t *member = NULL;
	enum cs_status status;

	if (name)
		cs_archive_sizes(archive, entry, &promised, &packed);
	if ((uint64_t)promised > limit)
		return too_large(archive, name, limit, error);
	status = open_member(archive, entry, &member, error);
	if (status)
		return status;
	status = unpack(archive, member, name, limit, (size_t)promised, bytes, capacity, size, error);
	zip_fclose(member);
	return status;
}
