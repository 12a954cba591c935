/* settings.c: see settings.h. */
#include "ui/settings.h"

#include "core/alloc.h"
#include "io/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 32 MB are some 500 projections of 64x64 pixels, 50 of 224x224: less would compute them anew on the way back to a screen, more would only let
 * the program grow for as long as it is used. */
enum { STANDARD_MEMORY = 32, MOST_MEMORY = 65536 }; /* MB */

/* The place of a word in a list that NULL ends; -1. */
static int place(const char *word, const char *const *list)
{
	for (int i = 0; list[i]; i++) {
		if (strcmp(word, list[i]) == 0)
			return i;
	}
	return -1;
}

/* A number of MB; -1 when it is none. */
static int number_of(const char *word)
{
	char *end;
	long number = strtol(word, &end, 10);

	return *end || number < 1 || number > MOST_MEMORY ? -1 : (int)number;
}

static const char *const grounds[] = {"auto", "dark", "light", NULL};
static const char *const ways[] = {"auto", "sixel", "symbols", "ascii", NULL};
static const char *const switches[] = {"off", "on", NULL};

static const struct {
	const char *name;
	const char *const *words;
	const char *expected;
} names[] = {
	{"background", grounds, "auto, dark or light"},
	{"graphics", ways, "auto, sixel, symbols or ascii"},
	{"memory", NULL, "a number of MB from 1 to 65536"},
	{"mouse", switches, "on or off"},
	{"passthrough", switches, "on or off"},
};

enum { BACKGROUND, GRAPHICS, MEMORY, MOUSE, PASSTHROUGH, NAMES = sizeof names / sizeof *names };

static enum cs_status read_line(char *line, struct cs_settings *settings, struct cs_error *error)
{
	char *save = NULL, *name, *word;
	int which = 0, value;

	line[strcspn(line, "#\r\n")] = '\0';
	name = strtok_r(line, " \t=", &save);
	if (!name)
		return CS_OK;
	word = strtok_r(NULL, " \t=", &save);
	while (which < NAMES && strcmp(names[which].name, name) != 0)
		which++;
	if (which == NAMES)
		return cs_fail(error, CS_ERR_NOT_FOUND,
			"no setting '%s': there are background, graphics, memory, mouse and passthrough", name);
	value = !word ? -1 : names[which].words ? place(word, names[which].words) : number_of(word);
	if (value < 0)
		return cs_fail(
			error, CS_ERR_ARGUMENT, "%s '%s': expected %s", name, word ? word : "", names[which].expected);
	switch (which) {
	case BACKGROUND:
		settings->background = value;
		break;
	case GRAPHICS:
		snprintf(settings->graphics, sizeof settings->graphics, "%s", word);
		break;
	case MEMORY:
		settings->memory = value;
		break;
	case MOUSE:
		settings->mouse = value;
		break;
	case PASSTHROUGH:
		settings->passthrough = value;
		break;
	}
	return CS_OK;
}

static char *own_path(void)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (config && *config)
		return cs_format("%s/convscope/config", config);
	return home && *home ? cs_format("%s/.config/convscope/config", home) : NULL;
}

enum cs_status cs_settings_load(const char *path, struct cs_settings *settings, struct cs_error *error)
{
	char *own = path ? NULL : own_path(), *text = NULL, *save;
	const char *from = path ? path : own;
	enum cs_status status = CS_OK;
	size_t size;
	int number = 1;

	*settings = (struct cs_settings){.mouse = true, .memory = STANDARD_MEMORY};
	if (!from || (!path && !cs_file_exists(from)))
		goto out;
	status = cs_file_read(from, 1 << 20, &text, &size, error);
	save = text;
	for (char *line; !status && (line = strsep(&save, "\n")) != NULL; number++) {
		status = read_line(line, settings, error);
		if (status)
			cs_error_prefix(error, "%s:%d", from, number);
	}
out:
	cs_free(text);
	cs_free(own);
	return status;
}
