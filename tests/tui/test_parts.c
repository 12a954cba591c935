/* The browser's parts by themselves: the parser of terminal answers, the probe's conclusions, the key table and its file, the
 * prompt, colours, words. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "term/probe.h"
#include "term/quantise.h"
#include "term/replies.h"
#include "term/screen.h"
#include "term/sixel.h"
#include "term/symbols.h"
#include "ui/csv.h"
#include "ui/keys.h"
#include "ui/prompt.h"
#include "ui/table.h"
#include "ui/window.h"
#include "ui/words.h"
#include "work/work.h"

#include <curses.h>
#include <math.h>
#include <sixel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What becomes of a stream: keys as themselves, answers as <kind>. */
static const char *parse(const char *stream)
{
	static char out[256];
	struct cs_replies replies = {0};
	struct cs_reply reply;
	size_t used = 0;

	for (; *stream; stream++) {
		switch (cs_replies_feed(&replies, (unsigned char)*stream, &reply)) {
		case CS_REPLY_IS_KEY:
			used += (size_t)snprintf(out + used, sizeof out - used, "%c", *stream);
			break;
		case CS_REPLY_IS_DONE:
			used += (size_t)snprintf(out + used, sizeof out - used, "<%c%d>", reply.kind,
				reply.count ? reply.params[0] : -1);
			break;
		case CS_REPLY_WAS_ESC:
			used += (size_t)snprintf(out + used, sizeof out - used, "^%c", *stream);
			break;
		case CS_REPLY_WAS_ONE:
			used += (size_t)snprintf(out + used, sizeof out - used, "^");
			break;
		case CS_REPLY_IS_MORE:
			break;
		}
	}
	if (cs_replies_silence(&replies, true))
		used += (size_t)snprintf(out + used, sizeof out - used, "^");
	assert_false(cs_replies_waiting(&replies));
	out[used] = '\0';
	return out;
}

static void answers_are_told_from_keys(void **state)
{
	(void)state;
	assert_string_equal(parse("ab"), "ab");
	assert_string_equal(parse("a\033[?62;4cb"), "a<c62>b");
	assert_string_equal(parse("\033[6;16;8t"), "<t6>");
	assert_string_equal(parse("\033[?2;0;600;400S\033[c"), "<S2><c-1>");
	assert_string_equal(parse("\033]11;rgb:ffff/ffff/ffff\033\\x"), "<]11>x");
	assert_string_equal(parse("\033]11;rgb:ff/ff/ff\ax"), "<]11>x");
	assert_string_equal(parse("\033"), "^");
	assert_string_equal(parse("\033q"), "^q");
	assert_string_equal(parse("\033\033[?62;4cq"), "^<c62>q"); /* Esc was pressed as the answer came */
	assert_string_equal(parse("\033\033"), "^^");
	assert_string_equal(parse("\033\033q"), "^^q");
	assert_string_equal(parse("\033[12"), ""); /* broken off: dropped */
	assert_string_equal(parse("\033[1\nq"), "\nq");
}

static struct cs_reply reply_of(const char *stream)
{
	struct cs_replies replies = {0};
	struct cs_reply reply = {0};

	while (*stream)
		cs_replies_feed(&replies, (unsigned char)*stream++, &reply);
	return reply;
}

static struct cs_probe probe_with(const char *attributes, const char *const *others)
{
	struct cs_probe probe = {.utf8 = true, .rows = 24, .columns = 80};
	struct cs_reply reply;

	for (; others && *others; others++) {
		reply = reply_of(*others);
		assert_false(cs_probe_answer(&probe, &reply));
	}
	reply = reply_of(attributes);
	assert_true(cs_probe_answer(&probe, &reply));
	cs_probe_conclude(&probe);
	return probe;
}

static void sixel_needs_a_whole_four_and_a_cell(void **state)
{
	const char *const cell[] = {"\033[6;20;10t", NULL};
	struct cs_probe probe;

	(void)state;
	probe = probe_with("\033[?62;4;22c", cell);
	assert_int_equal(probe.protocol, CS_PROTOCOL_SIXEL);
	assert_int_equal(probe.cell_width, 10);
	assert_int_equal(probe.cell_height, 20);
	assert_int_equal(probe.most_width, 1000); /* xterm's limit where nothing else is said */
	assert_int_equal(probe_with("\033[?64;22;41c", cell).protocol, CS_PROTOCOL_SYMBOLS);
	assert_int_equal(probe_with("\033[?62;4;22c", NULL).protocol, CS_PROTOCOL_SYMBOLS);
	assert_int_equal(
		probe_with("\033[?4;22c", cell).protocol, CS_PROTOCOL_SYMBOLS); /* the first is the kind of terminal */
}

