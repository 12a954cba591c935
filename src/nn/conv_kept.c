/* conv_kept.c: are transformed weights that were kept still those of the layer? See conv.h.
 *
 * The kernel's numbers are hashed in PARTS parts, by as many tasks. A part has eight sums side by side, each taking in two numbers a
 * turn, sum = rotate(sum ^ numbers, 31) * P, as XXH64 (Collet, https://xxhash.com) does with one multiplication more. The turn is what
 * carries a sign, the top bit, down to where the next product spreads it. Kernels that differ have one mark by chance alone, once in
 * 2^64 times. 0 is what memory holds before the first pass, and never a mark.
 */
#include "nn/conv.h"
#include "nn/conv_bands.h"

#include <string.h>

enum { PARTS = CS_CONV_KEPT_MARKS * sizeof(float) / sizeof(uint64_t), SUMS = 8, FLOATS = 2 * SUMS };

static const uint64_t p1 = 0x9e3779b185ebca87u;

static inline uint64_t mix(uint64_t sum, uint64_t number)
{
	sum ^= number;
	return (sum << 31 | sum >> 33) * p1;
}

/* The next FLOATS numbers. */
static inline void mix_all(uint64_t sums[SUMS], const float *from)
{
	uint64_t numbers[SUMS];

	memcpy(numbers, from, sizeof numbers);
#pragma GCC unroll 8
	for (int i = 0; i < SUMS; i++)
		sums[i] = mix(sums[i], numbers[i]);
}

struct job {
	const struct cs_tensor *kernel;
	uint64_t *marks;
	bool fresh[PARTS];
};

static void part_task(void *context, int part, int worker)
{
	struct job *job = context;
	int64_t count = cs_tensor_count(job->kernel), i = count * part / (int64_t)PARTS,
		end = count * (part + 1) / (int64_t)PARTS;
	uint64_t sums[SUMS] = {1, 2, 3, 4, 5, 6, 7, 8}, found = p1;

	(void)worker;
	for (; i + FLOATS <= end; i += FLOATS)
		mix_all(sums, job->kernel->data + i);
	if (i < end) {
		float rest[FLOATS] = {0};

		memcpy(rest, job->kernel->data + i, (size_t)(end - i) * sizeof *rest);
		mix_all(sums, rest);
	}
	for (int k = 0; k < SUMS; k++)
		found = mix(found, sums[k]);
	found += found == 0;
	job->fresh[part] = job->marks[part] == found;
	job->marks[part] = found;
}

bool cs_conv_kept_is_fresh(const struct cs_layer *conv, const struct cs_pass *pass)
{
	struct job job = {.kernel = &conv->params[0].value, .marks = (uint64_t *)pass->kept};
	bool fresh = true;

	cs_workers_run(pass->workers, PARTS, part_task, &job);
	for (size_t i = 0; i < PARTS; i++)
		fresh = fresh && job.fresh[i];
	return fresh;
}
