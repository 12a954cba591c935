/* chart.h: a plot on the screen: a picture where there are pixels, else braille and text in cells; one description for both. */
#ifndef CS_UI_CHART_H
#define CS_UI_CHART_H

#include "figure/plot.h"
#include "ui/session.h"

/* What was drawn last, so that an unchanged plot is not drawn again. Zeroed at first. */
struct cs_chart {
	struct cs_picture picture;
	int width, height;
	unsigned version;
	bool dark;
	struct cs_area area; /* where it stands, */
	struct cs_plot_frame frame; /* and where the data in it, for the mouse */
};

/* Show a plot in an area (nothing in areas under 16 columns and 4 rows). `version` says when the plot is another one than before;
 * its `dark` is set here. Heat maps are drawn with characters of rising weight where colours are few. */
void cs_chart_show(struct cs_session *session, const struct cs_plot *plot, unsigned version, struct cs_area area,
	struct cs_chart *chart);

/* The plot as STEM.png and STEM.svg, both or neither; and take them away again. */
enum cs_status cs_chart_save(const struct cs_plot *plot, const char *stem, struct cs_error *error);
void cs_chart_drop(const char *stem);
void cs_chart_fini(struct cs_chart *chart);

#endif
