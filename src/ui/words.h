/* words.h: numbers as people read them. */
#ifndef CS_UI_WORDS_H
#define CS_UI_WORDS_H

#include <stddef.h>
#include <stdint.h>

/* Each writes into text[size] and returns it. */
const char *cs_words_count(int64_t number, char *text, size_t size); /* 1,476,352 */
const char *cs_words_short(double number, char *text, size_t size); /* 47.3 M */
const char *cs_words_seconds(double seconds, char *text, size_t size); /* 38 s, 12 min, 1 h 38 */
const char *cs_words_age(double since, char *text, size_t size); /* 5 min ago; `since` in seconds since 1970 */
const char *cs_words_value(double value, char *text, size_t size); /* 0.0123, 8.31, 1.2e+05: three or four digits */

/* The same with as few digits as `room` characters need; "" where none would do. */
const char *cs_words_value_in(double value, int room, char *text, size_t size);

/* The end of a path that takes at most `room` bytes, from the beginning of a name; the last name alone where even that is longer. */
const char *cs_words_path_end(const char *path, int room);

#endif
