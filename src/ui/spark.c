/* spark.c: see spark.h. */
#include "ui/spark.h"

#include "ui/legend.h"

#include <math.h>

int cs_spark_show(struct cs_session *session, int row, int column, int width, const float *values, int count, float top,
	const struct cs_rgb *colours)
{
	struct cs_screen *screen = &session->screen;

	count = count > width ? width : count;
	for (int i = 0; top <= 0 && i < count; i++) {
		if (isfinite(values[i]))
			top = fmaxf(top, values[i]);
	}
	for (int i = 0; i < count; i++) {
		double share = top > 0 ? fmin(1, fmax(0, (double)(values[i] / top))) : 0;
		uint32_t character = !screen->utf8 ? cs_legend_weight(share) : 0x2581 + (uint32_t)lrint(share * 7);

		if (isnan(values[i]))
			continue;
		cs_screen_cell(screen, row, column + i, character, colours && screen->colours >= 8 ? &colours[i] : NULL,
			NULL, false);
	}
	return count;
}

struct cs_rgb cs_hue_colour(double degrees)
{
	double sixth = fmod(degrees / 60, 6), part = 1 - fabs(fmod(sixth, 2) - 1);
	int place = (int)sixth;
	double r = place == 0 || place == 5 ? 1 : place == 1 || place == 4 ? part : 0;
	double g = place == 1 || place == 2 ? 1 : place == 0 || place == 3 ? part : 0;
	double b = place == 3 || place == 4 ? 1 : place == 2 || place == 5 ? part : 0;

	return (struct cs_rgb){(uint8_t)lrint(255 * r), (uint8_t)lrint(255 * g), (uint8_t)lrint(255 * b)};
}