static void the_cell_is_computed_where_it_is_not_said(void **state)
{
	const char *const area[] = {"\033[?2;0;482;314S", "\033[?2;0;2000;2000S", NULL};
	const char *const capped[] = {"\033[?2;0;1000;1000S", "\033[?2;0;1000;1000S", NULL};
	struct cs_probe probe = probe_with("\033[?63;4c", area);

	(void)state;
	assert_int_equal(probe.cell_width, 6); /* 482 includes a border */
	assert_int_equal(probe.cell_height, 13);
	assert_int_equal(probe.most_width, 2000);
	assert_int_equal(probe_with("\033[?63;4c", capped).protocol, CS_PROTOCOL_SYMBOLS); /* a cap is no measure */
}

static void the_wish_goes_before_the_answers(void **state)
{
	struct cs_probe probe = {.utf8 = true, .wish = CS_WISH_ASCII, .answered = true, .sixel = true};
	enum cs_wish wish;
	struct cs_error error;

	(void)state;
	cs_probe_conclude(&probe);
	assert_int_equal(probe.protocol, CS_PROTOCOL_ASCII);
	probe.wish = CS_WISH_SYMBOLS;
	cs_probe_conclude(&probe);
	assert_int_equal(probe.protocol, CS_PROTOCOL_SYMBOLS);
	probe = (struct cs_probe){.utf8 = true, .multiplexer = true, .answered = true, .sixel = true};
	cs_probe_conclude(&probe);
	assert_int_equal(probe.protocol, CS_PROTOCOL_SYMBOLS);
	probe.wish = CS_WISH_SIXEL;
	cs_probe_conclude(&probe);
	assert_int_equal(probe.protocol, CS_PROTOCOL_SIXEL);
	setenv("CONVSCOPE_GRAPHICS", "symbols", 1);
	assert_int_equal(cs_probe_wish(NULL, &wish, &error), CS_OK);
	assert_int_equal(wish, CS_WISH_SYMBOLS);
	assert_int_equal(cs_probe_wish("sixel", &wish, &error), CS_OK);
	assert_int_equal(wish, CS_WISH_SIXEL);
	assert_int_equal(cs_probe_wish("pixels", &wish, &error), CS_ERR_ARGUMENT);
	assert_string_equal(error.message, "--graphics 'pixels': expected auto, sixel, symbols or ascii");
}

static void light_and_dark_are_told_by_the_background(void **state)
{
	struct cs_probe probe = {0};
	struct cs_reply reply = reply_of("\033]11;rgb:ffff/ffff/dddd\033\\");

	(void)state;
	cs_probe_answer(&probe, &reply);
	assert_int_equal(probe.background, 2);
	reply = reply_of("\033]11;rgb:10/10/20\a");
	cs_probe_answer(&probe, &reply);
	assert_int_equal(probe.background, 1);
}

static void no_key_means_two_things_on_one_screen(void **state)
{
	const struct cs_binding *all = cs_bindings();

	(void)state;
	for (const struct cs_binding *a = all; a->action; a++) {
		assert_non_null(a->help);
		assert_non_null(a->name);
		for (const struct cs_binding *b = a + 1; b->action; b++) {
			assert_string_not_equal(a->name, b->name);
			for (int i = 0; (a->contexts & b->contexts) && i < CS_MAX_KEYS && a->keys[i]; i++) {
				for (int j = 0; j < CS_MAX_KEYS && b->keys[j]; j++)
					assert_int_not_equal(a->keys[i], b->keys[j]);
			}
		}
	}
}

static void key_names_read_back_as_they_are_written(void **state)
{
	char text[16];

	(void)state;
	for (const struct cs_binding *at = cs_bindings(); at->action; at++) {
		for (int i = 0; i < CS_MAX_KEYS && at->keys[i]; i++) {
			const char *name = cs_key_name(at->keys[i], text, sizeof text);

			assert_true(cs_key_parse(name) == at->keys[i] || strcmp(name, "Enter") == 0 ||
				strcmp(name, "Backspace") == 0);
		}
	}
	assert_int_equal(cs_key_parse("NoSuchKey"), -1);
	assert_int_equal(cs_key_parse("F99"), -1);
}

