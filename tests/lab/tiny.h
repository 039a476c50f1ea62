/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest of a few instructions, for what no kernel can be made to do on command. */
#ifndef LAB_TINY_H
#define LAB_TINY_H

/* The order, in the first word behind the header. */
#define TINY_COUNT 0 /* for ever; detail: CPUs, up to 16 */
#define TINY_POWER_OFF 1
#define TINY_RESET 2
#define TINY_SLEEP 3 /* WFI for ever, which nothing ends */
#define TINY_STORE 4 /* for ever to a device; detail: its address */
#define TINY_CALL 5  /* the hypervisor, for ever */
#define TINY_STEAL 6 /* where stolen time is, as KVM says, into the counter; then off */

/* Guest-physical, in any machine of 64 MiB and more; a line of its own for each CPU. */
#define TINY_COUNTERS 0x43000000
#define TINY_COUNTER_SHIFT 6

#define TINY_ORDER 64 /* offset into the Image */
#define TINY_DETAIL 72

#endif
