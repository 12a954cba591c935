/* words.c: see words.h. */
#include "ui/words.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *cs_words_count(int64_t number, char *text, size_t size)
{
	char digits[32];
	size_t length, used = 0;

	snprintf(digits, sizeof digits, "%" PRId64, number);
	length = strlen(digits);
	for (size_t i = 0; i < length && used + 2 < size; i++) {
		if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-')
			text[used++] = ',';
		text[used++] = digits[i];
	}
	text[used < size ? used : size - 1] = '\0';
	return text;
}

const char *cs_words_short(double number, char *text, size_t size)
{
	static const char *const units[] = {"", " k", " M", " G", " T"};
	int unit = 0;

	while (fabs(number) >= 1000 && unit < 4) {
		number /= 1000;
		unit++;
	}
	snprintf(text, size, unit && fabs(number) < 100 ? "%.1f%s" : "%.0f%s", number, units[unit]);
	return text;
}

const char *cs_words_seconds(double seconds, char *text, size_t size)
{
	if (!(seconds >= 0) || seconds > 1e9)
		snprintf(text, size, "?");
	else if (seconds < 90)
		snprintf(text, size, "%.0f s", seconds);
	else if (seconds < 5400)
		snprintf(text, size, "%.0f min", seconds / 60);
	else if (seconds < 48 * 3600)
		snprintf(text, size, "%d h %02d", (int)(seconds / 3600), (int)(seconds / 60) % 60);
	else
		snprintf(text, size, "%.0f days", seconds / 86400);
	return text;
}

const char *cs_words_age(double since, char *text, size_t size)
{
	double age = (double)time(NULL) - since;
	char passed[40];

	if (age < 5)
		snprintf(text, size, "now");
	else
		snprintf(text, size, "%s ago", cs_words_seconds(age, passed, sizeof passed));
	return text;
}

const char *cs_words_value(double value, char *text, size_t size)
{
	double magnitude = fabs(value);

	if (magnitude == 0)
		snprintf(text, size, "0");
	else if (magnitude >= 1e5 || magnitude < 1e-3)
		snprintf(text, size, "%.2g", value);
	else if (magnitude >= 100)
		snprintf(text, size, "%.0f", value);
	else if (magnitude >= 10)
		snprintf(text, size, "%.1f", value);
	else if (magnitude >= 1)
		snprintf(text, size, "%.2f", value);
	else
		snprintf(text, size, "%.3f", value);
	return text;
}

const char *cs_words_value_in(double value, int room, char *text, size_t size)
{
	bool plain = fabs(value) >= 1 && fabs(value) < 1e5;

	cs_words_value(value, text, size);
	for (int digits = 1; (int)strlen(text) > room && digits >= 0; digits--) {
		if (plain)
			snprintf(text, size, "%.*f", digits, value);
		else
			snprintf(text, size, "%.*g", digits + 1, value);
	}
	if ((int)strlen(text) > room)
		text[0] = '\0';
	return text;
}

const char *cs_words_path_end(const char *path, int room)
{
	while ((int)strlen(path) > room) {
		const char *slash = strchr(path + (*path == '/'), '/');

		if (!slash || !slash[1])
			break;
		path = slash + 1;
	}
	return path;
}