static enum cs_status load(const char *text, struct cs_error *error)
{
	char path[] = "/tmp/test_keys.XXXXXX";
	int fd = mkstemp(path);
	enum cs_status status;

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	status = cs_keys_load(path, error);
	unlink(path);
	return status;
}

static void the_users_keys_go_first(void **state)
{
	struct cs_error error = {0};
	int argument;

	(void)state;
	assert_int_equal(load("rule r F2\n\n# nothing\nrule x\n", &error), CS_OK);
	assert_int_equal(cs_key_action('r', CS_ON_IMAGE, &argument), CS_ACTION_RULE); /* though `random` has it too */
	assert_int_equal(cs_key_action('x', CS_ON_LAYER, &argument), CS_ACTION_RULE);
	assert_int_equal(cs_key_action(cs_key_of(KEY_F(2), true), CS_ON_LAYER, &argument), CS_ACTION_RULE);
	assert_int_equal(cs_key_action('b', CS_ON_LAYER, &argument), CS_ACTION_NONE);
	assert_int_equal(cs_key_action('4', CS_ON_LAYER, &argument), CS_ACTION_LAYER);
	assert_int_equal(argument, 3);
	assert_int_equal(load("rule b\nrule Hyper\n", &error), CS_ERR_ARGUMENT);
	assert_non_null(strstr(error.message, ":2: no key 'Hyper'"));
	assert_int_equal(load("rule a b c d e\n", &error), CS_ERR_ARGUMENT);
	cs_keys_reset();
	assert_int_equal(cs_key_action('b', CS_ON_LAYER, &argument), CS_ACTION_RULE);
}

static void type(struct cs_prompt *prompt, const char *keys, char *text)
{
	while (*keys)
		cs_prompt_key(prompt, (int)cs_utf8_next(&keys), text);
}

static void the_prompt_edits_and_remembers(void **state)
{
	struct cs_prompt prompt = {0};
	char text[CS_PROMPT_BYTES];

	(void)state;
	cs_prompt_open(&prompt, ':');
	type(&prompt, "préint x", text);
	for (int i = 0; i < 5; i++)
		cs_prompt_key(&prompt, cs_key_of(KEY_LEFT, true), text);
	cs_prompt_key(&prompt, cs_key_of(KEY_BACKSPACE, true), text);
	assert_int_equal(cs_prompt_key(&prompt, '\r', text), CS_PROMPT_DONE);
	assert_string_equal(text, "print x");
	cs_prompt_open(&prompt, ':');
	cs_prompt_key(&prompt, cs_key_of(KEY_UP, true), text);
	cs_prompt_key(&prompt, 'W' & 0x1f, text);
	type(&prompt, "y", text);
	assert_int_equal(cs_prompt_key(&prompt, '\r', text), CS_PROMPT_DONE);
	assert_string_equal(text, "print y");
	cs_prompt_open(&prompt, '/'); /* a history of its own */
	cs_prompt_key(&prompt, cs_key_of(KEY_UP, true), text);
	cs_prompt_text(&prompt, text, sizeof text);
	assert_string_equal(text, "");
	assert_int_equal(cs_prompt_key(&prompt, 27, text), CS_PROMPT_LEFT);
	cs_prompt_open(&prompt, ':');
	for (int i = 0; i < 5000; i++) /* never beyond its room */
		cs_prompt_key(&prompt, 0x1f600, text);
	assert_int_equal(cs_prompt_key(&prompt, '\r', text), CS_PROMPT_DONE);
	assert_true(strlen(text) < CS_PROMPT_BYTES);
	cs_prompt_fini(&prompt);
}

static struct cs_picture noise(int width, int height, int different)
{
	struct cs_picture picture = {0};
	uint32_t word = 1;

	assert_int_equal(cs_picture_init(&picture, width, height, NULL), CS_OK);
	for (int i = 0; i < width * height * 3; i += 3) {
		word = word * 1664525u + 1013904223u;
		for (int k = 0; k < 3; k++)
			picture.rgb[i + k] = (uint8_t)((word >> 16) % (unsigned)different * 255 /
					(unsigned)(different > 1 ? different - 1 : 1) >>
				(k == 1));
	}
	return picture;
}

