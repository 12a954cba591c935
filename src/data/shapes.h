/* shapes.h: how a picture of the procedural data set is described; shared by its catalogue (shapes.c) and its painter
 * (shapes_draw.c, shapes_ground.c).
 *
 * A scene is a pure function of (seed, index): five named factors, each drawn by itself, and a handful of continuous
 * nuisances. One factor, the cause, decides the class; the others are independent of it.
 */
#ifndef CS_DATA_SHAPES_H
#define CS_DATA_SHAPES_H

#include "data/dataset.h"

enum cs_factor {
	CS_FACTOR_SHAPE,
	CS_FACTOR_COLOUR,
	CS_FACTOR_TEXTURE,
	CS_FACTOR_BACKGROUND,
	CS_FACTOR_POSITION,
	CS_FACTOR_COUNT
};

enum cs_figure {
	CS_FIGURE_DISC,
	CS_FIGURE_SQUARE,
	CS_FIGURE_TRIANGLE,
	CS_FIGURE_RING,
	CS_FIGURE_CROSS,
	CS_FIGURE_STAR,
	CS_FIGURE_HEART,
	CS_FIGURE_CRESCENT
};

enum cs_texture {
	CS_TEXTURE_PLAIN,
	CS_TEXTURE_STRIPED,
	CS_TEXTURE_CHECKED,
	CS_TEXTURE_DOTTED,
	CS_TEXTURE_GRIDDED,
	CS_TEXTURE_ZIGZAG,
	CS_TEXTURE_RINGED,
	CS_TEXTURE_SPECKLED
};

enum cs_ground {
	CS_GROUND_WALL,
	CS_GROUND_DUSK,
	CS_GROUND_SKY,
	CS_GROUND_GRASS,
	CS_GROUND_SAND,
	CS_GROUND_SEA,
	CS_GROUND_NIGHT,
	CS_GROUND_BRICK
};

/* What is to be painted. Lengths in pixels of the picture, colours in 0..1. */
struct cs_scene {
	int value[CS_FACTOR_COUNT];
	float x, y; /* centre of the object */
	float radius; /* of the circle around it, nearly */
	float cosine, sine; /* of its rotation */
	float light[3]; /* the object's colour, */
	float dark[3]; /* and its shade that draws the texture */
	float weave[2]; /* direction of the texture, a unit vector in the object's own frame */
	float phase[2]; /* its offset, in periods */
	float brightness; /* of the whole picture, about 1 */
	float sky[3], low[3]; /* two colours that the ground may use */
	float tilt[2]; /* direction of the ground's gradient, a unit vector */
	uint32_t key; /* for all hashed detail */
};

/* A well-mixed word from a word: fine detail without a stream for each pixel. */
static inline uint32_t cs_shapes_hash(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x9E3779B1u;
	x ^= x >> 15;
	x *= 0x85EBCA77u;
	x ^= x >> 13;
	return x;
}

/* The ground of pixels (left .. left+count-1, row) into rgb[count,3], 0..1 about; count at most CS_SHAPES_RUN. */
enum { CS_SHAPES_RUN = 256 };
void cs_shapes_ground(const struct cs_scene *scene, int width, int height, int left, int row, int count, float *rgb);

/* Paint the scene into rgb[height,width,3]. `grain` is a table of CS_SHAPES_GRAIN normal deviates, in grey levels, from
 * which each row takes a stretch; NULL: no noise. */
enum { CS_SHAPES_GRAIN = 1 << 15 };
void cs_shapes_paint(const struct cs_scene *scene, int width, int height, const float *grain, uint8_t *rgb);

/* 1 where at least half of a pixel is object, mask[height,width]. */
void cs_shapes_mask(const struct cs_scene *scene, int width, int height, uint8_t *mask);

/* The smallest box around that mask; false when nothing of the object is in the picture. */
bool cs_shapes_box(const struct cs_scene *scene, int width, int height, struct cs_box *box);

extern const struct cs_dataset_ops cs_shapes_dataset;

/* The value of a factor in a sample of an open data set of shapes: an enum cs_figure for CS_FACTOR_SHAPE and so on. What
 * the sample shows, whether it decides the class or not. */
int cs_shapes_factor(const struct cs_dataset *data, int64_t image, enum cs_factor factor);

#endif
