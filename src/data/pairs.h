/* pairs.h: "key=value,key=value" behind the colon of a data set's specification. */
#ifndef CS_DATA_PAIRS_H
#define CS_DATA_PAIRS_H

#include "core/status.h"

#include <stdint.h>

/* A key that is understood, and where its value goes; what is not given keeps the value it had. */
struct cs_pair {
	const char *key;
	char kind; /* 'i' int, 'l' int64_t, 'u' uint64_t, 'f' float, 'w' one of words (int, its number) */
	void *value;
	double low, high; /* of numbers, both inclusive; not for 'u' */
	const char *const *words; /* NULL-ended */
};

/* Read `text` (NULL is empty) into `pairs` (ended by a NULL key). `what` begins the message: "shapes". Errors:
 * CS_ERR_ARGUMENT for an unknown key (the message names all), a value that is no number or outside its range. */
enum cs_status cs_pairs_read(const char *text, const struct cs_pair *pairs, const char *what, struct cs_error *error);

#endif
