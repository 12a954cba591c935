/* JSON from elsewhere: what Python writes is read, and no text takes memory out of proportion. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/json_text.h"

#include <stdlib.h>
#include <string.h>

static struct cs_error error;

static json_t *parse(const char *text)
{
	json_t *value = NULL;

	if (cs_json_text_parse(text, strlen(text), 0, "it", &value, &error))
		fail_msg("%s: %s", text, error.message);
	return value;
}

static void words_of_python_become_strings(void **state)
{
	static const struct {
		const char *text, *compact;
	} cases[] = {
		{"[NaN, Infinity, -Infinity]", "[\"NaN\",\"Infinity\",\"-Infinity\"]"},
		{"{\"a\":NaN,\"b\":1}", "{\"a\":\"NaN\",\"b\":1}"},
		{"[99999999999999999999999,-99999999999999999999]",
			"[\"99999999999999999999999\",\"-99999999999999999999\"]"},
		{"[123456789012345678, -123456789012345678]", "[123456789012345678,-123456789012345678]"},
		{"[0.5000000000000000000000000001, 1e3]", "[0.5,1000.0]"},
		{"[10000000000000000000000.5]", "[1e22]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *value = parse(cases[i].text);
		char *compact = json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(6));

		assert_string_equal(compact, cases[i].compact);
		free(compact);
		json_decref(value);
	}
}

static void strings_stay_as_they_are(void **state)
{
	static const char *const texts[] = {"\"NaN, Infinity: 99999999999999999999 [\"", "\"a \\\"NaN\\\" b\"",
		"\"\\\\\"", "{\"NaN\":[\"-Infinity\",\"\\\\\\\"NaN\"]}"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		char with[200];
		json_t *alone = parse(texts[i]), *beside;

		/* beside a word that has a copy made */
		snprintf(with, sizeof with, "[NaN,%s,NaN]", texts[i]);
		beside = parse(with);
		assert_true(json_equal(alone, json_array_get(beside, 1)));
		json_decref(alone);
		json_decref(beside);
	}
}

static void a_byte_order_mark_is_passed_over(void **state)
{
	json_t *value = parse("\xef\xbb\xbf{\"a\": 1}");

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(value, "a")), 1);
	json_decref(value);
}

static void damaged_text_is_one_sentence(void **state)
{
	static const char *const texts[] = {"[NaNInfinity]", "[NaNNaNNaN-InfinityNaNNaN]", "[NaN99999999999999999999]",
		"", "{", "[1,]", "\"", "\"\\", "NaN0", "Inf", "-", "[1 2]", "\xef\xbb\xbf", "nan", "[]x",
		"\"\\ud800\""};
	json_t *value = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		assert_int_equal(
			cs_json_text_parse(texts[i], strlen(texts[i]), 0, "it", &value, &error), CS_ERR_FORMAT);
		assert_non_null(strstr(error.message, "it is not JSON"));
		assert_null(value);
	}
	assert_int_equal(cs_json_text_parse("{\"a\":1,\"a\":2}", 13, JSON_REJECT_DUPLICATES, "it", &value, &error),
		CS_ERR_FORMAT);
}

static void too_much_is_refused_before_memory_is_taken(void **state)
{
	size_t size = (size_t)17 << 20;
	char *text = malloc(size);
	json_t *value = NULL;

	(void)state;
	memset(text, ' ', size);
	assert_int_equal(cs_json_text_parse(text, size, 0, "it", &value, &error), CS_ERR_MEMORY);
	size = (size_t)2 << 20;
	for (size_t i = 0; i < size; i++)
		text[i] = i % 2 ? '0' : ',';
	text[0] = '[';
	text[size - 1] = ']';
	assert_int_equal(cs_json_text_parse(text, size, 0, "it", &value, &error), CS_ERR_MEMORY);
	memset(text, '[', size);
	assert_int_equal(cs_json_text_parse(text, size, 0, "it", &value, &error), CS_ERR_MEMORY);
	assert_int_equal(cs_json_text_parse(text, 100000, 0, "it", &value, &error), CS_ERR_FORMAT);
	/* what stands in a string counts as one */
	text[0] = text[size - 1] = '"';
	assert_int_equal(cs_json_text_parse(text, size, 0, "it", &value, &error), CS_OK);
	assert_int_equal(json_string_length(value), size - 2);
	json_decref(value);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_of_python_become_strings),
		cmocka_unit_test(strings_stay_as_they_are),
		cmocka_unit_test(a_byte_order_mark_is_passed_over),
		cmocka_unit_test(damaged_text_is_one_sentence),
		cmocka_unit_test(too_much_is_refused_before_memory_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