static void few_colours_are_kept_exactly_and_many_nearly(void **state)
{
	static const int different[] = {1, 2, 60, 256};

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct cs_picture picture = noise(40, 30, different[i]);
		uint8_t palette[3 * 64], indices[40 * 30];
		double sum = 0;
		int used;

		assert_true(cs_quantise(&picture, 64, palette, &used, indices));
		assert_in_range(used, 1, 64);
		for (int p = 0; p < 40 * 30; p++) {
			assert_true(indices[p] < used);
			for (int k = 0; k < 3; k++)
				sum += abs(picture.rgb[3 * p + k] - palette[3 * indices[p] + k]);
		}
		if (different[i] <= 64)
			assert_true(sum == 0);
		assert_true(sum / (40 * 30 * 3) < 4);
		cs_picture_fini(&picture);
	}
}

static void sixels_decode_to_what_was_encoded(void **state)
{
	struct cs_picture picture = noise(37, 23, 50);
	unsigned char *pixels, *palette;
	struct cs_bytes bytes = {0};
	int width, height, colours;

	(void)state;
	assert_int_equal(cs_sixel_encode(&picture, 64, &bytes, NULL), CS_OK);
	assert_true(SIXEL_SUCCEEDED(sixel_decode_raw(
		(unsigned char *)bytes.data, (int)bytes.length, &pixels, &width, &height, &palette, &colours, NULL)));
	assert_int_equal(width, 37);
	assert_int_equal(height, 23);
	for (int i = 0; i < 37 * 23; i++) {
		for (int k = 0; k < 3; k++)
			assert_in_range(abs(palette[3 * pixels[i] + k] - picture.rgb[3 * i + k]), 0, 2);
	}
	free(pixels);
	free(palette);
	cs_free(bytes.data);
	cs_picture_fini(&picture);
}

static void pictures_fit_and_keep_their_proportions(void **state)
{
	int width, height, columns, rows;

	(void)state;
	cs_sixel_size(100, 50, 10, 10, &width, &height);
	assert_int_equal(width, 50);
	assert_int_equal(height, 50);
	cs_sixel_size(100, 100, 32, 32, &width, &height); /* three whole times: 96 */
	assert_int_equal(width, 96);
	cs_sixel_size(50, 50, 200, 100, &width, &height);
	assert_int_equal(width, 50);
	assert_int_equal(height, 25);
	cs_sixel_size(5, 1000, 1, 30000, &width, &height);
	assert_true(width >= 1 && height <= 1000);
	cs_symbols_size(40, 10, 8, 16, 64, 64, &columns, &rows);
	assert_int_equal(columns, 20);
	assert_int_equal(rows, 10);
}

static void broken_utf8_and_control_characters_are_question_marks(void **state)
{
	const char *text = "a\xc3\xa9\xff\xc3(\033\xe2\x82\xac\xc0\x80\xed\xa0\x80z";
	const uint32_t expected[] = {'a', 0xe9, '?', '?', '(', '?', 0x20ac};
	uint32_t last = 0, character;

	(void)state;
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
		assert_int_equal(cs_utf8_next(&text), expected[i]);
	while ((character = cs_utf8_next(&text)) != 0) {
		assert_true(character == '?' || character == 'z');
		last = character;
	}
	assert_int_equal(last, 'z');
}

static void numbers_read_as_people_write_them(void **state)
{
	char text[40];

	(void)state;
	assert_string_equal(cs_words_count(1476352, text, sizeof text), "1,476,352");
	assert_string_equal(cs_words_count(-1000, text, sizeof text), "-1,000");
	assert_string_equal(cs_words_count(999, text, sizeof text), "999");
	assert_string_equal(cs_words_short(26100, text, sizeof text), "26.1 k");
	assert_string_equal(cs_words_short(512, text, sizeof text), "512");
	assert_string_equal(cs_words_seconds(38, text, sizeof text), "38 s");
	assert_string_equal(cs_words_seconds(5880, text, sizeof text), "1 h 38");
	assert_string_equal(cs_words_value(0, text, sizeof text), "0");
	assert_string_equal(cs_words_value(8.314, text, sizeof text), "8.31");
	assert_string_equal(cs_words_value(-0.0123, text, sizeof text), "-0.012");
	assert_string_equal(cs_words_value_in(8.314, 4, text, sizeof text), "8.31");
	assert_string_equal(cs_words_value_in(8.314, 3, text, sizeof text), "8.3");
	assert_string_equal(cs_words_value_in(99.97, 4, text, sizeof text), "100");
	assert_string_equal(cs_words_value_in(0.0123, 4, text, sizeof text), "0.01");
	assert_string_equal(cs_words_value_in(0.0123, 3, text, sizeof text), "");
}

