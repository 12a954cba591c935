/* complete.c: see complete.h. */
#include "ui/complete.h"

#include "core/alloc.h"
#include "io/file.h"
#include "ui/evaluate.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Words to choose from, and what they have in common. */
struct choice {
	char text[CS_CHOICES]; /* with blanks between */
	size_t used;
	char common[CS_PROMPT_BYTES];
	int count;
};

static void offer(struct choice *choice, const char *word, const char *begun)
{
	size_t length = strlen(word), same = 0;

	if (strncmp(word, begun, strlen(begun)) != 0)
		return;
	if (choice->count++ == 0)
		snprintf(choice->common, sizeof choice->common, "%s", word);
	while (choice->common[same] && choice->common[same] == word[same])
		same++;
	choice->common[same] = '\0';
	if (choice->used + length + 3 < sizeof choice->text)
		choice->used += (size_t)sprintf(choice->text + choice->used, "%s%s", choice->used ? "  " : "", word);
}

/* Put what is clear into the line, whose last word begins at `from` of `before`. */
static void take(struct cs_session *session, const struct choice *choice, const char *before, size_t from)
{
	char line[2 * CS_PROMPT_BYTES];

	session->choices[0] = '\0';
	if (choice->count == 0) {
		snprintf(session->choices, sizeof session->choices, "nothing begins like that");
		return;
	}
	snprintf(line, sizeof line, "%.*s%s", (int)from, before, choice->common);
	cs_prompt_replace(&session->prompt, line);
	if (choice->count > 1)
		memcpy(session->choices, choice->text, choice->used + 1);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void complete_path(struct cs_session *session, const char *before, size_t from)
{
	const char *path = before + from, *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char *directory = slash ? cs_format("%.*s", (int)(slash - path + 1), path) : cs_strdup(".");
	DIR *list = directory ? opendir(directory) : NULL;
	char *names[2000];
	struct choice choice = {0};
	struct dirent *entry;
	int count = 0;

	while (list && (entry = readdir(list)) != NULL && count < 2000) {
		char *whole;

		if (strncmp(entry->d_name, name, strlen(name)) != 0 || (entry->d_name[0] == '.' && name[0] != '.'))
			continue;
		whole = cs_file_join(directory, entry->d_name);
		if (whole && (names[count] = cs_format("%s%s", entry->d_name, cs_file_is_directory(whole) ? "/" : "")))
			count++;
		cs_free(whole);
	}
	if (list)
		closedir(list);
	qsort(names, (size_t)count, sizeof *names, by_name);
	for (int i = 0; i < count; i++) {
		offer(&choice, names[i], name);
		cs_free(names[i]);
	}
	cs_free(directory);
	take(session, &choice, before, (size_t)(name - before));
}

/* Names of what is looked at, inside a string that begins at `from`. */
static void complete_name(struct cs_session *session, const char *before, size_t from)
{
	struct choice choice = {0};
	const char *begun = before + from;
	char name[64];

	if (cs_session_has_model(session)) {
		const struct cs_network *network = cs_session_network(session);

		for (int i = 0; i < network->layer_count; i++)
			offer(&choice, network->layers[i].spec.name, begun);
		for (int i = 0; i < session->opened->model->class_count; i++)
			offer(&choice, cs_opened_class(session->opened, i, name, sizeof name), begun);
	}
	for (int i = 0; i < 8; i++)
		offer(&choice, cs_rule_names[i], begun);
	take(session, &choice, before, from);
}

/* Where an unfinished string begins, behind its quote; 0: none is open. */
static size_t open_string(const char *text)
{
	char quote = 0;
	size_t from = 0;

	for (size_t i = 0; text[i]; i++) {
		if (quote && text[i] == '\\' && text[i + 1]) {
			i++;
		} else if (text[i] == quote) {
			quote = 0;
		} else if (!quote && (text[i] == '"' || text[i] == '\'')) {
			quote = text[i];
			from = i + 1;
		}
	}
	return quote ? from : 0;
}

void cs_complete(struct cs_session *session)
{
	char before[CS_PROMPT_BYTES];
	size_t string;

	cs_prompt_before(&session->prompt, before, sizeof before);
	session->choices[0] = '\0';
	string = open_string(before);
	if (session->prompt.sign == '>')
		complete_path(session, before, 0);
	else if (session->prompt.sign == ':' && strncmp(before, "open ", 5) == 0)
		complete_path(session, before, 5);
	else if (session->prompt.sign == ':' && string && strchr(before + string, '/'))
		complete_path(session, before, string);
	else if (session->prompt.sign == ':' && string)
		complete_name(session, before, string);
	else if (session->prompt.sign == ':')
		cs_evaluate_complete(session, before);
}

bool cs_complete_tick(struct cs_session *session)
{
	char before[CS_PROMPT_BYTES], asked[CS_PROMPT_BYTES];
	char *words = cs_evaluate_completed(session, asked), *save = NULL;
	struct choice choice = {0};
	size_t from;

	if (!words)
		return false;
	cs_prompt_before(&session->prompt, before, sizeof before);
	if (session->prompt.active && session->prompt.sign == ':' && strcmp(before, asked) == 0) {
		for (from = strlen(before); from > 0; from--) {
			char c = before[from - 1];

			if (!(c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
				break;
		}
		for (char *word = strtok_r(words, "\n", &save); word; word = strtok_r(NULL, "\n", &save))
			offer(&choice, word, before + from);
		take(session, &choice, before, from);
	}
	cs_free(words);
	return true;
}

void cs_complete_forget(struct cs_session *session)
{
	session->choices[0] = '\0';
}
