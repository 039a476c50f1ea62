/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An arm64 Image that does one thing, with all interrupts masked, the MMU off and no stack. What it is
 * told stands in the two words behind the header, see tiny.h. CPU n counts in line n of TINY_COUNTERS.
 */
#include "tiny.h"

	.section .rodata
	.balign	4096
	.global	tiny_image, tiny_image_end
	.hidden	tiny_image, tiny_image_end
tiny_image:
	b	start
	.long	0
	.quad	0		/* where in its 2 MiB */
	.quad	0x200000	/* takes this much */
	.quad	0xa		/* little-endian, 4 KiB, anywhere */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0
order:	.quad	0
detail:	.quad	0

start:
	msr	daifset, #0xf
	ldr	x21, order
	ldr	x24, detail
	mov	x23, #0
	cmp	x21, #TINY_POWER_OFF
	b.eq	power_off
	cmp	x21, #TINY_RESET
	b.eq	reset
	cmp	x21, #TINY_SLEEP
	b.eq	sleep
	cmp	x21, #TINY_STORE
	b.eq	store
	cmp	x21, #TINY_CALL
	b.eq	call
	cmp	x21, #TINY_STEAL
	b.eq	steal

	/* TINY_COUNT: so do the others; the ids of the first 16 CPUs are their numbers */
	mov	x25, #1
1:	cmp	x25, x24
	b.hs	count
	ldr	x0, =0xc4000003	/* PSCI CPU_ON */
	mov	x1, x25
	adr	x2, secondary
	mov	x3, x25
	hvc	#0
	add	x25, x25, #1
	b	1b
secondary:
	msr	daifset, #0xf
	mov	x23, x0
count:
	ldr	x22, =TINY_COUNTERS
	add	x22, x22, x23, lsl #TINY_COUNTER_SHIFT
	mov	x0, #0
1:	add	x0, x0, #1
	str	x0, [x22]
	b	1b

sleep:	bl	started
1:	wfi
	b	1b
store:	bl	started
1:	strb	w21, [x24]
	b	1b
call:	bl	started
1:	ldr	x0, =0x84000000	/* PSCI VERSION */
	hvc	#0
	b	1b

steal:	ldr	x0, =0xc5000021	/* PV_TIME_ST */
	hvc	#0
	ldr	x22, =TINY_COUNTERS
	str	x0, [x22]
power_off:
	ldr	x0, =0x84000008
	hvc	#0
reset:
	ldr	x0, =0x84000009
	hvc	#0
	b	reset

started:
	ldr	x22, =TINY_COUNTERS
	str	x21, [x22]
	ret
	.ltorg
tiny_image_end:

	.section .note.GNU-stack, "", %progbits
