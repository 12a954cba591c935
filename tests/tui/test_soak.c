/* The browser for an hour: CS_SOAK_SECONDS of random keys in one session, to be looked at. Without the variable nothing is tried.
 *
 * Every half minute (of an hour) one line: resident memory, and what the allocator says of it: held by the program, free in the heaps,
 * mapped in blocks of their own. So growth can be told apart from heaps that are full of holes. CS_SOAK_SEED plays other keys. CS_SOAK_MEMORY is
 * the setting `memory`, MB (4): what is kept is full early, and what grows on is something else.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/tui/monkey.h"
#include "tests/tui/play.h"

#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>

enum { PARTS = 4, LINES = 120 };

/* Written by the child, read by the test: bytes. */
struct heap {
	size_t held, free, mapped;
};

static struct heap *heap;

static void *watch(void *unused)
{
	(void)unused;
	for (;;) {
		struct mallinfo2 now = mallinfo2();

		heap->held = now.uordblks;
		heap->free = now.fordblks;
		heap->mapped = now.hblkhd;
		sleep(1);
	}
	return NULL;
}

static int watched(void *context)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, watch, NULL) == 0)
		pthread_detach(thread);
	return tiny_browse(context);
}

/* Resident memory of the child in KiB. */
static long resident(void)
{
	char path[64], line[200];
	long size = -1;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/status", h.child);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof line, file)) {
		if (sscanf(line, "VmRSS: %ld", &size) == 1)
			break;
	}
	if (file)
		fclose(file);
	return size;
}

static void say(double seconds, long pressed)
{
	print_message("%.0f s, %ld keys: %ld KiB; held %zu, free %zu, mapped %zu KiB on \"%s\"\n", seconds, pressed,
		resident(), heap->held >> 10, heap->free >> 10, heap->mapped >> 10, harness_row(&h, 0));
	fflush(stdout);
}

/* One key. t leads back to the first screen; what could lead out of it is left alone, for beginning again would hide growth. */
static void play_key(unsigned *seed)
{
	const char *key = any_key(seed);

	if (*key == 'q' || strcmp(key, "\033") == 0 || strcmp(key, "&\033") == 0 || *key == 'e')
		key = strncmp(harness_row(&h, 0), " help", 5) == 0 || strncmp(harness_row(&h, 0), " long", 5) == 0
			? "\033"
			: "t";
	harness_keys(&h, key);
	if (*key == '\033' && key[1] == '\0')
		harness_pump(&h, 250); /* never two on a screen that has not been drawn yet */
	if (rand_r(seed) % 400 == 0)
		harness_resize(&h, 5 + rand_r(seed) % 50, 20 + rand_r(seed) % 150);
}

/* Memory is no larger in the last quarter than in the second one but for a little. */
static void memory_stays_flat(void **state)
{
	const char *seconds = getenv("CS_SOAK_SECONDS"), *from = getenv("CS_SOAK_SEED"),
		   *memory = getenv("CS_SOAK_MEMORY");
	double length = seconds ? atof(seconds) : 0, began = harness_now(), said = began;
	double sum[PARTS] = {0};
	long count[PARTS] = {0}, pressed = 0;
	unsigned seed = from ? (unsigned)atoi(from) : 99;

	(void)state;
	if (length <= 0)
		skip();
	heap = mmap(NULL, sizeof *heap, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(heap, MAP_FAILED);
	assert_int_equal(shell("mkdir -p convscope && echo memory %s > convscope/config", memory ? memory : "4"), 0);
	harness_start(&h, (struct terminal_kind){.sixel = true, .rows = 40, .columns = 132}, watched,
		(char[]){"runs/tiny/best.hdf5"});
	expect("network  tiny");
	while (harness_now() - began < length) {
		int part = (int)(PARTS * (harness_now() - began) / length);

		harness_pump(&h, rand_r(&seed) % 25);
		if (h.ended) {
			harness_print(&h);
			fail_msg("the session ended after %ld keys, with code %d", pressed, harness_end(&h, 5));
		}
		play_key(&seed);
		pressed++;
		part = part < PARTS ? part : PARTS - 1;
		sum[part] += (double)resident();
		count[part]++;
		if (harness_now() - said > length / LINES) {
			said = harness_now();
			say(said - began, pressed);
		}
	}
	print_message("means of the quarters: %.0f %.0f %.0f %.0f KiB\n", sum[0] / (double)count[0],
		sum[1] / (double)count[1], sum[2] / (double)count[2], sum[3] / (double)count[3]);
	assert_true(sum[3] / (double)count[3] < 1.05 * sum[1] / (double)count[1] + 2048);
	harness_keys(&h, "\033\033\033");
	harness_pump(&h, 200);
	quit();
	munmap(heap, sizeof *heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_stays_flat),
	};

	return cmocka_run_group_tests(tests, tiny_set_up, tiny_tear_down);
}
