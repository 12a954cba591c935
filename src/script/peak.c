/* peak.c: multiply-adds that never leave the registers, timed. See peak.h.
 *
 * Twelve independent chains hide the latency of a fused multiply-add (4 cycles, 2 a cycle, on all processors with these
 * instruction sets); the values converge, so that neither overflow nor denormal numbers disturb.
 */
#include "script/peak.h"

#include "core/alloc.h"
#include "core/clock.h"
#include "core/gemm.h"

#include <stdlib.h>

enum { CHAINS = 12, TURNS = 1 << 16, ROUNDS = 5 };

static const double SPREAD = 0.3; /* seconds: threads that have just begun share a processor until the scheduler has spread them */

struct spin {
	enum cs_isa isa;
	int turns; /* in units of TURNS */
	float sink[64];
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double cs_peak_median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof *values, by_value);
	return values[count / 2];
}

/* One loop for each width. The compiler contracts the product and the sum into one instruction where the target has it, and keeps all
 * chains in registers. */
#define SPIN(name, width, attributes) \
	attributes static float name(long turns) \
	{ \
		typedef float vector __attribute__((vector_size(4 * (width)))); \
		vector x[CHAINS], a, b, sum = {0}; \
		float total = 0; \
\
		for (int k = 0; k < (width); k++) { \
			a[k] = 0.999f; \
			b[k] = 0.001f; \
			for (int i = 0; i < CHAINS; i++) \
				x[i][k] = (float)i; \
		} \
		for (long t = 0; t < turns; t++) { \
			_Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++) x[i] = x[i] * a + b; \
		} \
		for (int i = 0; i < CHAINS; i++) \
			sum += x[i]; \
		for (int k = 0; k < (width); k++) \
			total += sum[k]; \
		return total; \
	}

#if defined(__x86_64__)
SPIN(spin_avx2, 8, __attribute__((target("avx2,fma"))))
SPIN(spin_avx512, 16, __attribute__((target("avx512f"))))
#endif

static float spin_portable(long turns)
{
	float x[CHAINS], total = 0;

	for (int i = 0; i < CHAINS; i++)
		x[i] = (float)i;
	for (long t = 0; t < turns; t++) {
		for (int i = 0; i < CHAINS; i++)
			x[i] = x[i] * 0.999f + 0.001f;
	}
	for (int i = 0; i < CHAINS; i++)
		total += x[i];
	return total;
}

static int width_of(enum cs_isa isa)
{
	return isa == CS_ISA_AVX512 ? 16 : isa == CS_ISA_AVX2 ? 8 : 1;
}

static void spin(void *context, int task, int worker)
{
	struct spin *spin = context;
	long turns = (long)spin->turns * TURNS;
	float result;

	(void)worker;
#if defined(__x86_64__)
	if (spin->isa == CS_ISA_AVX512)
		result = spin_avx512(turns);
	else if (spin->isa == CS_ISA_AVX2)
		result = spin_avx2(turns);
	else
#endif
		result = spin_portable(turns);
	spin->sink[task % 64] = result; /* keeps the loops from being removed */
}

double cs_peak_fma(enum cs_isa isa, struct cs_workers *workers)
{
	int threads = workers ? cs_workers_count(workers) : 1, rounds = 0;
	struct spin work = {.isa = isa, .turns = 1};
	double best = 0, first = cs_now(), start, seconds;

	spin(&work, 0, 0);
	seconds = cs_now() - first;
	work.turns = seconds > 0 && seconds < 0.02 ? (int)(0.02 / seconds) + 1 : 1;
	do {
		double rate;

		start = cs_now();
		cs_workers_run(workers, threads, spin, &work);
		seconds = cs_now() - start;
		rate = 2e-9 * CHAINS * width_of(isa) * (double)work.turns * TURNS * threads / seconds;
		best = rate > best ? rate : best;
	} while (++rounds < ROUNDS || (threads > 1 && cs_now() - first < SPREAD));
	return best;
}

double cs_peak_gemm(int n)
{
	size_t count = (size_t)n * (size_t)n;
	float *a = cs_alloc_large(sizeof *a * count), *b = cs_alloc_large(sizeof *b * count),
	      *c = cs_alloc_large(sizeof *c * count);
	double rates[ROUNDS], rate = 0;

	if (!a || !b || !c)
		goto out;
	for (size_t i = 0; i < count; i++) {
		a[i] = (float)(i % 7) - 3;
		b[i] = (float)(i % 5) - 2;
	}
	cs_gemm(false, false, n, n, n, a, n, b, n, 0, c, n);
	for (int i = 0; i < ROUNDS; i++) {
		double start = cs_now();

		cs_gemm(false, false, n, n, n, a, n, b, n, 0, c, n);
		rates[i] = 2e-9 * (double)n * n * n / (cs_now() - start);
	}
	rate = cs_peak_median(rates, ROUNDS);
out:
	cs_free(a);
	cs_free(b);
	cs_free(c);
	return rate;
}
