/* instruction_sets.h: the tables that kernels.c chooses from; each exists where its file was compiled to something. */
#ifndef CS_NN_KERNELS_INSTRUCTION_SETS_H
#define CS_NN_KERNELS_INSTRUCTION_SETS_H

#include "nn/kernels/kernels.h"

extern const struct cs_kernels cs_kernels_portable;
#if defined(__x86_64__)
extern const struct cs_kernels cs_kernels_avx2, cs_kernels_avx512;
#endif

#endif