static const char *row_text(void *context, int row)
{
	return ((const char *const *)context)[row];
}

static void a_tables_cursor_stays_in_it_and_finding_goes_round(void **state)
{
	static const char *const rows[] = {"conv1", "pool1", "conv2", "dense1"};
	struct cs_table table = {.count = 4, .cursor = 9};

	(void)state;
	cs_table_settle(&table, 2);
	assert_int_equal(table.cursor, 3);
	assert_int_equal(table.top, 2);
	assert_true(cs_table_move(&table, CS_ACTION_UP, 2));
	assert_int_equal(cs_table_find(&table, "CONV", 0, row_text, (void *)rows), 2);
	assert_int_equal(cs_table_find(&table, "conv", 1, row_text, (void *)rows), 0);
	assert_int_equal(cs_table_find(&table, "conv", -1, row_text, (void *)rows), 0);
	assert_int_equal(cs_table_find(&table, "nothing", 0, row_text, (void *)rows), -1);
	table.count = 0;
	cs_table_settle(&table, 2);
	assert_int_equal(table.cursor, -1);
	cs_table_move(&table, CS_ACTION_DOWN, 2);
	assert_int_equal(table.cursor, -1);
}

static enum cs_status deaf(struct cs_job *job, void *context, struct cs_error *error)
{
	atomic_bool *over = context;

	(void)job;
	(void)error;
	while (!atomic_load(over))
		usleep(1000);
	return CS_OK;
}

static void leaving_does_not_wait_for_work_that_does_not_listen(void **state)
{
	struct cs_works *works;
	struct cs_work *work;
	struct cs_error error;
	atomic_bool over;

	(void)state;
	atomic_init(&over, false);
	assert_true(cs_works_stop(NULL, 1));
	assert_int_equal(cs_works_new(&works, &error), CS_OK);
	assert_true(cs_works_stop(works, 1));
	assert_int_equal(cs_work_start(works, "deaf", deaf, &over, NULL, &work, &error), CS_OK);
	assert_false(cs_works_stop(works, 0.05));
	atomic_store(&over, true);
	assert_true(cs_works_stop(works, 60));
	cs_works_free(works);
}

static void tables_are_quoted_where_they_must_be(void **state)
{
	char path[] = "/tmp/test_parts.XXXXXX", file[64], text[400] = "", message[200];
	struct cs_error error;
	struct cs_csv csv;
	FILE *in;

	(void)state;
	assert_true(mkdtemp(path) != NULL);
	snprintf(file, sizeof file, "%s/table", path);
	cs_csv_init(&csv, "name,count,share");
	cs_csv_text(&csv, "plain");
	cs_csv_count(&csv, 3);
	cs_csv_number(&csv, 0.1f);
	cs_csv_end_row(&csv);
	cs_csv_text(&csv, "\"quoted\", and a comma");
	cs_csv_count(&csv, -1);
	cs_csv_number(&csv, NAN);
	cs_csv_end_row(&csv);
	cs_csv_text(&csv, NULL);
	cs_csv_text(&csv, "two\nlines");
	cs_csv_text(&csv, "");
	cs_csv_end_row(&csv);
	assert_int_equal(cs_csv_save(&csv, file, message, sizeof message, &error), CS_OK);
	strcat(file, ".csv");
	assert_non_null(strstr(message, file));
	in = fopen(file, "r");
	assert_non_null(in);
	assert_true(fread(text, 1, sizeof text - 1, in) > 0);
	fclose(in);
	assert_string_equal(text,
		"name,count,share\nplain,3,0.100000001\n\"\"\"quoted\"\", and a comma\",-1,\n,\"two\nlines\",\n");
	unlink(file);
	rmdir(path);
}

static struct cs_pointer pointer(enum cs_pointer_kind kind, int from, int column, int step)
{
	return (struct cs_pointer){.kind = kind, .row = 5, .column = column, .from_row = 5, .from_column = from, .step = step};
}

