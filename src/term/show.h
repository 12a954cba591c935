/* show.h: what the command line asks of this room: one picture drawn in the terminal without the browser, and a report of
 * what the terminal can do. */
#ifndef CS_TERM_SHOW_H
#define CS_TERM_SHOW_H

#include "core/status.h"
#include "io/picture.h"

#include <stdbool.h>

/* Draw one picture at the cursor, by sixel where the terminal has it and with characters elsewhere, and end the line: what
 * follows is printed below it.
 *
 * picture   borrowed; magnified by repeating pixels, or shrunk by area, to fit the window
 * graphics  "auto", "sixel", "symbols", "ascii"; NULL: CONVSCOPE_GRAPHICS or auto
 * Errors    CS_ERR_UNSUPPORTED when standard output is no terminal or one that cannot place a cursor (TERM=dumb); CS_ERR_ARGUMENT
 *           for an unknown word; CS_ERR_IO, CS_ERR_MEMORY.
 */
enum cs_status cs_show_picture(const struct cs_picture *picture, const char *graphics, struct cs_error *error);

/* The terminal in lines "name: value" for `convscope doctor`: TERM, size, colours, character set, the protocol pictures will
 * use and why, cell size. Without a terminal it says so; never fails but for memory (NULL). To be freed with cs_free. */
char *cs_show_report(void);

#endif
