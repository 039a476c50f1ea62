/* SPDX-License-Identifier: GPL-2.0-only */
#include "machine/topo_qemu.h"

#include <errno.h>

#include "base/buf.h"
#include "base/err.h"
#include "machine/topology.h"

#define APIC_ID_LAST 254 /* 255 is broadcast without x2APIC */

/* One row per architecture: what QEMU needs to hear there. */
static const struct {
	const char *tcg_cpu, *kvm_cpu, *bios;
	const char *llc; /* the level of -smp that stands for an LLC */
} qemu[] = {
	[ARCH_X86_64] = {
		.tcg_cpu = "max,la57=off,vendor=GenuineIntel,family=6,model=143,stepping=8",
		.kvm_cpu = "host",
		.bios = "qboot.rom",
		.llc = "dies",
	},
	[ARCH_ARM64] = {
		.tcg_cpu = "neoverse-n1",
		.kvm_cpu = "host",
		.llc = "clusters",
	},
};

int topo_qemu_check(const struct topology *t, enum arch a, struct err *e)
{
	uint32_t last = topo_apic_id(t, topo_cpus(t) - 1);
	char text[TOPO_TEXT_MAX];

	if (a != ARCH_X86_64)
		return 0;
	if (t->nr_kinds)
		return err_class(e, ERR_TOPOLOGY,
				 err_set(e, -EINVAL,
					 "topology %s: on x86_64 no kernel can be told the "
					 "capacities of its "
					 "CPUs; arm64 can (--arch arm64)",
					 topo_format(t, text, sizeof(text))));
	if (last <= APIC_ID_LAST)
		return 0;
	return err_set(e, -ERANGE,
		       "topology %s: the last CPU has APIC id %u, and QEMU brings up none above %u",
		       topo_format(t, text, sizeof(text)), last, APIC_ID_LAST);
}

const char *topo_qemu_cpu(enum arch a, bool kvm)
{
	return kvm ? qemu[a].kvm_cpu : qemu[a].tcg_cpu;
}

const char *topo_qemu_bios(enum arch a)
{
	return qemu[a].bios;
}

void topo_qemu_smp(const struct topology *t, enum arch a, struct buf *out)
{
	buf_printf(out, "%u,sockets=%u,%s=%u,cores=%u,threads=%u", topo_cpus(t), t->nodes,
		   qemu[a].llc, t->llcs / t->nodes, t->cores, t->threads);
}

static void put_node(const struct topology *t, uint32_t node, struct buf *out)
{
	uint32_t n = topo_cpus(t) / t->nodes;

	buf_printf(out, "node,nodeid=%u,memdev=mem%u", node, node);
	if (node < t->nodes)
		buf_printf(out, ",cpus=%u-%u", node * n, node * n + n - 1);
	buf_putc(out, '\n');
}

void topo_qemu_numa(const struct topology *t, struct buf *out)
{
	for (uint32_t node = 0; node < topo_nodes(t); node++)
		put_node(t, node, out);
	for (uint32_t i = 0; i < topo_nodes(t); i++)
		for (uint32_t j = 0; j < topo_nodes(t); j++)
			if (i != j)
				buf_printf(out, "dist,src=%u,dst=%u,val=%u\n", i, j,
					   topo_distance(t, i, j));
}
