/* prompt.c: line editing with the keys of readline that fingers know. See prompt.h. */
#include "ui/prompt.h"

#include "core/alloc.h"
#include "term/screen.h"
#include "ui/keys.h"

#include <curses.h>
#include <string.h>

enum { CTRL = 0x1f, ESC = 27, ROOM = sizeof((struct cs_prompt *)0)->line / sizeof(uint32_t) };

/* Which history a sign has. */
static int which_of(char sign)
{
	return sign == ':' ? 0 : sign == '/' ? 1 : sign == '&' ? 2 : 3;
}

void cs_prompt_open(struct cs_prompt *prompt, char sign)
{
	prompt->active = true;
	prompt->sign = sign;
	prompt->length = prompt->cursor = 0;
	prompt->history_at = prompt->history_count[which_of(sign)];
}

void cs_prompt_text(const struct cs_prompt *prompt, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; i < prompt->length; i++)
		cs_utf8_put(text, size, &used, prompt->line[i]);
}

static void set_line(struct cs_prompt *prompt, const char *text)
{
	uint32_t character;

	prompt->length = 0;
	while (prompt->length < (int)ROOM && (character = cs_utf8_next(&text)) != 0)
		prompt->line[prompt->length++] = character;
	prompt->cursor = prompt->length;
}

void cs_prompt_set(struct cs_prompt *prompt, const char *text)
{
	set_line(prompt, text);
}

void cs_prompt_before(const struct cs_prompt *prompt, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; i < prompt->cursor; i++)
		cs_utf8_put(text, size, &used, prompt->line[i]);
}

void cs_prompt_replace(struct cs_prompt *prompt, const char *text)
{
	uint32_t rest[ROOM], character;
	int count = prompt->length - prompt->cursor;

	memcpy(rest, prompt->line + prompt->cursor, (size_t)count * sizeof *rest);
	prompt->length = 0;
	while (prompt->length + count < (int)ROOM && (character = cs_utf8_next(&text)) != 0)
		prompt->line[prompt->length++] = character;
	prompt->cursor = prompt->length;
	memcpy(prompt->line + prompt->length, rest, (size_t)count * sizeof *rest);
	prompt->length += count;
}

static void go_back(struct cs_prompt *prompt, int step)
{
	int which = which_of(prompt->sign), at = prompt->history_at + step;

	if (at < 0 || at > prompt->history_count[which])
		return;
	prompt->history_at = at;
	set_line(prompt, at < prompt->history_count[which] ? prompt->history[which][at] : "");
}

static void remember(struct cs_prompt *prompt, const char *text)
{
	int which = which_of(prompt->sign), *count = &prompt->history_count[which];
	char **list = prompt->history[which], *copy;

	if (!*text || prompt->sign == '=' || (*count && strcmp(list[*count - 1], text) == 0))
		return;
	copy = cs_strdup(text);
	if (!copy)
		return;
	if (*count == CS_PROMPT_HISTORY) {
		cs_free(list[0]);
		memmove(list, list + 1, (CS_PROMPT_HISTORY - 1) * sizeof *list);
		(*count)--;
	}
	list[(*count)++] = copy;
}

static void cut(struct cs_prompt *prompt, int from, int to)
{
	if (from < 0 || from >= to)
		return;
	memmove(prompt->line + from, prompt->line + to, (size_t)(prompt->length - to) * sizeof *prompt->line);
	prompt->length -= to - from;
	prompt->cursor = from;
}

static int word_before(const struct cs_prompt *prompt)
{
	int at = prompt->cursor;

	while (at > 0 && prompt->line[at - 1] == ' ')
		at--;
	while (at > 0 && prompt->line[at - 1] != ' ')
		at--;
	return at;
}

static void insert(struct cs_prompt *prompt, int key)
{
	if (key < ' ' || key == 127 || key >= 0x110000 || prompt->length == (int)ROOM)
		return;
	memmove(prompt->line + prompt->cursor + 1, prompt->line + prompt->cursor,
		(size_t)(prompt->length - prompt->cursor) * sizeof *prompt->line);
	prompt->line[prompt->cursor++] = (uint32_t)key;
	prompt->length++;
}

enum cs_prompt_word cs_prompt_key(struct cs_prompt *prompt, int key, char *text)
{
	if (key == cs_key_of(KEY_ENTER, true) || key == '\r' || key == '\n') {
		cs_prompt_text(prompt, text, CS_PROMPT_BYTES);
		remember(prompt, text);
		prompt->active = false;
		return CS_PROMPT_DONE;
	}
	if (key == ESC || key == ('C' & CTRL) || key == ('G' & CTRL) ||
		((key == 127 || key == '\b' || key == cs_key_of(KEY_BACKSPACE, true)) && prompt->length == 0)) {
		prompt->active = false;
		return CS_PROMPT_LEFT;
	}
	if (key == cs_key_of(KEY_LEFT, true) || key == ('B' & CTRL))
		prompt->cursor -= prompt->cursor > 0;
	else if (key == cs_key_of(KEY_RIGHT, true) || key == ('F' & CTRL))
		prompt->cursor += prompt->cursor < prompt->length;
	else if (key == cs_key_of(KEY_HOME, true) || key == ('A' & CTRL))
		prompt->cursor = 0;
	else if (key == cs_key_of(KEY_END, true) || key == ('E' & CTRL))
		prompt->cursor = prompt->length;
	else if (key == cs_key_of(KEY_UP, true) || key == ('P' & CTRL))
		go_back(prompt, -1);
	else if (key == cs_key_of(KEY_DOWN, true) || key == ('N' & CTRL))
		go_back(prompt, 1);
	else if (key == cs_key_of(KEY_BACKSPACE, true) || key == 127 || key == '\b')
		cut(prompt, prompt->cursor - 1, prompt->cursor);
	else if (key == cs_key_of(KEY_DC, true) || key == ('D' & CTRL))
		cut(prompt, prompt->cursor, prompt->cursor < prompt->length ? prompt->cursor + 1 : 0);
	else if (key == ('U' & CTRL))
		cut(prompt, 0, prompt->cursor);
	else if (key == ('K' & CTRL))
		prompt->length = prompt->cursor;
	else if (key == ('W' & CTRL))
		cut(prompt, word_before(prompt), prompt->cursor);
	else
		insert(prompt, key);
	return CS_PROMPT_MORE;
}

void cs_prompt_fini(struct cs_prompt *prompt)
{
	for (int which = 0; which < 4; which++) {
		for (int i = 0; i < prompt->history_count[which]; i++)
			cs_free(prompt->history[which][i]);
	}
	*prompt = (struct cs_prompt){0};
}
