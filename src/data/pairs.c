/* pairs.c: reading "key=value,...". See pairs.h.
 *
 * Numbers are read with strtod and strtoull, which follow the locale of numbers; the program leaves that at "C".
 */
#include "data/pairs.h"

#include "core/alloc.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "a, b, c" of all keys or words into text. */
static const char *list_of(const struct cs_pair *pairs, const char *const *words, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; used < size; i++) {
		const char *item = pairs ? pairs[i].key : words[i];

		if (!item)
			break;
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", item);
	}
	return text;
}

static enum cs_status read_word(const struct cs_pair *pair, const char *value, const char *what, struct cs_error *error)
{
	char text[200];

	for (int i = 0; pair->words[i]; i++) {
		if (strcmp(pair->words[i], value) == 0) {
			*(int *)pair->value = i;
			return CS_OK;
		}
	}
	return cs_fail(error, CS_ERR_ARGUMENT, "%s: %s=%s: expected one of %s", what, pair->key, value,
		list_of(NULL, pair->words, text, sizeof text));
}

static enum cs_status read_number(
	const struct cs_pair *pair, const char *value, const char *what, struct cs_error *error)
{
	char *end = NULL;
	double number;

	errno = 0;
	if (pair->kind == 'u') {
		unsigned long long word = strtoull(value, &end, 10);

		if (end == value || *end || errno || value[0] == '-')
			return cs_fail(error, CS_ERR_ARGUMENT, "%s: %s=%s: expected a whole number from 0", what,
				pair->key, value);
		*(uint64_t *)pair->value = word;
		return CS_OK;
	}
	number = strtod(value, &end);
	if (end == value || *end || errno || !isfinite(number) || (pair->kind != 'f' && number != floor(number)) ||
		number < pair->low || number > pair->high)
		return cs_fail(error, CS_ERR_ARGUMENT, "%s: %s=%s: expected a%s number from %.10g to %.10g", what,
			pair->key, value, pair->kind == 'f' ? "" : " whole", pair->low, pair->high);
	if (pair->kind == 'f')
		*(float *)pair->value = (float)number;
	else if (pair->kind == 'l')
		*(int64_t *)pair->value = (int64_t)number;
	else
		*(int *)pair->value = (int)number;
	return CS_OK;
}

static enum cs_status read_one(char *item, const struct cs_pair *pairs, const char *what, struct cs_error *error)
{
	char *equals = strchr(item, '=');
	char text[200];

	if (equals)
		*equals = '\0';
	for (int i = 0; pairs[i].key; i++) {
		if (strcmp(pairs[i].key, item) != 0)
			continue;
		if (!equals || !equals[1])
			return cs_fail(
				error, CS_ERR_ARGUMENT, "%s: '%s' has no value: expected %s=VALUE", what, item, item);
		return pairs[i].kind == 'w' ? read_word(&pairs[i], equals + 1, what, error)
					    : read_number(&pairs[i], equals + 1, what, error);
	}
	return cs_fail(error, CS_ERR_ARGUMENT, "%s: no key '%s': expected %s", what, item,
		list_of(pairs, NULL, text, sizeof text));
}

enum cs_status cs_pairs_read(const char *text, const struct cs_pair *pairs, const char *what, struct cs_error *error)
{
	enum cs_status status = CS_OK;
	char *copy, *rest, *item;

	if (!text || !*text)
		return CS_OK;
	copy = cs_strdup(text);
	if (!copy)
		return cs_fail_memory(error, "a data set's options");
	rest = copy;
	while (!status && (item = strsep(&rest, ",")) != NULL) {
		if (*item)
			status = read_one(item, pairs, what, error);
	}
	cs_free(copy);
	return status;
}
