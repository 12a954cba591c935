/* cpu.h: what this processor can do, asked once. */
#ifndef CS_CORE_CPU_H
#define CS_CORE_CPU_H

#include "core/status.h"

#include <stdbool.h>

enum cs_isa { CS_ISA_PORTABLE, CS_ISA_AVX2, CS_ISA_AVX512 };

/* The best instruction set that processor and system offer. */
enum cs_isa cs_cpu_isa(void);

/* The set to use: the best, or what CONVSCOPE_ISA=portable|avx2|avx512 asks for. Errors: CS_ERR_ARGUMENT for an unknown
 * word, CS_ERR_UNSUPPORTED for a set that this machine lacks. */
enum cs_status cs_isa_chosen(enum cs_isa *isa, struct cs_error *error);

const char *cs_isa_name(enum cs_isa isa);

/* The processor's own name, as in /proc/cpuinfo; "unknown" elsewhere. */
const char *cs_cpu_name(void);

/* AVX-512 BF16 and AMX tiles of bfloat16, for --precision bf16 and for `doctor`. */
bool cs_cpu_has_bf16(void);
bool cs_cpu_has_amx(void);

/* Ask the system for the AMX tiles: their registers are so large that Linux keeps them for those who ask, once a process. All its threads
 * may use them afterwards. Errors: CS_ERR_UNSUPPORTED, with what is missing: the processor's tiles, the system's leave, or the
 * instruction set that CONVSCOPE_ISA has ruled out (tiles come with AVX-512). */
enum cs_status cs_cpu_take_amx(struct cs_error *error);

#endif
