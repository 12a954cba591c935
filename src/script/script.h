/* script.h: the scripting room's front door: a Lua state with the convscope library in it. */
#ifndef CS_SCRIPT_SCRIPT_H
#define CS_SCRIPT_SCRIPT_H

#include "core/status.h"

struct cs_picture;
struct lua_State;

/* What scripts can ask of the program that runs them; NULL members are refused with a clear error (as in stock lua5.4). */
struct cs_script_hooks {
	void *context;
	enum cs_status (*browse)(void *context, const char *target, const char *dataset, const char *graphics,
		int threads, struct cs_error *error);

	/* Draw a picture in the terminal where the cursor stands and end the line. `graphics` is "auto", "sixel", "symbols" or
	 * "ascii"; NULL: CONVSCOPE_GRAPHICS or auto. Errors: standard output is no terminal. */
	enum cs_status (*show)(
		void *context, const struct cs_picture *picture, const char *graphics, struct cs_error *error);

	/* What is known of the terminal, lines of "name: value", to be freed with cs_free; NULL without memory. */
	char *(*terminal)(void *context);
};

/* A state with standard libraries, package.path set to the installed (or, from the build tree, the source) lua directory, and
 * `require "convscope"` working. `hooks` is borrowed and must outlive the state. NULL when there is no memory. */
struct lua_State *cs_script_new(const struct cs_script_hooks *hooks);

/* Close the state and every handle in it; NULL is allowed. */
void cs_script_free(struct lua_State *state);

/* Run lua/convscope/cli.lua with the program's arguments; the exit code (0, 1, 2). */
int cs_script_main(int argc, char **argv, const struct cs_script_hooks *hooks);

/* Evaluate a line as a person types it (an expression or a statement); what it printed or returned as text, to be freed
 * with cs_free. Errors: CS_ERR_ARGUMENT with Lua's own message. */
enum cs_status cs_script_evaluate(struct lua_State *state, const char *line, char **text, struct cs_error *error);

#endif
