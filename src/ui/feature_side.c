/* feature_side.c: see feature_side.h. */
#include "ui/feature_side.h"

#include "ui/lens.h"
#include "ui/tint.h"
#include "ui/words.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { HEAD = 2 };

/* How often each class stands among the top images, most frequent first, and the names. */
static int count_classes(const struct cs_session *session, const struct cs_feature_numbers *numbers,
	int labels[CS_SCAN_TOP], int counts[CS_SCAN_TOP])
{
	const struct cs_dataset *data = session->opened->data;
	int kinds = 0;

	for (int i = 0; i < numbers->count; i++) {
		struct cs_sample sample;
		int at = 0;

		cs_dataset_sample(data, numbers->top[i].image, &sample);
		while (at < kinds && labels[at] != sample.label)
			at++;
		if (at == kinds) {
			labels[kinds] = sample.label;
			counts[kinds++] = 0;
		}
		counts[at]++;
		for (; at > 0 && counts[at] > counts[at - 1]; at--) {
			int label = labels[at], count = counts[at];

			labels[at] = labels[at - 1];
			counts[at] = counts[at - 1];
			labels[at - 1] = label;
			counts[at - 1] = count;
		}
	}
	return kinds;
}

/* What goes without each channel, as the colour analysis found it. Returns rows. */
static int draw_tint(struct cs_session *session, int layer, int64_t feature, int row, int column)
{
	static const char *const names[3] = {"colour R", "       G", "       B"};
	struct cs_screen *screen = &session->screen;
	float lost[3];
	const char *by;

	if (row + 4 > session->body_rows ||
		!cs_tint_feature(session, layer, feature, lost, &by))
		return 0;
	for (int c = 0; c < 3; c++) {
		cs_screen_put(screen, row + c, column, -1, CS_STYLE_DIM, "%s", names[c]);
		if (isnan(lost[c]))
			continue;
		cs_screen_bar(screen, row + c, column + 9, 7, fmin(1, fmax(0, (double)lost[c])), CS_STYLE_TEXT);
		cs_screen_put(screen, row + c, column + 17, -1, CS_STYLE_TEXT, "%.2f", (double)lost[c]);
	}
	cs_screen_put(screen, row + 3, column, -1, CS_STYLE_DIM, "goes by %s", by);
	return 5;
}

void cs_feature_side_show(
	struct cs_session *session, int at, int64_t feature, const struct cs_exhibit *exhibit, int column)
{
	const struct cs_layer *layer = &cs_session_network(session)->layers[at];
	struct cs_screen *screen = &session->screen;
	struct cs_scan *scan = cs_session_scan(session, at);
	int64_t total = 0, seen;
	struct cs_feature_numbers numbers;
	char text[60], name[64];
	int row = HEAD, labels[CS_SCAN_TOP], counts[CS_SCAN_TOP], kinds;

	cs_screen_put(screen, row++, column, -1, CS_STYLE_TITLE, "%s %" PRId64,
		layer->out.rank == 1 ? "unit" : "feature", feature);
	if (layer->out.rank == 1 && feature < session->opened->model->class_count &&
		at == cs_session_network(session)->layer_count - 1)
		cs_screen_put(screen, row++, column, -1, CS_STYLE_TEXT, "%s",
			cs_opened_class(session->opened, feature, name, sizeof name));
	row++;
	if (exhibit && exhibit->numbers && exhibit->limit > 0) {
		cs_screen_put(screen, row, column, -1, CS_STYLE_DIM, "scale");
		cs_screen_put(screen, row++, column + 10, -1, CS_STYLE_TEXT, "±%s",
			cs_words_value((double)exhibit->limit, text, sizeof text));
	}
	if (!scan || !cs_scan_feature(scan, at, feature, &numbers))
		return;
	seen = cs_scan_seen(scan, &total);
	if (seen == 0)
		return;
	if (numbers.count == 0) {
		cs_screen_put(screen, row++, column, -1, CS_STYLE_WARN, "silent");
		cs_screen_put(screen, row, column, -1, CS_STYLE_DIM, "on all %" PRId64 " images", seen);
		return;
	}
	cs_screen_put(screen, row, column, -1, CS_STYLE_DIM, "strongest");
	cs_screen_put(screen, row++, column + 10, -1, CS_STYLE_TEXT, "%s",
		cs_words_value((double)numbers.top[0].value, text, sizeof text));
	cs_screen_put(screen, row, column, -1, CS_STYLE_DIM, "mean");
	cs_screen_put(
		screen, row++, column + 10, -1, CS_STYLE_TEXT, "%s", cs_words_value(numbers.mean, text, sizeof text));
	cs_screen_put(screen, row, column, -1, CS_STYLE_DIM, "fires on");
	cs_screen_put(
		screen, row++, column + 10, -1, CS_STYLE_TEXT, "%.1f %%", 100.0 * (double)numbers.fired / (double)seen);
	cs_screen_bar(screen, row++, column + 10, CS_FEATURE_SIDE - 12, (double)numbers.fired / (double)seen, CS_STYLE_DIM);
	if (!isnan(numbers.selectivity)) {
		cs_screen_put(screen, row, column, -1, CS_STYLE_DIM, "selects");
		cs_screen_put(screen, row++, column + 10, -1, CS_STYLE_TEXT, "%.2f %s", numbers.selectivity,
			cs_opened_label(session->opened, numbers.best_class, name, sizeof name));
	}
	row += draw_tint(session, at, feature, row, column);
	cs_screen_put(screen, row++, column, -1, CS_STYLE_DIM, "in its top %d", numbers.count);
	kinds = count_classes(session, &numbers, labels, counts);
	for (int i = 0; i < kinds && i < 5 && row < session->body_rows; i++)
		cs_screen_put(screen, row++, column + 1, -1, CS_STYLE_TEXT, "%d %s", counts[i],
			cs_opened_label(session->opened, labels[i], name, sizeof name));
	if (row + 1 < session->body_rows)
		cs_screen_put(screen, row + 1, column, -1, CS_STYLE_DIM, "of %" PRId64 " %s images", seen,
			cs_split_name(session->opened->split));
}
