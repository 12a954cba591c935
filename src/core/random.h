/* random.h: random numbers that depend on what they are for, never on when or on which thread they are drawn.
 *
 * A stream is named by (seed, purpose, epoch, index): the crop of image 17 in epoch 3 is the same whether it is the first
 * or the last thing computed. Streams are counter-based (Philox 4x32-10, Salmon et al. 2011), so that opening one costs
 * nothing and two streams never overlap.
 */
#ifndef CS_CORE_RANDOM_H
#define CS_CORE_RANDOM_H

#include <stdint.h>

enum cs_purpose {
	CS_RANDOM_INITIALISE = 1, /* weights; index = layer */
	CS_RANDOM_SHUFFLE,        /* the order of an epoch */
	CS_RANDOM_AUGMENT,        /* index = sample */
	CS_RANDOM_DROPOUT,        /* epoch = training step, index = layer and image */
	CS_RANDOM_SPLIT,          /* which images are held out; index = class */
	CS_RANDOM_SHAPES,         /* index = sample */
	CS_RANDOM_SAMPLE,         /* a random choice of images for an analysis */
	CS_RANDOM_PERTURB,        /* noise and occlusion; index = sample */
	CS_RANDOM_BOOTSTRAP,
	CS_RANDOM_USER,           /* scripts */
};

struct cs_random {
	uint32_t key[2];
	uint32_t counter[4];
	uint32_t out[4];
	int left; /* unused words in out */
};

/* Open the stream (seed, purpose, epoch, index). */
void cs_random_init(struct cs_random *random, uint64_t seed, enum cs_purpose purpose, uint32_t epoch, uint64_t index);

uint32_t cs_random_u32(struct cs_random *random);

/* Uniform in [0, 1), 24 bits. */
float cs_random_uniform(struct cs_random *random);

/* Uniform in [low, high). */
float cs_random_between(struct cs_random *random, float low, float high);

/* Uniform in 0 .. n-1, without bias; n > 0. */
uint32_t cs_random_below(struct cs_random *random, uint32_t n);

/* Standard normal (Box and Muller; one of each pair is dropped so that a stream has no hidden state). */
float cs_random_normal(struct cs_random *random);

/* Put `n` indices into random order (Fisher and Yates). */
void cs_random_shuffle(struct cs_random *random, int64_t *items, int64_t n);

#endif
