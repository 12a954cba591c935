/* test_status.c: messages quote files, and a message must not be able to act on a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "core/log.h"
#include "core/name.h"
#include "core/status.h"

#include <string.h>

static void control_characters_never_reach_a_message(void **state)
{
	struct cs_error error = {0};

	(void)state;
	assert_int_equal(cs_fail(&error, CS_ERR_FORMAT, "layer '%s'", "a\nb\033[2Jc\177"), CS_ERR_FORMAT);
	assert_string_equal(error.message, "layer 'a b?[2Jc?'");
	assert_int_equal(cs_error_prefix(&error, "%s", "\a\tm.h5\r"), CS_ERR_FORMAT);
	assert_string_equal(error.message, "? m.h5 : layer 'a b?[2Jc?'");
}

static void letters_of_every_script_stay(void **state)
{
	struct cs_error error = {0};

	(void)state;
	cs_fail(&error, CS_ERR_FORMAT, "%s",
		"d\xc3\xa9j\xc3\xa0 \xc2\xa0\xe7\x8a\xac \xc2\x9b"
		"31m");
	assert_string_equal(error.message, "d\xc3\xa9j\xc3\xa0 \xc2\xa0\xe7\x8a\xac ??31m");
}

static void keep_line(void *context, enum cs_log_level level, const char *line)
{
	(void)level;
	strcpy(context, line);
}

static void warnings_are_cleaned_alike(void **state)
{
	char line[1200] = "";

	(void)state;
	cs_log_to(keep_line, line);
	cs_warn("layer '%s'", "\033]0;title\a");
	cs_log_to(NULL, NULL);
	assert_string_equal(line, "layer '?]0;title?'");
}

static void names_are_cut_between_characters(void **state)
{
	char name[300] = "", *plain;

	(void)state;
	plain = cs_name_plain("a\033[2Jb\n");
	assert_string_equal(plain, "a?[2Jb ");
	cs_free(plain);
	memset(name, 'x', 199);
	strcpy(name + 199, "\xc3\xa9t\xc3\xa9");
	plain = cs_name_plain(name);
	assert_int_equal(strlen(plain), 199);
	cs_free(plain);
	memset(name, 'x', 200);
	name[200] = '\0';
	plain = cs_name_plain(name);
	assert_int_equal(strlen(plain), 200);
	cs_free(plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_characters_never_reach_a_message),
		cmocka_unit_test(letters_of_every_script_stay),
		cmocka_unit_test(names_are_cut_between_characters),
		cmocka_unit_test(warnings_are_cleaned_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
