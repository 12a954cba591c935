/* fuzz_h5.c: the side of convscope-reader that holds libhdf5, unconfined and in process, so that what is ours in it is seen by sanitizers
 * and by coverage: files opened through a descriptor, models and tables read from them.
 *
 * libhdf5 itself dies of some files, and that is known and contained (io/guard.h). So each input is read by a fork of this process, which
 * looks where it died: inside the library, the input is counted as contained and the run goes on; in our code, it is a finding.
 * Coverage comes back from the fork in shared memory. A fork that computes for long inside the library is contained as well.
 */
#include "fuzz.h"

#include "core/alloc.h"
#include "io/h5.h"
#include "model/keras_plan.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS = 1, STUCK = 5, FRAMES = 64, CONTAINED_CRASH = 70, CONTAINED_LOOP = 71, PARAMETERS = 1 << 20, NAMES = 32, NUMBERS = 1 << 16 };

/* Clang's counters of this program, from the first to the last; NULL without it. By way of the assembler: a declaration of these symbols in C
 * would take the place of clang's own. */
__asm__(".pushsection .data.rel.local,\"aw\"\n.balign 8\n.globl fuzz_counters\n"
	".weak __start___sancov_cntrs\n.weak __stop___sancov_cntrs\n"
	"fuzz_counters: .quad __start___sancov_cntrs, __stop___sancov_cntrs\n.popsection");
extern uint8_t *const fuzz_counters[2];
void __asan_set_error_report_callback(void (*callback)(const char *)) __attribute__((weak));

static uint8_t *shared; /* the fork's counters */
static size_t counters;
static long crashes, loops;

int LLVMFuzzerInitialize(int *count, char ***arguments);

static void tell_contained(void)
{
	printf("contained: libhdf5 died of %ld inputs and went round in %ld\n", crashes, loops);
}

static bool is_library(const void *address)
{
	Dl_info module;

	return dladdr((void *)(uintptr_t)address, &module) && module.dli_fname && strstr(module.dli_fname, "libhdf5");
}

/* --- in the fork --- */

_Noreturn static void leave(int code)
{
	if (counters)
		memcpy(shared, fuzz_counters[0], counters);
	_exit(code);
}

/* Only our callbacks run above the library, and nothing of theirs is stored there: whoever is on top of it, it called with nonsense. */
static void died(int number)
{
	void *frames[FRAMES];
	int count = backtrace(frames, FRAMES);

	for (int i = 0; i < count; i++)
		if (is_library(frames[i]))
			leave(number == SIGPROF ? CONTAINED_LOOP : CONTAINED_CRASH);
	fprintf(stderr, "signal %d outside libhdf5\n", number);
	backtrace_symbols_fd(frames, count, 2);
	signal(number, SIG_DFL);
	_exit(1);
}

/* What a sanitizer says: the first line of the stack that is not the sanitizer's own decides. */
static void reported(const char *report)
{
	for (const char *line = strstr(report, "    #0 "); line; line = strchr(line + 1, '\n')) {
		char text[600];

		snprintf(text, sizeof text, "%.*s", (int)strcspn(line + 1, "\n"), line + 1);
		if (!strstr(text, "#"))
			return;
		if (strstr(text, "sanitizer_common") || strstr(text, "asan_") || strstr(text, "__asan") ||
			strstr(text, "interceptor"))
			continue;
		if (strstr(text, "libhdf5"))
			leave(CONTAINED_CRASH);
		return;
	}
}

static void watch(void)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGPROF};
	static char stack[1 << 16];
	struct sigaction action = {.sa_handler = died, .sa_flags = SA_ONSTACK | SA_NODEFER};
	struct itimerval timer = {.it_value.tv_sec = SECONDS};

	sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaction(signals[i], &action, NULL);
	if (__asan_set_error_report_callback)
		__asan_set_error_report_callback(reported);
	setitimer(ITIMER_PROF, &timer, NULL);
	/* and one that died while it held a lock, so that telling where it died waits for itself, is ended all the same */
	signal(SIGALRM, SIG_DFL);
	alarm(STUCK);
}

