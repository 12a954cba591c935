/* alloc.h: memory. All of convscope allocates here, so that tests can make the nth allocation fail. */
#ifndef CS_CORE_ALLOC_H
#define CS_CORE_ALLOC_H

#include <stddef.h>

/* Uninitialised memory aligned to 64 bytes; NULL when there is none (the caller reports CS_ERR_MEMORY). Size 0 gives a
 * pointer that may be freed. */
void *cs_alloc(size_t size);

/* The same for `count` elements of `size` bytes, zeroed; NULL also when the product overflows. */
void *cs_calloc(size_t count, size_t size);

/* As realloc() for `count` elements of `size` bytes; on failure the old block stands and NULL is returned. Keeps only
 * malloc's alignment: for lists, not for operands of kernels. */
void *cs_realloc(void *old, size_t count, size_t size);

/* Large zeroed buffers for activations and weights: 64-byte aligned, huge pages where the system has them. */
void *cs_alloc_large(size_t size);

/* Zeroed memory straight from the system, for large blocks of which parts may never be used: a page takes room from the first time it
 * is touched. Huge pages where the system has them; NULL when there is none. cs_unmap() gives it back, NULL is nothing to it. */
void *cs_map(size_t size);
void cs_unmap(void *memory, size_t size);

char *cs_strdup(const char *text);
char *cs_strndup(const char *text, size_t length);

/* asprintf() that returns the string, or NULL when there is no memory. */
char *cs_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

void cs_free(void *memory);

/* For tests: from now on the nth allocation (1 = the next) and all after it fail; 0 switches this off. */
void cs_alloc_fail_after(long nth);

#endif
