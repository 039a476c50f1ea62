/* SPDX-License-Identifier: GPL-2.0-only */
/* The calls a machine is made and unmade of: emit_kvm TOPOLOGY MIB (0: placed later, 256) [huge] [performance] [bound] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "kvm/fake.h"
#include "machine/memmap.h"
#include "vm/kvm/machine.h"

static bool has(char **words, const char *word)
{
	for (; *words; words++)
		if (!strcmp(*words, word))
			return true;
	return false;
}

static void must(int r, const struct err *e)
{
	if (r < 0) {
		fprintf(stderr, "%s\n", e->text);
		exit(1);
	}
}

/* What the backend does with it before the first instruction. */
static void prepare(struct machine *m, struct kvm_fake *f)
{
	struct err e = { 0 };
	struct kstats s;
	int fd = f->calls.eventfd(f->calls.ctx, 0, 0);

	must(fd, &e);
	must(machine_steal_time(m, KVM_ARM64_RAM + (100 << 20), &e), &e);
	must(machine_irqfd(m, fd, SPI_INTID(KVM_ARM64_VIRTIO_SPI), &e), &e);
	must(machine_ioeventfd(m, fd, KVM_ARM64_VIRTIO + 0x50, 4, &(uint32_t){ 1 }, &e), &e);
	must(machine_boot_registers(m, KVM_ARM64_RAM, KVM_ARM64_RAM + (126 << 20), &e), &e);
	must(machine_stats(m, 0, &s, &e), &e);
	machine_destroy(m);
	f->calls.close(f->calls.ctx, fd);
}

int main(int argc, char **argv)
{
	SCOPED(kvm_fake_destroy) struct kvm_fake *f = kvm_fake_create();
	struct machine *m;
	struct err e = { 0 };
	char leak[100];

	if (argc < 3)
		return 2;
	struct machine_spec s = {
		.calls = &f->calls,
		.board = &board_kvm_arm64,
		.memory_bytes = strtoull(argv[2], NULL, 10) << 20,
		.huge_pages = has(argv, "huge"),
		.performance = has(argv, "performance"),
	};
	must(topo_parse(argv[1], &s.topo, &e), &e);
	for (uint32_t i = 0; has(argv, "bound") && i < topo_nodes(&s.topo); i++)
		s.host_nodes[i] = 1ull << i;
	f->host.free_huge_pages = 1000;
	must(machine_create(&s, &m, &e), &e);
	if (!s.memory_bytes)
		must(machine_place_memory(m, 256ull << 20, &e), &e);
	prepare(m, f);
	fputs(kvm_fake_trace(f), stdout);
	fputs(f->broken, stderr);
	fputs(kvm_fake_leak(f, leak, sizeof(leak)), stderr);
	return f->broken[0] || leak[0];
}
