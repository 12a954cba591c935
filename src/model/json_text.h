/* json_text.h: JSON from elsewhere: what Python writes for it, within limits. Inside the model room only. */
#ifndef CS_MODEL_JSON_TEXT_H
#define CS_MODEL_JSON_TEXT_H

#include "core/status.h"

#include <jansson.h>
#include <stddef.h>

/* A value of any kind, to be given back with json_decref(). Python's NaN, Infinity and whole numbers over 64 bits, which JSON does not know,
 * become strings of that text, so that they do no harm where nobody asks for them and are named where somebody does. A byte order mark is
 * passed over. `flags` are jansson's, as JSON_REJECT_DUPLICATES. `what` begins the message: "the architecture". Errors: CS_ERR_FORMAT (no JSON, deeper than 2048), CS_ERR_MEMORY (over 16 MB of
 * text or half a million values: before memory is taken for them). */
enum cs_status cs_json_text_parse(
	const char *text, size_t size, size_t flags, const char *what, json_t **out, struct cs_error *error);

#endif
