/* onnx_numbers.c: the numbers of an ONNX tensor, in each of the ways in which they may stand in a file. See onnx_internal.h.
 *
 * Either raw: little-endian, row-major; or in a field of the element type, packed (one run) or one by one. Fields: float_data 4
 * (float32), int32_data 5 (everything integer up to 32 bits, and the bits of the 16-bit floats), int64_data 7, double_data 10, uint64_data 11
 * (uint32 and uint64).
 */
#include "io/onnx_internal.h"

#include <string.h>

static const struct {
	enum cs_onnx_type type;
	int width; /* raw bytes; 0: not read */
	bool integer;
	uint32_t field;
	const char *name;
} types[] = {
	{CS_ONNX_FLOAT, 4, false, 4, "float32"},
	{CS_ONNX_UINT8, 1, true, 5, "uint8"},
	{CS_ONNX_INT8, 1, true, 5, "int8"},
	{CS_ONNX_UINT16, 2, true, 5, "uint16"},
	{CS_ONNX_INT16, 2, true, 5, "int16"},
	{CS_ONNX_INT32, 4, true, 5, "int32"},
	{CS_ONNX_INT64, 8, true, 7, "int64"},
	{CS_ONNX_STRING, 0, false, 0, "text"},
	{CS_ONNX_BOOL, 1, true, 5, "bool"},
	{CS_ONNX_FLOAT16, 2, false, 5, "float16"},
	{CS_ONNX_DOUBLE, 8, false, 10, "float64"},
	{CS_ONNX_UINT32, 4, true, 11, "uint32"},
	{CS_ONNX_UINT64, 8, true, 11, "uint64"},
	{CS_ONNX_BFLOAT16, 2, false, 5, "bfloat16"},
};

static int find(int type)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if ((int)types[i].type == type)
			return (int)i;
	}
	return -1;
}

int cs_onnx_width(int type)
{
	int row = find(type);

	return row < 0 ? 0 : types[row].width;
}

bool cs_onnx_is_integer(int type)
{
	int row = find(type);

	return row >= 0 && types[row].integer;
}

const char *cs_onnx_type_name(int type)
{
	int row = find(type);

	return row < 0 ? "a type convscope does not know" : types[row].name;
}

/* --- one number --- */

static float float_of_bits(uint32_t bits)
{
	float value;

	memcpy(&value, &bits, sizeof value);
	return value;
}

static float float_of_half(uint32_t half)
{
	uint32_t sign = (half & 0x8000u) << 16, exponent = half >> 10 & 0x1f, fraction = half & 0x3ff;

	if (exponent == 0x1f)
		return float_of_bits(sign | 0x7f800000u | fraction << 13);
	if (exponent)
		return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
	/* below the least normal half: fraction times 2^-24, which float32 has exactly */
	return (sign ? -1.0f : 1.0f) * (float)fraction * 0x1p-24f;
}

static uint64_t little_endian(const uint8_t *at, int width)
{
	uint64_t bits = 0;

	for (int i = 0; i < width; i++)
		bits |= (uint64_t)at[i] << (8 * i);
	return bits;
}

static double double_of_bits(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof value);
	return value;
}

/* The integer that the low bits stand for. */
static int64_t integer_of(uint64_t bits, int type)
{
	switch (type) {
	case CS_ONNX_INT8:
		return (int8_t)(uint8_t)bits;
	case CS_ONNX_INT16:
		return (int16_t)(uint16_t)bits;
	case CS_ONNX_INT32:
		return (int32_t)(uint32_t)bits;
	default:
		return (int64_t)bits;
	}
}

static float float_of(uint64_t bits, int type)
{
	switch (type) {
	case CS_ONNX_FLOAT:
		return float_of_bits((uint32_t)bits);
	case CS_ONNX_FLOAT16:
		return float_of_half((uint32_t)bits & 0xffff);
	case CS_ONNX_BFLOAT16:
		return float_of_bits((uint32_t)bits << 16);
	case CS_ONNX_DOUBLE:
		return (float)double_of_bits(bits);
	case CS_ONNX_UINT64:
		return (float)bits;
	default:
		return (float)integer_of(bits, type);
	}
}