/* All that a data set or a model can be asked. */
static void look_at(struct cs_h5 *file, const char *path, int depth)
{
	struct cs_error error = {0};
	struct cs_tensor tensor;
	struct cs_shape shape;
	char **list, kind, *text;
	void *data;
	int count;
	double number;

	if (!cs_h5_exists(file, path))
		return;
	if (cs_h5_is_group(file, path)) {
		if (depth > 4 || cs_h5_list(file, path, &list, &count, &error))
			return;
		for (int i = 0; i < count && i < NAMES; i++) {
			char *below = cs_format("%s/%s", depth ? path : "", list[i]);

			if (below)
				look_at(file, below, depth + 1);
			cs_free(below);
		}
		cs_free(list);
		return;
	}
	if (cs_h5_info(file, path, &shape, &kind, &error)) {
		check_error(error.status, &error);
		return;
	}
	cs_h5_grain(file, path);
	if (cs_h5_address(file, path) >= 0 && kind != 'f')
		abort();
	if (!cs_h5_read_tensor(file, path, NUMBERS, &tensor, &error)) {
		if (cs_tensor_count(&tensor) > NUMBERS)
			abort();
		cs_tensor_fini(&tensor);
	}
	check_error(error.status, &error);
	if (!cs_h5_read_array(file, path, CS_H5_I32, NUMBERS, &data, &shape, NULL))
		cs_free(data);
	if (!cs_h5_read_string(file, path, NULL, &text, NULL))
		cs_free(text);
	if (!cs_h5_read_strings(file, path, NULL, &list, &count, NULL))
		cs_free(list);
	if (!cs_h5_read_number(file, path, "scale", &number, NULL) && number == 1)
		cs_h5_has_attribute(file, path, "scale");
}

static void read_input(int descriptor)
{
	struct cs_network *network = NULL;
	struct cs_error error = {0};
	struct cs_h5 *file = NULL;
	enum cs_status status = cs_h5_open_descriptor(descriptor, "input", &file, &error);

	check_error(status, &error);
	if (status)
		return;
	look_at(file, "/", 0);
	check_error(cs_keras_read_within(file, NULL, NULL, PARAMETERS, &network, &error), &error);
	cs_network_free(network);
	cs_h5_close(file, NULL);
}

/* --- in the fuzzer --- */

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	void *frames[1];
	struct cs_h5 *file;

	(void)count;
	(void)arguments;
	if (fuzz_counters[0])
		counters = (size_t)(fuzz_counters[1] - fuzz_counters[0]);
	shared = mmap(NULL, counters + 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		exit(2);
	/* once, for all forks: the library's setting up and that of backtrace() */
	if (!cs_h5_open("/dev/null", CS_H5_READ, &file, NULL))
		exit(2);
	backtrace(frames, 1);
	atexit(tell_contained);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int descriptor, ended = 0;
	pid_t child;

	if (!shared)
		LLVMFuzzerInitialize(NULL, NULL);
	descriptor = memfd_create("input", MFD_CLOEXEC);
	if (descriptor < 0 || write(descriptor, data, size) != (ssize_t)size)
		exit(2);
	child = fork();
	if (child < 0)
		exit(2);
	if (child == 0) {
		watch();
		read_input(descriptor);
		leave(0);
	}
	close(descriptor);
	while (waitpid(child, &ended, 0) < 0 && errno == EINTR)
		;
	if (counters)
		memcpy(fuzz_counters[0], shared, counters);
	if (WIFSIGNALED(ended) && WTERMSIG(ended) == SIGALRM) {
		loops++;
		return 0;
	}
	if (!WIFEXITED(ended))
		abort();
	switch (WEXITSTATUS(ended)) {
	case 0:
		break;
	case CONTAINED_CRASH:
		crashes++;
		break;
	case CONTAINED_LOOP:
		loops++;
		break;
	default:
		abort();
	}
	return 0;
}
