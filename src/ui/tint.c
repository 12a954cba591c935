/* tint.c: see tint.h. The table of the result holds the layers one after the other, each feature in its order. */
#include "ui/tint.h"

#include "core/alloc.h"
#include "figure/result.h"
#include "work/reading.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const columns[3] = {"without red", "without green", "without blue"};

const struct cs_result *cs_tint_result(struct cs_session *session)
{
	return cs_reading_result(cs_session_colour(session));
}

/* The first row of a layer; -1: not in the table. */
static int64_t first_row(struct cs_session *session, int layer, int64_t features)
{
	const struct cs_result *result = cs_tint_result(session);
	const struct cs_result_column *names = cs_result_column(result, "layer");
	const char *name = cs_layer_name(cs_session_network(session), layer);

	if (!names || !names->texts)
		return -1;
	for (int64_t i = 0; i + features <= result->rows; i++) {
		if (strcmp(names->texts[i], name) == 0)
			return strcmp(names->texts[i + features - 1], name) == 0 ? i : -1;
	}
	return -1;
}

bool cs_tint_feature(struct cs_session *session, int layer, int64_t feature, float lost[3], const char **by)
{
	const struct cs_result *result = cs_tint_result(session);
	const struct cs_result_column *goes_by = cs_result_column(result, "goes by");
	int64_t row = first_row(session, layer, cs_layer_features(&cs_session_network(session)->layers[layer]));

	if (row < 0)
		return false;
	for (int c = 0; c < 3; c++) {
		const struct cs_result_column *column = cs_result_column(result, columns[c]);

		lost[c] = column && column->numbers ? column->numbers[row + feature] : NAN;
	}
	*by = goes_by && goes_by->texts ? goes_by->texts[row + feature] : "";
	return true;
}

double cs_tint_lost(const struct cs_result *result, int64_t row, int channel)
{
	const struct cs_result_column *share = cs_result_column(result, columns[channel]);
	const struct cs_result_column *response = cs_result_column(result, "response");

	if (!share || !share->numbers)
		return NAN;
	return (double)share->numbers[row] * (response && response->numbers ? (double)response->numbers[row] : 1);
}

struct ranked {
	double value;
	int64_t feature;
};

static int by_value(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (isnan(x->value) != isnan(y->value))
		return isnan(x->value) ? 1 : -1;
	if (x->value != y->value && !isnan(x->value))
		return x->value > y->value ? -1 : 1;
	return x->feature < y->feature ? -1 : x->feature > y->feature;
}

bool cs_tint_rank(const struct cs_result *result, int64_t first, int64_t count, int channel, int64_t *order)
{
	const struct cs_result_column *column = cs_result_column(result, columns[channel]);
	struct ranked *list = cs_alloc((size_t)count * sizeof *list);
	bool known = list && column && column->numbers;

	for (int64_t f = 0; known && f < count; f++)
		list[f] = (struct ranked){cs_tint_lost(result, first + f, channel), f};
	if (known)
		qsort(list, (size_t)count, sizeof *list, by_value);
	for (int64_t f = 0; f < count; f++)
		order[f] = known ? list[f].feature : f;
	cs_free(list);
	return known;
}

bool cs_tint_sort(struct cs_session *session, int layer, int channel, int64_t features, int64_t *order)
{
	int64_t row = first_row(session, layer, features);

	if (row >= 0)
		return cs_tint_rank(cs_tint_result(session), row, features, channel, order);
	for (int64_t f = 0; f < features; f++)
		order[f] = f;
	return false;
}
