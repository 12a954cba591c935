/* name.c: names out of files. See name.h. */
#include "core/name.h"

#include "core/alloc.h"
#include "core/status.h"

#include <string.h>

enum { LONGEST = 200 };

char *cs_name_plain(const char *name)
{
	size_t length = strnlen(name, LONGEST + 1);
	char *copy;

	if (length > LONGEST)
		for (length = LONGEST; length && ((unsigned char)name[length] & 0xc0) == 0x80; length--)
			;
	copy = cs_strndup(name, length);
	if (copy)
		cs_status_plain(copy);
	return copy;
}
