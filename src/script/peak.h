/* peak.h: how fast this machine multiplies and adds: the yardstick behind `convscope doctor` and `convscope bench`. */
#ifndef CS_SCRIPT_PEAK_H
#define CS_SCRIPT_PEAK_H

#include "core/cpu.h"
#include "core/workers.h"

/* GFLOP/s of fused multiply-adds that stay in registers, on all threads of the pool, with the vector width of `isa`: the best
 * of five rounds of about 20 ms, and of more while new threads may still share a processor (0.3 s). The portable form is what the compiler makes of plain C: no peak. */
double cs_peak_fma(enum cs_isa isa, struct cs_workers *workers);

/* GFLOP/s of a single-threaded product of two n x n matrices by OpenBLAS: the median of five. 0 without memory. */
double cs_peak_gemm(int n);

/* The middle one of what was measured, of two the larger; sorts the values. */
double cs_peak_median(double *values, int count);

#endif
