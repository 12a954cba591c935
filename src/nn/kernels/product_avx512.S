/* product_avx512.S: the register tile of product_body.h, 12 rows by two vectors, scheduled by hand.
 *
 * Compilers rotate accumulators through spare registers and load weights late; here a term is two loads of weights and twelve
 * broadcasts that alternate between two registers, and the next twelve rows and the next piece's weights are asked for while these are
 * multiplied.
 * Sums have the order of the compiled form, so that both give the same bits.
 *
 * void cs_product_12x2_avx512(const float *a, const int64_t *offsets, int64_t terms, const float *b, float *out,
 *	int64_t row, int64_t gap, const float *start, int64_t add)
 *
 * As struct cs_product has it for step = 16 and wide = 2; row and gap are in bytes. a may lie anywhere, b too.
 */
#if defined(__x86_64__)

	.intel_syntax noprefix
	.altmacro

	.macro	begin row, first, second
	vmovaps	zmm\first, zmm24
	vmovaps	zmm\second, zmm25
	.endm

	/* row r, channel k of the block: broadcast, and two products */
	.macro	multiply row, channel, spare, first, second
	vbroadcastss	zmm\spare, dword ptr [rax + 64 * \row + 4 * \channel]
	vfmadd231ps	zmm\first, zmm24, zmm\spare
	vfmadd231ps	zmm\second, zmm25, zmm\spare
	.endm

	.macro	channel k
	vmovups	zmm24, zmmword ptr [rcx + 128 * \k]
	vmovups	zmm25, zmmword ptr [rcx + 128 * \k + 64]
	prefetcht0	byte ptr [rcx + 128 * \k + 8192]
	prefetcht0	byte ptr [rcx + 128 * \k + 8256]
	.if	\k < 12
	prefetcht0	byte ptr [rax + 64 * \k + 768]
	.endif
	.set	.Lrow, 0
	.rept	12
	multiply	%.Lrow, \k, %(26 + .Lrow % 2), %(2 * .Lrow), %(2 * .Lrow + 1)
	.set	.Lrow, .Lrow + 1
	.endr
	.endm

	.macro	join row, first, second
	vaddps	zmm\first, zmm\first, zmmword ptr [rdi]
	vaddps	zmm\second, zmm\second, zmmword ptr [r11]
	add	rdi, r9
	add	r11, r9
	.endm

	.macro	finish row, first, second
	vmovups	zmmword ptr [r8], zmm\first
	vmovups	zmmword ptr [r10], zmm\second
	add	r8, r9
	add	r10, r9
	.endm

	.text
	.globl	cs_product_12x2_avx512
	.hidden	cs_product_12x2_avx512
	.type	cs_product_12x2_avx512, @function
	.p2align 6
cs_product_12x2_avx512:
	mov	r10, qword ptr [rsp + 8]
	mov	rax, qword ptr [rsp + 16]
	add	r10, r8
	vpxord	zmm24, zmm24, zmm24
	vpxord	zmm25, zmm25, zmm25
	test	rax, rax
	jz	1f
	cmp	qword ptr [rsp + 24], 0
	jne	1f
	vmovups	zmm24, zmmword ptr [rax]
	vmovups	zmm25, zmmword ptr [rax + 64]
1:
	.set	.Lrow, 0
	.rept	12
	begin	%.Lrow, %(2 * .Lrow), %(2 * .Lrow + 1)
	.set	.Lrow, .Lrow + 1
	.endr
	.p2align 5
2:
	mov	rax, qword ptr [rsi]
	add	rsi, 8
	lea	rax, [rdi + 4 * rax]
	.set	.Lchannel, 0
	.rept	16
	channel	%.Lchannel
	.set	.Lchannel, .Lchannel + 1
	.endr
	add	rcx, 2048
	dec	rdx
	jnz	2b
	cmp	qword ptr [rsp + 24], 0
	je	3f
	mov	rdi, r8
	mov	r11, r10
	.set	.Lrow, 0
	.rept	12
	join	%.Lrow, %(2 * .Lrow), %(2 * .Lrow + 1)
	.set	.Lrow, .Lrow + 1
	.endr
3:
	.set	.Lrow, 0
	.rept	12
	finish	%.Lrow, %(2 * .Lrow), %(2 * .Lrow + 1)
	.set	.Lrow, .Lrow + 1
	.endr
	vzeroupper
	ret
	.size	cs_product_12x2_avx512, . - cs_product_12x2_avx512

#endif

	.section .note.GNU-stack, "", @progbits
