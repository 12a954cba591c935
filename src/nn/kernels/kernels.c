/* kernels.c: which table of inner loops serves this process. See kernels.h.
 *
 * A table is a whole struct: an instruction set's file starts from the rows of the set below it and replaces what it does
 * better, so a lookup never has to fall back entry by entry.
 */
#include "nn/kernels/kernels.h"

#include "nn/kernels/blocked.h"
#include "nn/kernels/instruction_sets.h"

#include <pthread.h>
#include <stddef.h>

const struct cs_filtering_size cs_filtering_sizes[CS_FILTERINGS] = {
	[CS_F2_3] = {2, 3, 4, 1},
	[CS_F3_3] = {3, 3, 5, 1},
	[CS_F4_3] = {4, 3, 6, 1},
	[CS_F6_3] = {6, 3, 8, 1},
	[CS_F3_5] = {3, 5, 7, 1},
	[CS_F6_5] = {6, 5, 10, 1},
	[CS_S3_3] = {3, 3, 7, 2},
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const struct cs_kernels *chosen;

static void choose(void)
{
	enum cs_isa isa = CS_ISA_PORTABLE;

	if (cs_isa_chosen(&isa, NULL) != CS_OK)
		isa = CS_ISA_PORTABLE;
	chosen = cs_kernels_for(isa);
	if (!chosen)
		chosen = &cs_kernels_portable;
}

const struct cs_kernels *cs_kernels(void)
{
	pthread_once(&once, choose);
	return chosen;
}

const struct cs_kernels *cs_kernels_for(enum cs_isa isa)
{
	if (isa > cs_cpu_isa())
		return NULL;
	switch (isa) {
	case CS_ISA_PORTABLE:
		return &cs_kernels_portable;
#if defined(__x86_64__)
	case CS_ISA_AVX2:
		return &cs_kernels_avx2;
	case CS_ISA_AVX512:
		return &cs_kernels_avx512;
#else
	default:
		break;
#endif
	}
	return NULL;
}
