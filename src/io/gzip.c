/* gzip.c: unpacking gzip files. See gzip.h. */
#include "io/gzip.h"

#include "core/alloc.h"
#include "io/file.h"

#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { BLOCK = 1 << 17, GZIP_ALONE = 16 + MAX_WBITS };

struct stream {
	z_stream z;
	int from;
	int64_t at, end; /* of the packed bytes that are left */
	unsigned char packed[BLOCK];
	bool ready, whole; /* set up; at the end of a member */
};

bool cs_gzip_recognise(const void *bytes, size_t size)
{
	return size >= 3 && memcmp(bytes, "\x1f\x8b\x08", 3) == 0;
}

static struct stream *begin(int from, int64_t at, int64_t size)
{
	struct stream *s = cs_calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->from = from;
	s->at = at;
	s->end = at + size;
	s->whole = true;
	s->ready = inflateInit2(&s->z, GZIP_ALONE) == Z_OK;
	return s;
}

static void end(struct stream *s)
{
	if (s && s->ready)
		inflateEnd(&s->z);
	cs_free(s);
}

/* The next unpacked bytes, at most `room`; 0 at the end, -1 for damage. */
static int64_t next(struct stream *s, void *bytes, size_t room)
{
	s->z.next_out = bytes;
	s->z.avail_out = (unsigned)room;
	while (s->z.avail_out == room) {
		int code;

		if (s->z.avail_in == 0 && s->at < s->end) {
			int64_t left = s->end - s->at;
			ssize_t n = pread(s->from, s->packed, (size_t)(left < BLOCK ? left : BLOCK), (off_t)s->at);

			if (n <= 0)
				return -1;
			s->at += n;
			s->z.next_in = s->packed;
			s->z.avail_in = (unsigned)n;
		}
		if (s->z.avail_in == 0)
			return s->whole ? 0 : -1;
		if (s->whole && s->z.total_in > 0) {
			if (s->z.next_in[0] != 0x1f) /* what follows a member and is none is padding */
				return 0;
			inflateReset(&s->z);
		}
		s->whole = false;
		code = inflate(&s->z, Z_NO_FLUSH);
		if (code == Z_STREAM_END)
			s->whole = true;
		else if (code != Z_OK)
			return -1;
	}
	return (int64_t)(room - s->z.avail_out);
}

size_t cs_gzip_peek(int from, int64_t at, int64_t size, void *bytes, size_t room)
{
	struct stream *s = begin(from, at, size);
	size_t used = 0;

	while (s && s->ready && used < room) {
		int64_t n = next(s, (char *)bytes + used, room - used);

		if (n <= 0)
			break;
		used += (size_t)n;
	}
	end(s);
	return used;
}

enum cs_status cs_gzip_unpack(int from, int64_t at, int64_t size, int64_t limit, int to, const char *name,
	int64_t *unpacked, struct cs_error *error)
{
	struct stream *s = begin(from, at, size);
	unsigned char *block = cs_alloc(BLOCK);
	enum cs_status status = s && s->ready && block ? CS_OK : cs_fail_memory(error, "unpacking a gzip file");
	int64_t done = 0;

	while (!status) {
		int64_t n = next(s, block, BLOCK);

		if (n < 0)
			status = cs_fail(error, CS_ERR_FORMAT, "'%s' is a damaged or cut off gzip file", name);
		if (n <= 0)
			break;
		if (n > limit - done)
			status = cs_fail(error, CS_ERR_MEMORY, "'%s' unpacks to more than %lld bytes", name, (long long)limit);
		else
			status = cs_file_append(to, name, block, (size_t)n, error);
		done += n;
	}
	end(s);
	cs_free(block);
	if (!status)
		*unpacked = done;
	return status;
}
