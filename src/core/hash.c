/* hash.c: see hash.h. */
#include "core/hash.h"

uint64_t cs_hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ at[i]) * 0x100000001B3u;
	return hash;
}
