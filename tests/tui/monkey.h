/* monkey.h: the keys of random play. */
#ifndef CS_TESTS_TUI_MONKEY_H
#define CS_TESTS_TUI_MONKEY_H

#include <stdlib.h>

/* What the monkey's fingers find: keys, answers of a terminal and halves of them, the mouse. */
static const char *const monkey_keys[] = {"\033", "\r", "q", "h", "j", "k", "l", "1", "2", "3", "9", "[", "]", "t", "i",
	"I", "v", "o", "b", "s", "a", "A", "=", "y", "L", "r", "c", "w", "+", "-", "n", "N", "?", " ", "<", "\t", "g",
	"G", "\014", "e", ".", "B", "m", "x", "X", "C", "O", "S", "z", "u", "\033OA", "\033OB", "\033OC", "\033OD",
	"\033[5~", "\033[6~", "/7\r", "/red\r", "/f3\r", ":long\r", ":x\r", ":re\t\r", "&t\r", "&\033",
	"\033[?62;4;22c", "\033[6;16;8t", "\033[", "\033]11;rgb:ff/ff/ff\033\\", "\x80", "\xc3\xa9", "\001",
	"\033[<0;12;5M", "\033[<0;12;5m", "\033[<0;3;9M", "\033[<32;20;9M", "\033[<0;20;9m", "\033[<64;5;5M",
	"\033[<65;5;5M", "\033[<0;70;3M", "\033[<0;70;3m"};

static inline const char *any_key(unsigned *seed)
{
	return monkey_keys[rand_r(seed) % (sizeof monkey_keys / sizeof *monkey_keys)];
}

#endif
