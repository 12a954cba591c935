/* wire.c: protobuf's encoding, as far as finding fields goes. See wire.h.
 *
 * A field is a head (a varint of number * 8 + type) and contents: a varint, 8 or 4 bytes, or a size and so many bytes. Every
 * position is checked against the end before it is read.
 */
#include "io/wire.h"

size_t cs_wire_varint(const uint8_t *at, const uint8_t *end, uint64_t *value)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < 10 && at + i < end; i++) {
		sum |= (uint64_t)(at[i] & 0x7f) << (7 * i);
		if (!(at[i] & 0x80)) {
			*value = sum;
			return i + 1;
		}
	}
	return 0;
}

size_t cs_wire_head(const uint8_t *at, const uint8_t *end, struct cs_wire_field *field)
{
	uint64_t tag;
	size_t size = cs_wire_varint(at, end, &tag), more = 0;

	if (!size || tag >> 3 == 0 || tag >> 3 > UINT32_MAX)
		return 0;
	field->number = (uint32_t)(tag >> 3);
	field->type = (enum cs_wire_type)(tag & 7);
	field->start = at;
	switch (field->type) {
	case CS_WIRE_FIXED64:
		field->value = 8;
		return size;
	case CS_WIRE_FIXED32:
		field->value = 4;
		return size;
	case CS_WIRE_VARINT:
	case CS_WIRE_BYTES:
		more = cs_wire_varint(at + size, end, &field->value);
		return more ? size + more : 0;
	}
	return 0;
}

bool cs_wire_next(struct cs_wire *wire, struct cs_wire_field *field)
{
	size_t head, left;

	if (wire->damaged || wire->at == wire->end)
		return false;
	head = cs_wire_head(wire->at, wire->end, field);
	left = (size_t)(wire->end - wire->at) - head;
	if (!head || (field->type != CS_WIRE_VARINT && field->value > left)) {
		wire->damaged = true;
		return false;
	}
	field->body = wire->at + head;
	wire->at = field->body + (field->type == CS_WIRE_VARINT ? 0 : field->value);
	return true;
}

struct cs_wire cs_wire_body(const struct cs_wire_field *field)
{
	return (struct cs_wire){.at = field->body, .end = field->body + field->value};
}
