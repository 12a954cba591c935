/* name.h: names out of files, of classes above all, made fit for lines on a terminal. */
#ifndef CS_CORE_NAME_H
#define CS_CORE_NAME_H

/* A copy of `name` that has gone through cs_status_plain() and is cut, between characters, where it has over 200 bytes; to be freed. NULL
 * without memory. */
char *cs_name_plain(const char *name);

#endif
