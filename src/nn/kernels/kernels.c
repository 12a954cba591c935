/* kernels.c: which table of inner loops serves this process. See kernels.h.
 *
 * A table is a whole struct: an instruction set's file starts from the rows of the set below it and replaces what it does
 * better, so a lookup never has to fall back entry by entry.
 */
#include "nn/kernels/kernels.h"

#include "nn/kernels/portable.h"

#include <pthread.h>
#include <stddef.h>

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
	return isa == CS_ISA_PORTABLE ? &cs_kernels_portable : NULL;
}
