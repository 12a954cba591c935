/* spark.h: a row of numbers as a row of little bars, one character each. */
#ifndef CS_UI_SPARK_H
#define CS_UI_SPARK_H

#include "ui/session.h"

/* Draw values[count] (0 and up; `top` is a full bar, 0: the largest of them) at (row, column), each in its colour (NULL: as text). NaN is
 * drawn as a gap. Returns the columns used. */
int cs_spark_show(struct cs_session *session, int row, int column, int width, const float *values, int count, float top,
	const struct cs_rgb *colours);

/* The pure colour of a hue in degrees. */
struct cs_rgb cs_hue_colour(double degrees);

#endif
