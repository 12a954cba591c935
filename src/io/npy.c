/* npy.c: NumPy's array files. See npy.h.
 *
 * The header is a Python dictionary in text, `{'descr': '<f4', 'fortran_order': False, 'shape': (60000, 28, 28), }`. It is not
 * evaluated: the three keys are looked for and their values read, which are a string, a truth and a tuple of numbers; any other value
 * is refused.
 */
#include "io/npy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool cs_npy_recognise(const void *bytes, size_t size)
{
	return size >= 10 && memcmp(bytes, "\x93NUMPY", 6) == 0;
}

/* Behind the colon of a key, blanks passed over; NULL when the key is not there. */
static const char *value_of(const char *header, const char *key)
{
	size_t length = strlen(key);

	for (const char *at = header; (at = strstr(at, key)) != NULL; at++) {
		const char *after = at + length;

		if (at == header || (at[-1] != '\'' && at[-1] != '"') || *after != at[-1])
			continue;
		after += 1 + strspn(after + 1, " \t\n");
		if (*after == ':')
			return after + 1 + strspn(after + 1, " \t\n");
	}
	return NULL;
}

/* The letters of '<f4' and what they mean. */
static enum cs_status parse_type(const char *at, const char *name, struct cs_npy *out, struct cs_error *error)
{
	char order, *end;
	long size;

	if (*at != '\'' && *at != '"')
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"'%s' is an array of records: expected one of plain numbers", name);
	at++;
	order = strchr("<>|=", *at) && *at ? *at++ : '=';
	out->type = *at ? *at++ : '?';
	if (out->type == 'O')
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"'%s' is an array of pickled Python objects, which are never loaded: save it as plain numbers", name);
	size = strtol(at, &end, 10);
	if ((*end != '\'' && *end != '"') || end == at || size < 1 || size > 1 << 20)
		return cs_fail(error, CS_ERR_FORMAT, "'%s' is no NumPy array that is read here: its type is '%.20s'", name,
			at - 1);
	out->big = order == '>';
	out->size = (int)size;
	out->kind = '?';
	if (out->type == 'f' && (size == 2 || size == 4 || size == 8))
		out->kind = 'f';
	else if ((out->type == 'i' || out->type == 'u') && (size == 1 || size == 2 || size == 4 || size == 8))
		out->kind = 'i';
	else if (out->type == 'b' && size == 1)
		out->kind = 'b';
	else if (out->type == 'S')
		out->kind = 's';
	else if (out->type == 'U' && size <= 1 << 18) {
		out->kind = 's';
		out->size = 4 * (int)size;
	}
	return CS_OK;
}

static enum cs_status parse_shape(const char *at, const char *name, struct cs_npy *out, struct cs_error *error)
{
	struct cs_shape shape = {0};
	int64_t most = 1, bytes = 0; /* the product without zeros: no part of it may overflow either */
	bool empty = false, fits = true;

	if (*at != '(')
		return cs_fail(error, CS_ERR_FORMAT, "'%s' is no NumPy array: it has no shape", name);
	at++;
	for (;;) {
		char *end;
		long long side;

		at += strspn(at, " \t\n,");
		if (*at == ')')
			break;
		side = *at >= '0' && *at <= '9' ? strtoll(at, &end, 10) : -1;
		if (side < 0)
			return cs_fail(error, CS_ERR_FORMAT, "'%s' is no NumPy array: its shape is not one of numbers", name);
		if (shape.rank == CS_MAX_RANK)
			return cs_fail(error, CS_ERR_UNSUPPORTED, "'%s' has more than %d dimensions", name, CS_MAX_RANK);
		shape.dim[shape.rank++] = side;
		at = end + (*end == 'L'); /* Python 2's long numbers */
		empty |= side == 0;
		fits = fits && !__builtin_mul_overflow(most, side ? side : 1, &most);
	}
	if (!fits || __builtin_mul_overflow(most, (int64_t)out->size, &bytes) || bytes > INT64_MAX / 16)
		return cs_fail(
			error, CS_ERR_MEMORY, "'%s' says it has more numbers than fit any memory", name);
	out->shape = shape;
	out->count = empty ? 0 : most;
	return CS_OK;
}

