/* legend.c: see legend.h. */
#include "ui/legend.h"

#include "ui/words.h"

#include <math.h>

enum { LEAST = 4, MOST = 16, ENOUGH_COLOURS = 256 };

uint32_t cs_legend_weight(double share)
{
	static const char ramp[] = " .:-=+*#%@";

	return isnan(share) ? '?' : (uint32_t)ramp[(int)(fmin(1, fmax(0, share)) * 9.999)];
}

int cs_legend_show(struct cs_session *session, int row, int column, int width, const struct cs_colormap *map,
	double low, double high)
{
	struct cs_screen *screen = &session->screen;
	bool plain = !screen->utf8 || screen->colours < ENOUGH_COLOURS;
	char from[40], to[40];
	int bar, used, left, right;

	if (!(low < high))
		return 0;
	cs_words_value(low, from, sizeof from);
	cs_words_value(high, to, sizeof to);
	left = cs_screen_width(screen, from);
	right = cs_screen_width(screen, to);
	bar = width - left - right - 2;
	bar = bar > MOST ? MOST : bar;
	if (bar < LEAST)
		return 0;
	used = cs_screen_put(screen, row, column, left, CS_STYLE_DIM, "%s", from) + 1;
	for (int i = 0; i < bar; i++, used++)
		cs_screen_cell(screen, row, column + used, plain ? cs_legend_weight((double)i / (bar - 1)) : 0x2588,
			&map->at[i * 255 / (bar - 1)], NULL, false);
	used += 1 + cs_screen_put(screen, row, column + used + 1, right, CS_STYLE_DIM, "%s", to);
	return used;
}
