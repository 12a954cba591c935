/* guard_protocol.h: what convscope and its helper program convscope-reader say to each other. Nobody else includes it.
 *
 * One request, one reply, each one packet on a socket. What is longer than a packet (tensors, text) stands in the window, memory that both
 * have mapped, and is the helper's to write until it has replied. Both programs come from one build, so structs go as they are.
 * The helper trusts the program; the program trusts nothing it is told (guard.c).
 */
#ifndef CS_IO_GUARD_PROTOCOL_H
#define CS_IO_GUARD_PROTOCOL_H

#include "core/tensor.h"

#include <stdint.h>

/* The descriptors that the helper is born with, beside 0, 1 and 2. */
enum { CS_GUARD_FILE = 3, CS_GUARD_SOCKET = 4, CS_GUARD_WINDOW = 5 };

/* Large tensors come in slices of whole rows, by turns in the two halves of the window's front, which stays mapped on both sides: the
 * program copies one while the helper fills the other. */
enum { CS_GUARD_SLICE = 1 << 22, CS_GUARD_FRONT = 2 * CS_GUARD_SLICE };

/* The longest path or name of an attribute, with its NUL. A file that needs longer ones is not a model. */
enum { CS_GUARD_TEXT = 4096 };

enum cs_guard_op {
	CS_GUARD_EXISTS,
	CS_GUARD_IS_GROUP,
	CS_GUARD_HAS_ATTRIBUTE,
	CS_GUARD_LIST,
	CS_GUARD_INFO,
	CS_GUARD_ARRAY,
	CS_GUARD_ROWS,
	CS_GUARD_STRING,
	CS_GUARD_STRINGS,
	CS_GUARD_NUMBER,
};

struct cs_guard_request {
	uint32_t op;
	uint32_t type; /* ARRAY: enum cs_h5_type */
	uint64_t room; /* bytes in the window */
	uint64_t offset; /* ROWS: where in the window */
	int64_t limit; /* ARRAY: numbers */
	int64_t first, count; /* ROWS */
	uint32_t attribute; /* STRING and its like: 1, of the attribute; 0, of the data set */
	char path[CS_GUARD_TEXT], name[CS_GUARD_TEXT];
};

/* The first comes unasked, when the file is open or refused. */
struct cs_guard_reply {
	int32_t status; /* enum cs_status */
	int32_t truth; /* EXISTS, IS_GROUP, HAS_ATTRIBUTE */
	int32_t kind; /* INFO */
	struct cs_shape shape; /* INFO, ARRAY */
	uint64_t bytes; /* written to the window: numbers, or strings, each with its NUL */
	int64_t count; /* of those strings; INFO: the rows that are best read together, at least 1 */
	int64_t address; /* INFO: cs_h5_address() */
	double number; /* NUMBER */
	char message[1000];
};

#endif
