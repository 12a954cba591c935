/* prompt.h: a line to type into, with the lines typed before. */
#ifndef CS_UI_PROMPT_H
#define CS_UI_PROMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CS_PROMPT_BYTES = 1024, CS_PROMPT_HISTORY = 100 };

struct cs_prompt {
	bool active;
	char sign; /* ':' Lua, '/' find, '&' filter, '>' a file, or '=' for a value, which is not remembered */
	uint32_t line[CS_PROMPT_BYTES / 4 - 1];
	int length, cursor;
	char *history[4][CS_PROMPT_HISTORY]; /* of each sign, oldest first */
	int history_count[4], history_at;
};

enum cs_prompt_word { CS_PROMPT_MORE, CS_PROMPT_DONE, CS_PROMPT_LEFT };

void cs_prompt_open(struct cs_prompt *prompt, char sign);
/* Put a text into the line, to be edited. */
void cs_prompt_set(struct cs_prompt *prompt, const char *text);
/* What stands before the cursor is replaced by `text`; what follows stays. */
void cs_prompt_replace(struct cs_prompt *prompt, const char *text);
/* What stands before the cursor, as UTF-8. */
void cs_prompt_before(const struct cs_prompt *prompt, char *text, size_t size);

/* A key (numbers as in keys.h). DONE: the line stands in text[CS_PROMPT_BYTES] and in the history; LEFT: given up. */
enum cs_prompt_word cs_prompt_key(struct cs_prompt *prompt, int key, char *text);
/* The line as UTF-8, and the columns before the cursor counted in characters. */
void cs_prompt_text(const struct cs_prompt *prompt, char *text, size_t size);
void cs_prompt_fini(struct cs_prompt *prompt);

#endif
