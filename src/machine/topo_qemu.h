/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What to tell QEMU so that the guest's sysfs shows exactly the declared topology. Pure text.
 *
 * x86_64: a socket per node and a die per LLC. Linux learns about dies from CPUID leaf 0x1f, and
 * only of a CPU that says it is Intel's: of TCG's AMD-like default it believes neither dies nor
 * threads (QEMU 10.0 has no topoext in TCG). Leaf 0x1f in turn needs qboot instead of SeaBIOS, which
 * reads the leaf with an arbitrary subleaf and so ends QEMU by an assertion. The family and model
 * keep Linux from taking the CPU for a Pentium Pro without PAT. Without interrupt remapping and a
 * firmware that enables x2APIC, CPUs with APIC ids above 254 stay off: topo_qemu_check().
 *
 * arm64: what the guest sees is our own device tree (fdt.h); the same -smp keeps QEMU from warning
 * about nodes that cut through its idea of a socket.
 *
 * The whole line, for memory in one file (RAMFD) and NODES nodes:
 *   -object memory-backend-file,id=mem0,share=on,mem-path=/proc/self/fd/RAMFD,size=LEN0,offset=OFF0
 *   ... -smp topo_qemu_smp() -numa EACH LINE OF topo_qemu_numa() -m TOTAL
 *   x86_64: -M q35 -bios topo_qemu_bios() -cpu topo_qemu_cpu()
 *   arm64:  -M virt-10.0,gic-version=3 -cpu topo_qemu_cpu() -dtb FILE
 */
#ifndef MACHINE_TOPO_QEMU_H
#define MACHINE_TOPO_QEMU_H

#include <stdbool.h>

#include "machine/arch.h"

struct buf;
struct err;
struct topology;

/* 0, or why QEMU cannot show this shape: -ERANGE, too many CPUs; -EINVAL. */
int topo_qemu_check(const struct topology *t, enum arch a, struct err *e);
/* The value of -cpu, under TCG or under QEMU's own use of KVM. */
const char *topo_qemu_cpu(enum arch a, bool kvm);
/* The value of -bios, or NULL for none. */
const char *topo_qemu_bios(enum arch a);
/* Appends the value of -smp. */
void topo_qemu_smp(const struct topology *t, enum arch a, struct buf *out);
/*
 * Appends the values of all -numa options needed, each followed by a newline; also for one node.
 * Node N uses the memory backend "memN", which holds what topo_node_memory() says.
 */
void topo_qemu_numa(const struct topology *t, struct buf *out);

#endif