void cs_onnx_raw_floats(const uint8_t *raw, int type, int64_t count, float *out)
{
	int width = cs_onnx_width(type);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	if (type == CS_ONNX_FLOAT) {
		memcpy(out, raw, (size_t)count * sizeof *out);
		return;
	}
#endif
	for (int64_t i = 0; i < count; i++)
		out[i] = float_of(little_endian(raw + i * width, width), type);
}

void cs_onnx_raw_integers(const uint8_t *raw, int type, int64_t count, int64_t *out)
{
	int width = cs_onnx_width(type);

	for (int64_t i = 0; i < count; i++)
		out[i] = integer_of(little_endian(raw + i * width, width), type);
}

/* --- fields of the element type --- */

/* Walks the numbers of one field: one by one or in packed runs. */
struct walk {
	struct cs_wire message, run;
	uint32_t field;
	enum cs_wire_type type; /* of one number */
	bool damaged;
};

static struct walk begin(struct cs_wire body, int type)
{
	int row = find(type);
	struct walk walk = {.message = body, .field = row < 0 ? 0 : types[row].field};

	walk.type = walk.field == 4 ? CS_WIRE_FIXED32 : walk.field == 10 ? CS_WIRE_FIXED64 : CS_WIRE_VARINT;
	return walk;
}

static bool next(struct walk *walk, uint64_t *bits)
{
	struct cs_wire_field field;

	while (walk->run.at == walk->run.end) {
		do {
			if (!cs_wire_next(&walk->message, &field))
				return false;
		} while (field.number != walk->field);
		if (field.type == CS_WIRE_BYTES) {
			walk->run = cs_wire_body(&field);
			continue;
		}
		if (field.type != walk->type) {
			walk->damaged = true;
			return false;
		}
		*bits = field.type == CS_WIRE_VARINT ? field.value : little_endian(field.body, (int)field.value);
		return true;
	}
	if (walk->type == CS_WIRE_VARINT) {
		size_t size = cs_wire_varint(walk->run.at, walk->run.end, bits);

		walk->run.at += size;
		walk->damaged = !size;
		return size > 0;
	}
	if (walk->run.end - walk->run.at < (walk->type == CS_WIRE_FIXED32 ? 4 : 8)) {
		walk->damaged = true;
		return false;
	}
	*bits = little_endian(walk->run.at, walk->type == CS_WIRE_FIXED32 ? 4 : 8);
	walk->run.at += walk->type == CS_WIRE_FIXED32 ? 4 : 8;
	return true;
}

int64_t cs_onnx_typed_count(struct cs_wire body, int type)
{
	struct walk walk = begin(body, type);
	int64_t count = 0;
	uint64_t bits;

	if (!walk.field)
		return 0;
	while (next(&walk, &bits))
		count++;
	return walk.damaged ? -1 : count;
}

void cs_onnx_typed_floats(struct cs_wire body, int type, float *out)
{
	struct walk walk = begin(body, type);
	uint64_t bits;

	while (next(&walk, &bits))
		*out++ = float_of(bits, type);
}

void cs_onnx_typed_integers(struct cs_wire body, int type, int64_t first, int64_t count, int64_t *out)
{
	struct walk walk = begin(body, type);
	uint64_t bits;

	for (int64_t i = 0; i < first + count && next(&walk, &bits); i++) {
		if (i >= first)
			out[i - first] = integer_of(bits, type);
	}
}

const uint8_t *cs_onnx_typed_run(struct cs_wire body, int type, int64_t count)
{
	struct cs_wire_field field;

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
	return NULL;
#endif
	if (type != CS_ONNX_FLOAT)
		return NULL;
	while (cs_wire_next(&body, &field)) {
		if (field.number == 4)
			return field.type == CS_WIRE_BYTES && field.value == (uint64_t)count * sizeof(float)
				? field.body
				: NULL;
	}
	return NULL;
}
