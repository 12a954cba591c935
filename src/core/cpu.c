/* cpu.c: processor features by cpuid, through the compiler's run-time support. See cpu.h. */
#include "core/cpu.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__) && defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

static const char *const isa_names[] = {"portable", "avx2", "avx512"};

const char *cs_isa_name(enum cs_isa isa)
{
	return isa_names[isa];
}

enum cs_isa cs_cpu_isa(void)
{
#if defined(__x86_64__)
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
		__builtin_cpu_supports("avx512dq"))
		return CS_ISA_AVX512;
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		return CS_ISA_AVX2;
#endif
	return CS_ISA_PORTABLE;
}

enum cs_status cs_isa_chosen(enum cs_isa *isa, struct cs_error *error)
{
	const char *wish = getenv("CONVSCOPE_ISA");
	enum cs_isa best = cs_cpu_isa();

	if (!wish || !*wish) {
		*isa = best;
		return CS_OK;
	}
	for (enum cs_isa i = CS_ISA_PORTABLE; i <= CS_ISA_AVX512; i++) {
		if (strcmp(wish, isa_names[i]) != 0)
			continue;
		if (i > best)
			return cs_fail(error, CS_ERR_UNSUPPORTED, "CONVSCOPE_ISA=%s: this processor has %s at most", wish,
				isa_names[best]);
		*isa = i;
		return CS_OK;
	}
	return cs_fail(error, CS_ERR_ARGUMENT, "CONVSCOPE_ISA=%s: expected portable, avx2 or avx512", wish);
}

static char cpu_name[128] = "unknown";

static void read_name(void)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	char line[256];

	if (!file)
		return;
	while (fgets(line, sizeof line, file)) {
		char *value = strchr(line, ':');

		if (strncmp(line, "model name", 10) != 0 || !value)
			continue;
		value += value[1] == ' ' ? 2 : 1;
		value[strcspn(value, "\n")] = '\0';
		snprintf(cpu_name, sizeof cpu_name, "%s", value);
		break;
	}
	fclose(file);
}

const char *cs_cpu_name(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, read_name);
	return cpu_name;
}

#if defined(__x86_64__)
static unsigned leaf7(int subleaf, int reg)
{
	unsigned r[4] = {0};

	if (!__get_cpuid_count(7, (unsigned)subleaf, &r[0], &r[1], &r[2], &r[3]))
		return 0;
	return r[reg];
}

bool cs_cpu_has_bf16(void)
{
	return (leaf7(1, 0) >> 5) & 1;
}

bool cs_cpu_has_amx(void)
{
	unsigned edx = leaf7(0, 3);

	return ((edx >> 22) & 1) && ((edx >> 24) & 1);
}
#else
bool cs_cpu_has_bf16(void)
{
	return false;
}

bool cs_cpu_has_amx(void)
{
	return false;
}
#endif

/* 0, or what the system answers when it is asked for the tiles' registers. */
static int request_tiles(void)
{
#if defined(__linux__) && defined(__x86_64__) && defined(SYS_arch_prctl)
	enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };

	return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) ? errno : 0;
#else
	return ENOSYS;
#endif
}

enum cs_status cs_cpu_take_amx(struct cs_error *error)
{
	enum cs_isa isa;
	enum cs_status status = cs_isa_chosen(&isa, error);
	int refusal;

	if (status)
		return status;
	if (!cs_cpu_has_amx() || !cs_cpu_has_bf16() || cs_cpu_isa() != CS_ISA_AVX512)
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"precision bf16 needs a processor with AMX tiles (amx_bf16), and this one (%s) has none; use fp32, the "
			"default",
			cs_cpu_name());
	if (isa != CS_ISA_AVX512)
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"precision bf16 needs AVX-512 beside the AMX tiles, and CONVSCOPE_ISA keeps the engine at %s; leave "
			"CONVSCOPE_ISA out, or use fp32",
			cs_isa_name(isa));
	refusal = request_tiles();
	if (refusal)
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"precision bf16 needs the AMX tiles, which this processor has but the system does not grant (%s): "
			"Linux does from 5.16 on; use fp32, the default",
			strerror(refusal));
	return CS_OK;
}
