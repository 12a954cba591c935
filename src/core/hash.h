/* hash.h: short numbers that stand for long contents: to tell whether something changed, not against who wants to deceive. */
#ifndef CS_CORE_HASH_H
#define CS_CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* FNV-1a, 64 bits, to be continued from `hash` (CS_HASH_BEGIN first). */
#define CS_HASH_BEGIN 0xCBF29CE484222325u
uint64_t cs_hash_bytes(uint64_t hash, const void *bytes, size_t size);

#endif