static void a_window_stays_inside_of_its_figure(void **state)
{
	struct cs_window window = {0};
	struct cs_pointer event;
	double from[2], to[2];

	(void)state;
	assert_true(cs_window_is_whole(&window));
	assert_false(cs_window_act(&window, CS_ACTION_LEFT)); /* nothing to move */
	assert_true(cs_window_act(&window, CS_ACTION_ZOOM_IN));
	cs_window_get(&window, from, to);
	assert_true(fabs(from[0] - 0.25) < 1e-9 && fabs(to[1] - 0.75) < 1e-9);
	for (int i = 0; i < 20; i++)
		assert_true(cs_window_act(&window, CS_ACTION_RIGHT));
	cs_window_get(&window, from, to);
	assert_true(fabs(from[0] - 0.5) < 1e-9 && fabs(to[0] - 1) < 1e-9);
	for (int i = 0; i < 40; i++)
		cs_window_act(&window, CS_ACTION_ZOOM_IN);
	cs_window_get(&window, from, to);
	assert_true(to[0] - from[0] > 0.01 && from[0] >= 0 && to[0] <= 1);
	for (int i = 0; i < 40; i++)
		cs_window_act(&window, CS_ACTION_ZOOM_OUT);
	assert_true(cs_window_is_whole(&window));

	/* a drag from a quarter to three quarters along one row: the width alone */
	event = pointer(CS_POINTER_PRESS, 10, 10, 0);
	assert_false(cs_window_point(&window, &event, (double[2]){0.25, 0.4}));
	event = pointer(CS_POINTER_RELEASE, 10, 30, 0);
	assert_true(cs_window_point(&window, &event, (double[2]){0.75, 0.4}));
	cs_window_get(&window, from, to);
	assert_true(fabs(from[0] - 0.25) < 1e-9 && fabs(to[0] - 0.75) < 1e-9 && from[1] == 0 && to[1] == 1);

	/* again, inside of it, from right to left and beyond its edge */
	event = pointer(CS_POINTER_PRESS, 30, 30, 0);
	cs_window_point(&window, &event, (double[2]){0.5, 0.4});
	event = pointer(CS_POINTER_RELEASE, 30, 2, 0);
	assert_true(cs_window_point(&window, &event, (double[2]){-0.3, 0.4}));
	cs_window_get(&window, from, to);
	assert_true(fabs(from[0] - 0.25) < 1e-9 && fabs(to[0] - 0.5) < 1e-9);

	/* a press that trembles is none; a release without a press neither */
	event = pointer(CS_POINTER_RELEASE, 9, 30, 0);
	assert_false(cs_window_point(&window, &event, (double[2]){0.1, 0.4}));

	/* the wheel leaves what is under the pointer where it is */
	window = (struct cs_window){0};
	event = pointer(CS_POINTER_WHEEL, 0, 0, -1);
	assert_true(cs_window_point(&window, &event, (double[2]){0.2, 0.2}));
	cs_window_get(&window, from, to);
	assert_true(fabs(from[0] + 0.2 * (to[0] - from[0]) - 0.2) < 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_told_from_keys),
		cmocka_unit_test(sixel_needs_a_whole_four_and_a_cell),
		cmocka_unit_test(the_cell_is_computed_where_it_is_not_said),
		cmocka_unit_test(the_wish_goes_before_the_answers),
		cmocka_unit_test(light_and_dark_are_told_by_the_background),
		cmocka_unit_test(no_key_means_two_things_on_one_screen),
		cmocka_unit_test(key_names_read_back_as_they_are_written),
		cmocka_unit_test(the_users_keys_go_first),
		cmocka_unit_test(the_prompt_edits_and_remembers),
		cmocka_unit_test(few_colours_are_kept_exactly_and_many_nearly),
		cmocka_unit_test(sixels_decode_to_what_was_encoded),
		cmocka_unit_test(pictures_fit_and_keep_their_proportions),
		cmocka_unit_test(broken_utf8_and_control_characters_are_question_marks),
		cmocka_unit_test(numbers_read_as_people_write_them),
		cmocka_unit_test(a_tables_cursor_stays_in_it_and_finding_goes_round),
		cmocka_unit_test(leaving_does_not_wait_for_work_that_does_not_listen),
		cmocka_unit_test(tables_are_quoted_where_they_must_be),
		cmocka_unit_test(a_window_stays_inside_of_its_figure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