enum cs_status cs_npy_parse(
	const void *bytes, size_t size, const char *name, struct cs_npy *out, struct cs_error *error)
{
	const unsigned char *b = bytes;
	char header[CS_NPY_HEADER + 1];
	const char *type, *order, *shape;
	struct cs_npy npy = {0};
	size_t begin, length;
	enum cs_status status;

	if (!cs_npy_recognise(bytes, size) || size < 12 || b[6] < 1 || b[6] > 3)
		return cs_fail(error, CS_ERR_FORMAT, "'%s' is no NumPy array (of version 1 to 3)", name);
	begin = b[6] == 1 ? 10 : 12;
	length = b[8] | (size_t)b[9] << 8;
	if (b[6] > 1)
		length |= (size_t)b[10] << 16 | (size_t)b[11] << 24;
	if (length > CS_NPY_HEADER - begin || length > size - begin)
		return cs_fail(error, CS_ERR_FORMAT, "'%s' is no NumPy array: its header is cut off or too long", name);
	memcpy(header, b + begin, length);
	header[length] = '\0';
	type = value_of(header, "descr");
	order = value_of(header, "fortran_order");
	shape = value_of(header, "shape");
	if (!type || !order || !shape || (strncmp(order, "True", 4) != 0 && strncmp(order, "False", 5) != 0))
		return cs_fail(error, CS_ERR_FORMAT,
			"'%s' is no NumPy array: its header does not say type, order and shape", name);
	npy.fortran = *order == 'T';
	npy.data = (int64_t)(begin + length);
	status = parse_type(type, name, &npy, error);
	if (!status)
		status = parse_shape(shape, name, &npy, error);
	if (!status)
		*out = npy;
	return status;
}

/* IEEE 754 binary16. */
static float from_half(uint16_t half)
{
	int exponent = half >> 10 & 31, fraction = half & 1023;
	float magnitude = exponent == 31 ? (fraction ? NAN : INFINITY)
		: exponent ? ldexpf((float)(fraction + 1024), exponent - 25)
			   : ldexpf((float)fraction, -24);

	return half & 0x8000 ? -magnitude : magnitude;
}

static float to_float(const struct cs_npy *npy, const unsigned char *from)
{
	uint64_t bits = 0;
	float single;
	double number;

	for (int i = 0; i < npy->size; i++)
		bits |= (uint64_t)from[npy->big ? npy->size - 1 - i : i] << (8 * i);
	if (npy->kind == 'b')
		return bits != 0;
	if (npy->type == 'u')
		return (float)bits;
	if (npy->type == 'i') {
		int unused = 64 - 8 * npy->size;

		return (float)((int64_t)(bits << unused) >> unused);
	}
	if (npy->size == 2)
		return from_half((uint16_t)bits);
	if (npy->size == 4) {
		uint32_t word = (uint32_t)bits;

		memcpy(&single, &word, sizeof single);
		return single;
	}
	memcpy(&number, &bits, sizeof number);
	/* beyond float is infinity: a conversion of such a number is not defined */
	return fabs(number) <= 3.4028234e38 || isnan(number) ? (float)number : number > 0 ? INFINITY : -INFINITY;
}

void cs_npy_floats(const struct cs_npy *npy, const void *from, int64_t stride, int64_t count, float *out)
{
	const unsigned char *at = from;

	if (npy->size == 1 && npy->type == 'u') { /* nearly all of them */
		for (int64_t i = 0; i < count; i++)
			out[i] = at[i * stride];
		return;
	}
	for (int64_t i = 0; i < count; i++)
		out[i] = to_float(npy, at + i * stride);
}

/* One character as UTF-8; returns its length, 0 for what is none. */
static size_t put_utf8(uint32_t c, char *out)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xC0 | c >> 6);
		out[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		if (c >= 0xD800 && c < 0xE000)
			return 0;
		out[0] = (char)(0xE0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 63));
		out[2] = (char)(0x80 | (c & 63));
		return 3;
	}
	if (c > 0x10FFFF)
		return 0;
	out[0] = (char)(0xF0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 63));
	out[2] = (char)(0x80 | (c >> 6 & 63));
	out[3] = (char)(0x80 | (c & 63));
	return 4;
}

void cs_npy_text(const struct cs_npy *npy, const void *from, char *out, size_t size)
{
	const unsigned char *at = from;
	size_t used = 0;

	if (npy->type == 'S') {
		while (used + 1 < size && (int)used < npy->size && at[used]) {
			out[used] = (char)at[used];
			used++;
		}
	}
	for (int i = 0; npy->type == 'U' && i < npy->size && used + 5 < size; i += 4) {
		uint32_t c = 0;

		for (int k = 0; k < 4; k++)
			c |= (uint32_t)at[i + (npy->big ? 3 - k : k)] << (8 * k);
		if (!c)
			break;
		used += put_utf8(c, out + used);
	}
	out[used] = '\0';
}
