/* commands.h: words at the prompt that are the browser's own, not Lua: record, open, export. */
#ifndef CS_UI_COMMANDS_H
#define CS_UI_COMMANDS_H

#include "ui/session.h"

/* Do what a line says; false when its first word is no command (then it is Lua). */
bool cs_command(struct cs_session *session, const char *line);

/* Open a picture file beside the images and show it: decoded in the background, by cs_command_tick() when it is there. */
void cs_command_open_picture(struct cs_session *session, const char *path);

/* Write the topmost view to files that begin with `stem` (NULL: a name of its own). */
void cs_command_export(struct cs_session *session, const char *stem);

bool cs_command_tick(struct cs_session *session);

#endif
