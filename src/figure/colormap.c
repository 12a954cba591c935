/* colormap.c: colours for numbers. See colormap.h.
 *
 * Maps are laid out in OKLab (Ottosson 2020), where equal steps look equal: lightness runs in a straight line from end to end
 * (for the diverging map from both ends to the middle), hue and chroma between a few control points. A colour that a screen cannot
 * show keeps its lightness and hue and gives up chroma.
 */
#include "figure/colormap.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct oklab {
	double l, a, b;
};

struct stop {
	double at; /* 0 .. 1 */
	double chroma, hue; /* degrees */
};

static struct cs_colormap grey = {.name = "grey"};
static struct cs_colormap heat = {.name = "heat"};
static struct cs_colormap diverging = {.name = "diverging"};
static pthread_once_t once = PTHREAD_ONCE_INIT;

static double to_srgb(double linear)
{
	return linear <= 0.0031308 ? 12.92 * linear : 1.055 * pow(linear, 1 / 2.4) - 0.055;
}

/* Linear-light RGB; false where a screen cannot show it. */
static bool to_linear(struct oklab lab, double rgb[3])
{
	double l = lab.l + 0.3963377774 * lab.a + 0.2158037573 * lab.b;
	double m = lab.l - 0.1055613458 * lab.a - 0.0638541728 * lab.b;
	double s = lab.l - 0.0894841775 * lab.a - 1.2914855480 * lab.b;
	bool inside = true;

	l = l * l * l;
	m = m * m * m;
	s = s * s * s;
	rgb[0] = 4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s;
	rgb[1] = -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s;
	rgb[2] = -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s;
	for (int k = 0; k < 3; k++)
		inside = inside && rgb[k] > -1e-6 && rgb[k] < 1 + 1e-6;
	return inside;
}

static struct cs_rgb shown(double lightness, double chroma, double hue)
{
	double angle = hue * 3.14159265358979323846 / 180;
	double rgb[3];
	uint8_t bytes[3];
	double share = 1;

	while (!to_linear((struct oklab){lightness, share * chroma * cos(angle), share * chroma * sin(angle)}, rgb) &&
		share > 0)
		share -= 0.01;
	for (int k = 0; k < 3; k++) {
		double value = 255 * to_srgb(rgb[k] < 0 ? 0 : rgb[k] > 1 ? 1 : rgb[k]);

		bytes[k] = (uint8_t)lrint(value);
	}
	return (struct cs_rgb){bytes[0], bytes[1], bytes[2]};
}

/* Chroma and hue at t, straight between the stops around it. */
static void between(const struct stop *stops, size_t count, double t, double *chroma, double *hue)
{
	size_t i = 0;
	double share;

	while (i + 2 < count && t > stops[i + 1].at)
		i++;
	share = (t - stops[i].at) / (stops[i + 1].at - stops[i].at);
	*chroma = stops[i].chroma + share * (stops[i + 1].chroma - stops[i].chroma);
	*hue = stops[i].hue + share * (stops[i + 1].hue - stops[i].hue);
}

static void build(void)
{
	static const struct stop warm[] = {
		{0, 0.05, 285},
		{0.25, 0.14, 320},
		{0.5, 0.19, 380},
		{0.75, 0.16, 420},
		{1, 0.08, 465},
	};

	for (int i = 0; i < 256; i++) {
		double t = i / 255.0;
		double side = fabs(2 * t - 1); /* 0 in the middle of the diverging map, 1 at its ends */
		double chroma, hue;

		/* A screen's own greys are even enough, and 0 of a signed picture is then exactly 128. */
		grey.at[i] = (struct cs_rgb){(uint8_t)i, (uint8_t)i, (uint8_t)i};
		between(warm, sizeof warm / sizeof *warm, t, &chroma, &hue);
		heat.at[i] = shown(0.10 + 0.87 * t, chroma, hue);
		diverging.at[i] = shown(0.975 - 0.525 * side, 0.19 * pow(side, 0.85), t < 0.5 ? 255 : 34);
	}
}

const struct cs_colormap *cs_colormap_find(const char *name)
{
	static const struct cs_colormap *const maps[] = {&grey, &heat, &diverging};

	pthread_once(&once, build);
	for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
		if (strcmp(maps[i]->name, name) == 0)
			return maps[i];
	return NULL;
}

struct cs_rgb cs_colormap_at(const struct cs_colormap *map, float x, float low, float high)
{
	double t = 0.5;

	if (isnan(x))
		return (struct cs_rgb){255, 0, 255};
	if (high > low)
		t = ((double)x - low) / ((double)high - low);
	return map->at[t <= 0 ? 0 : t >= 1 ? 255 : lrint(t * 255)];
}

struct cs_rgb cs_series_colour(int i)
{
	/* Okabe and Ito's set without black (which a dark screen swallows), the best told apart first. */
	static const struct cs_rgb colours[CS_SERIES_COLOURS] = {
		{0, 114, 178},
		{213, 94, 0},
		{0, 158, 115},
		{204, 121, 167},
		{230, 159, 0},
		{86, 180, 233},
		{240, 228, 66},
	};

	return colours[(i % CS_SERIES_COLOURS + CS_SERIES_COLOURS) % CS_SERIES_COLOURS];
}
