/* vector.h: one vector of floats, as wide as the instruction set of the file that includes it.
 *
 * avx512.c and avx2.c set their target first and then include this and the *_body.h files, so that each loop is written
 * once and compiled for both. `vec` is a GCC vector: + - * work on it, and the compiler contracts a * b + c into one
 * instruction. What GCC's vectors cannot say (parts of a vector, choosing by a comparison) is here. All is static: nothing
 * of an instruction set may leak into a file that other processors run.
 */
#ifndef CS_NN_KERNELS_VECTOR_H
#define CS_NN_KERNELS_VECTOR_H

#include <immintrin.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline, unused))

#if defined(__AVX512F__)

enum { LANES = 16 };
typedef float vec __attribute__((vector_size(64), aligned(4), may_alias));
typedef int vindex __attribute__((vector_size(64)));
typedef __mmask16 vmask;
typedef __m512i vcell; /* numbers of window cells, one a lane */

INLINE vec vset(float x)
{
	return (vec)_mm512_set1_ps(x);
}

/* The first n lanes, the others zero; n = LANES is allowed. */
INLINE vec vload_part(const float *p, int64_t n)
{
	return (vec)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}

INLINE void vstore_part(float *p, vec x, int64_t n)
{
	_mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)x);
}

/* A whole vector to memory that nobody reads soon, past the caches; p is aligned to it. */
INLINE void vstream(float *p, vec x)
{
	_mm512_stream_ps(p, (__m512)x);
}

/* a * b + c in one rounding, where two forms must agree to the bit: whether, and which, products are contracted is then not left to
 * the compiler. */
INLINE vec vfused(vec a, vec b, vec c)
{
	return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}

/* max(x, 0) with NaN passed through. */
INLINE vec vrectify(vec x)
{
	return (vec)_mm512_max_ps(_mm512_setzero_ps(), (__m512)x);
}

/* Where x takes a window from best: it is greater, or the first NaN. */
INLINE vmask vwins(vec x, vec best)
{
	return _mm512_mask_cmp_ps_mask(
		_mm512_cmp_ps_mask((__m512)best, (__m512)best, _CMP_ORD_Q), (__m512)x, (__m512)best, _CMP_NLE_UQ);
}

/* Where x is not zero; NaN is not. */
INLINE unsigned vlive(vec x)
{
	return _mm512_cmp_ps_mask((__m512)x, _mm512_setzero_ps(), _CMP_NEQ_UQ);
}

/* Where x <= 0: not NaN. */
INLINE vmask vdead(vec x)
{
	return _mm512_cmp_ps_mask((__m512)x, _mm512_setzero_ps(), _CMP_LE_OQ);
}

/* y where x > 0, else 0. */
INLINE vec vpositive(vec x, vec y)
{
	return (vec)_mm512_maskz_mov_ps(_mm512_cmp_ps_mask((__m512)x, _mm512_setzero_ps(), _CMP_GT_OQ), (__m512)y);
}

INLINE vec vchoose(vmask mask, vec yes, vec no)
{
	return (vec)_mm512_mask_mov_ps((__m512)no, mask, (__m512)yes);
}

INLINE vcell vcell_set(int cell)
{
	return _mm512_set1_epi32(cell);
}

INLINE vcell vcell_choose(vmask mask, vcell yes, vcell no)
{
	return _mm512_mask_mov_epi32(no, mask, yes);
}

INLINE void vcell_store(uint16_t *p, vcell cells, int64_t n)
{
	_mm256_mask_storeu_epi16(p, (__mmask16)((1u << n) - 1), _mm512_cvtepi32_epi16(cells));
}

/* n cell numbers, the other lanes 0. */
INLINE vcell vcell_load(const uint16_t *p, int64_t n)
{
	return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16((__mmask16)((1u << n) - 1), p));
}

INLINE vmask vcell_is(vcell cells, int cell)
{
	return _mm512_cmpeq_epi32_mask(cells, _mm512_set1_epi32(cell));
}

/* table[cell] + base of every lane; the table has n entries and can be read for LANES. */
INLINE void vcell_places(const int32_t *table, int64_t n, vcell cells, int32_t base, int32_t *out)
{
	__m512i places = n <= LANES ? _mm512_permutexvar_epi32(cells, _mm512_loadu_si512(table))
				    : _mm512_i32gather_epi32(cells, table, 4);

	_mm512_storeu_si512(out, _mm512_add_epi32(places, _mm512_set1_epi32(base)));
}

typedef uint64_t vlong __attribute__((vector_size(64), may_alias));

/* The lower halves of the lanes times y, in full. */
INLINE vlong vlong_times(vlong x, uint32_t y)
{
	return (vlong)_mm512_mul_epu32((__m512i)x, _mm512_set1_epi64((int64_t)y));
}

