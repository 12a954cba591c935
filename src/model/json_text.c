/* json_text.c: JSON from elsewhere. See json_text.h.
 *
 * The text is gone through once before it is parsed: values are counted by the signs between them, and words that are no JSON are set
 * between quotes in a copy. Inside strings nothing is touched. A value costs the parser up to a hundred bytes, and packed text is small: without
 * counting, a zip of a few kilobytes could ask for gigabytes.
 */
#include "model/json_text.h"

#include "core/alloc.h"

#include <stdbool.h>
#include <string.h>

enum { MOST_TEXT = 16 << 20, MOST_VALUES = 1 << 19, DIGITS = 18 /* that many always fit 64 bits */ };

/* How many bytes from `at` on are a word of Python's, or a whole number that may be too large; else 0. */
static size_t foreign_word(const char *at, const char *end)
{
	static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
	const char *digits = at + (at < end && *at == '-');
	size_t count = 0;

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		size_t length = strlen(words[i]);

		if ((size_t)(end - at) >= length && !memcmp(at, words[i], length))
			return length;
	}
	while (digits + count < end && digits[count] >= '0' && digits[count] <= '9')
		count++;
	if (count <= DIGITS || (digits + count < end && strchr(".eE", digits[count])))
		return 0;
	return (size_t)(digits - at) + count;
}

/* Where the string that begins at `at` is over. */
static const char *end_of_string(const char *at, const char *end)
{
	for (at++; at < end && *at != '"'; at++)
		at += *at == '\\' && at + 1 < end;
	return at < end ? at + 1 : end;
}

/* The number or word at `at` is over where something else begins. */
static const char *end_of_word(const char *at, const char *end)
{
	while (at < end && !strchr(",:[]{}\" \t\r\n", *at))
		at++;
	return at;
}

/* Where the string, the sign or the word that begins at `at` is over; *wants_quotes: it is no JSON without. Counting and copying go by this alone, so
 * that they agree. */
static const char *end_of_part(const char *at, const char *end, bool *wants_quotes)
{
	size_t word;

	*wants_quotes = false;
	if (*at == '"')
		return end_of_string(at, end);
	if (*at && strchr(",:[]{} \t\r\n", *at))
		return at + 1;
	word = foreign_word(at, end);
	*wants_quotes = word > 0;
	return word ? at + word : end_of_word(at + 1, end);
}

/* How many words want quotes; *values is how many values there are at most. */
static size_t survey(const char *at, const char *end, size_t *values)
{
	size_t words = 0;
	bool wants_quotes;

	for (*values = 1; at < end; at = end_of_part(at, end, &wants_quotes), words += wants_quotes)
		*values += *at && strchr(",:[{", *at);
	return words;
}

/* A copy with quotes around those words; NULL without memory. */
static char *quote(const char *at, const char *end, size_t words, size_t *size)
{
	char *copy = cs_alloc((size_t)(end - at) + 2 * words + 1), *to = copy;

	while (copy && at < end) {
		bool wants_quotes;
		const char *from = at;

		at = end_of_part(at, end, &wants_quotes);
		if (wants_quotes)
			*to++ = '"';
		memcpy(to, from, (size_t)(at - from));
		to += at - from;
		if (wants_quotes)
			*to++ = '"';
	}
	*size = (size_t)(to - copy);
	return copy;
}

enum cs_status cs_json_text_parse(
	const char *text, size_t size, size_t flags, const char *what, json_t **out, struct cs_error *error)
{
	const char *end = text + size;
	json_error_t where;
	char *copy = NULL;
	size_t words, values;
	json_t *value;

	if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		text += 3;
	if (size > MOST_TEXT)
		return cs_fail(error, CS_ERR_MEMORY, "%s is %zu MB of text, over the limit of %d", what, size >> 20,
			MOST_TEXT >> 20);
	words = survey(text, end, &values);
	if (values > MOST_VALUES)
		return cs_fail(
			error, CS_ERR_MEMORY, "%s has %zu values, over the limit of %d", what, values, MOST_VALUES);
	size = (size_t)(end - text);
	if (words) {
		copy = quote(text, end, words, &size);
		if (!copy)
			return cs_fail_memory(error, "JSON");
		text = copy;
	}
	value = json_loadb(text, size, flags | JSON_DECODE_ANY, &where);
	cs_free(copy);
	if (!value)
		return cs_fail(error, CS_ERR_FORMAT, "%s is not JSON: %.120s (line %d)", what, where.text, where.line);
	*out = value;
	return CS_OK;
}
