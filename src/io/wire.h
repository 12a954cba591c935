/* wire.h: the fields of a protobuf message, one after the other, where they lie: nothing is copied or allocated. */
#ifndef CS_IO_WIRE_H
#define CS_IO_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cs_wire_type { CS_WIRE_VARINT = 0, CS_WIRE_FIXED64 = 1, CS_WIRE_BYTES = 2, CS_WIRE_FIXED32 = 5 };

/* The most bytes that stand before the contents of a field: two varints. */
enum { CS_WIRE_HEAD = 20 };

struct cs_wire_field {
	uint32_t number; /* from 1 */
	enum cs_wire_type type;
	uint64_t value; /* VARINT: the number; BYTES: the size of the contents; fixed: 8 or 4 */
	const uint8_t *start; /* of the whole field */
	const uint8_t *body; /* of its contents; a VARINT has none */
};

/* What is left of a message. */
struct cs_wire {
	const uint8_t *at, *end;
	bool damaged; /* it ended in the middle of a field, or with something that is none */
};

/* A varint at `at`: its size, 0 where it does not end before `end` or within ten bytes. */
size_t cs_wire_varint(const uint8_t *at, const uint8_t *end, uint64_t *value);

/* Number, type and value of the field whose head begins at `at`; the size of that head, 0 where it is none. Groups, which no format
 * of today has, are none. */
size_t cs_wire_head(const uint8_t *at, const uint8_t *end, struct cs_wire_field *field);

/* The next field; false at the end and where the message is damaged. */
bool cs_wire_next(struct cs_wire *wire, struct cs_wire_field *field);

/* The contents of a BYTES field as a message. */
struct cs_wire cs_wire_body(const struct cs_wire_field *field);

#endif