/* Where a byte is not zero. */
INLINE vmask vkept(const uint8_t *p)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)p);

	return _mm_test_epi8_mask(bytes, bytes);
}

/* One more where x is not zero. */
INLINE vcell vcell_count(vcell count, vec x)
{
	return _mm512_mask_add_epi32(count, (__mmask16)vlive(x), count, _mm512_set1_epi32(1));
}

#elif defined(__AVX2__)

enum { LANES = 8 };
typedef float vec __attribute__((vector_size(32), aligned(4), may_alias));
typedef int vindex __attribute__((vector_size(32)));
typedef __m256 vmask;
typedef __m256i vcell;

INLINE vec vset(float x)
{
	return (vec)_mm256_set1_ps(x);
}

INLINE __m256i vfirst(int64_t n)
{
	return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

INLINE vec vload_part(const float *p, int64_t n)
{
	return (vec)_mm256_maskload_ps(p, vfirst(n));
}

INLINE void vstore_part(float *p, vec x, int64_t n)
{
	_mm256_maskstore_ps(p, vfirst(n), (__m256)x);
}

INLINE void vstream(float *p, vec x)
{
	_mm256_stream_ps(p, (__m256)x);
}

INLINE vec vfused(vec a, vec b, vec c)
{
	return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}

INLINE vec vrectify(vec x)
{
	return (vec)_mm256_max_ps(_mm256_setzero_ps(), (__m256)x);
}

INLINE vmask vwins(vec x, vec best)
{
	return _mm256_and_ps(_mm256_cmp_ps((__m256)x, (__m256)best, _CMP_NLE_UQ),
		_mm256_cmp_ps((__m256)best, (__m256)best, _CMP_ORD_Q));
}

INLINE unsigned vlive(vec x)
{
	return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps((__m256)x, _mm256_setzero_ps(), _CMP_NEQ_UQ));
}

INLINE vmask vdead(vec x)
{
	return _mm256_cmp_ps((__m256)x, _mm256_setzero_ps(), _CMP_LE_OQ);
}

INLINE vec vpositive(vec x, vec y)
{
	return (vec)_mm256_and_ps(_mm256_cmp_ps((__m256)x, _mm256_setzero_ps(), _CMP_GT_OQ), (__m256)y);
}

INLINE vec vchoose(vmask mask, vec yes, vec no)
{
	return (vec)_mm256_blendv_ps((__m256)no, (__m256)yes, mask);
}

INLINE vcell vcell_set(int cell)
{
	return _mm256_set1_epi32(cell);
}

INLINE vcell vcell_choose(vmask mask, vcell yes, vcell no)
{
	return (vcell)_mm256_blendv_ps((__m256)no, (__m256)yes, mask);
}

INLINE vcell vcell_load(const uint16_t *p, int64_t n)
{
	uint16_t cells[LANES] = {0};

	for (int64_t i = 0; i < n; i++)
		cells[i] = p[i];
	return _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)cells));
}

INLINE vmask vcell_is(vcell cells, int cell)
{
	return _mm256_castsi256_ps(_mm256_cmpeq_epi32(cells, _mm256_set1_epi32(cell)));
}

INLINE void vcell_places(const int32_t *table, int64_t n, vcell cells, int32_t base, int32_t *out)
{
	__m256i places = n <= LANES ? _mm256_permutevar8x32_epi32(_mm256_loadu_si256((const __m256i *)table), cells)
				    : _mm256_i32gather_epi32(table, cells, 4);

	_mm256_storeu_si256((__m256i *)out, _mm256_add_epi32(places, _mm256_set1_epi32(base)));
}

typedef uint64_t vlong __attribute__((vector_size(32), may_alias));

INLINE vlong vlong_times(vlong x, uint32_t y)
{
	return (vlong)_mm256_mul_epu32((__m256i)x, _mm256_set1_epi64x((int64_t)y));
}

INLINE vmask vkept(const uint8_t *p)
{
	__m256i bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));

	return _mm256_castsi256_ps(_mm256_cmpgt_epi32(bytes, _mm256_setzero_si256()));
}

INLINE vcell vcell_count(vcell count, vec x)
{
	return _mm256_sub_epi32(count, _mm256_castps_si256(_mm256_cmp_ps((__m256)x, _mm256_setzero_ps(), _CMP_NEQ_UQ)));
}

INLINE void vcell_store(uint16_t *p, vcell cells, int64_t n)
{
	uint32_t wide[LANES];

	_mm256_storeu_si256((__m256i *)wide, cells);
	for (int64_t i = 0; i < n; i++)
		p[i] = (uint16_t)wide[i];
}

#else
#error "vector.h wants a target: include it from avx512.c or avx2.c"
#endif

INLINE vec vload(const float *p)
{
	return *(const vec *)p;
}

INLINE void vstore(float *p, vec x)
{
	*(vec *)p = x;
}

#endif
