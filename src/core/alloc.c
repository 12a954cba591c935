/* alloc.c: memory, with a switch that makes allocations fail. See alloc.h. */
#include "core/alloc.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 64, HUGE_PAGE = 2 << 20 };

static atomic_long fail_countdown; /* 0: never fail; 1: fail now and ever after; n: fail after n-1 more */

static int must_fail(void)
{
	long left = atomic_load(&fail_countdown);

	while (left > 1) {
		if (atomic_compare_exchange_weak(&fail_countdown, &left, left - 1))
			return 0;
	}
	return left == 1;
}

static void *aligned(size_t size, size_t alignment)
{
	void *memory = NULL;

	if (must_fail() || posix_memalign(&memory, alignment, size ? size : 1) != 0)
		return NULL;
	return memory;
}

void *cs_alloc(size_t size)
{
	return aligned(size, ALIGNMENT);
}

void *cs_calloc(size_t count, size_t size)
{
	size_t total;
	void *memory;

	if (__builtin_mul_overflow(count, size, &total))
		return NULL;
	memory = aligned(total, ALIGNMENT);
	if (memory)
		memset(memory, 0, total);
	return memory;
}

void *cs_realloc(void *old, size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total) || must_fail())
		return NULL;
	return realloc(old, total ? total : 1);
}

void *cs_alloc_large(size_t size)
{
	void *memory = aligned(size, size >= HUGE_PAGE ? HUGE_PAGE : ALIGNMENT);

	if (memory && size >= HUGE_PAGE)
		madvise(memory, size, MADV_HUGEPAGE);
	if (memory)
		memset(memory, 0, size);
	return memory;
}

static size_t whole_pages(size_t size)
{
	return (size / HUGE_PAGE + 1) * HUGE_PAGE;
}

/* Mapped with room for the block to begin on a huge page; what is left over at either end goes back. */
void *cs_map(size_t size)
{
	size_t length, before;
	char *whole;

	if (must_fail() || size > (size_t)PTRDIFF_MAX - 2 * (size_t)HUGE_PAGE)
		return NULL;
	length = whole_pages(size);
	whole = mmap(NULL, length + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (whole == MAP_FAILED)
		return NULL;
	before = (HUGE_PAGE - (uintptr_t)whole % HUGE_PAGE) % HUGE_PAGE;
	if (before)
		munmap(whole, before);
	munmap(whole + before + length, HUGE_PAGE - before);
	madvise(whole + before, length, MADV_HUGEPAGE);
	return whole + before;
}

void cs_unmap(void *memory, size_t size)
{
	if (memory)
		munmap(memory, whole_pages(size));
}

char *cs_strndup(const char *text, size_t length)
{
	char *copy = cs_alloc(length + 1);

	if (copy) {
		memcpy(copy, text, length);
		copy[length] = '\0';
	}
	return copy;
}

char *cs_strdup(const char *text)
{
	return cs_strndup(text, strlen(text));
}

char *cs_format(const char *format, ...)
{
	va_list args;
	char *text;
	int length;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	text = length < 0 ? NULL : cs_alloc((size_t)length + 1);
	if (!text)
		return NULL;
	va_start(args, format);
	vsnprintf(text, (size_t)length + 1, format, args);
	va_end(args);
	return text;
}

void cs_free(void *memory)
{
	free(memory);
}

void cs_alloc_fail_after(long nth)
{
	atomic_store(&fail_countdown, nth);
}
