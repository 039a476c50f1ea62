/* SPDX-License-Identifier: GPL-2.0-only */
#include "arch/arm64/gic.h"

#include <errno.h>
#include <stdlib.h>

#include "arch/arm64/abi.h"
#include "base/err.h"
#include "base/scoped.h"
#include "kvm/calls.h"
#include "machine/memmap.h"

/* The lowest address that is a device's: the redistributors end there at the latest. */
static uint64_t first_device(const struct board *b)
{
	uint64_t first = b->part[PART_RAM].base;

	for (enum board_part p = 0; p < NR_BOARD_PARTS; p++)
		if (b->part[p].nr && b->part[p].irq != NO_IRQ)
			first = MIN(first, b->part[p].base);
	return first;
}

int arm64_gic_check(const struct board *b, uint32_t nr_cpus, struct err *e)
{
	const struct board_range *redist = &b->part[PART_GIC_REDIST];
	uint64_t limit = first_device(b), end = redist->base + nr_cpus * redist->size;

	if (end <= limit)
		return 0;
	return err_set(e, -EINVAL,
		       "GIC redistributors of %u vCPUs: end at 0x%llx, devices begin at 0x%llx, "
		       "room for %llu vCPUs",
		       nr_cpus, (unsigned long long)end, (unsigned long long)limit,
		       (unsigned long long)((limit - redist->base) / redist->size));
}

int arm64_gic_create(const struct kvm_calls *k, int vm, const struct board *b, uint32_t nr_cpus,
		     int *fd, struct err *e)
{
	struct kvm_create_device dev = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };
	const uint32_t irqs = KVM_VGIC_IRQS;
	const uint64_t dist = b->part[PART_GIC_DIST].base, redist = b->part[PART_GIC_REDIST].base;
	int r = (int)kvm_ioctl(k, vm, KVM_CREATE_DEVICE, &dev);

	if (r < 0)
		return kvm_fail(e, r, "create GICv3 device");
	*fd = (int)dev.fd;
	r = kvm_set_attr(k, *fd, ARM64_VGIC_GRP_NR_IRQS, 0, &irqs);
	if (r < 0)
		return err_sys(e, r, "set GIC nr_irqs");
	r = kvm_set_attr(k, *fd, ARM64_VGIC_GRP_ADDR, ARM64_VGIC_ADDR_DIST, &dist);
	if (r < 0)
		return err_sys(e, r, "set GIC distributor address");
	r = arm64_gic_check(b, nr_cpus, e);
	if (r < 0)
		return r;
	r = kvm_set_attr(k, *fd, ARM64_VGIC_GRP_ADDR, ARM64_VGIC_ADDR_REDIST, &redist);
	if (r < 0)
		return err_sys(e, r, "set GIC redistributor address");
	r = kvm_set_attr(k, *fd, ARM64_VGIC_GRP_CTRL, ARM64_VGIC_CTRL_INIT, NULL);
	return r < 0 ? kvm_fail(e, r, "init GIC device") : 0;
}

static void add_routes(struct kvm_irq_routing *t, const struct board_range *r)
{
	for (uint32_t i = 0; i < r->nr && r->irq != NO_IRQ; i++)
		t->entries[t->nr++] = (struct kvm_irq_routing_entry){
			.gsi = SPI_INTID(r->irq + i),
			.type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip.pin = r->irq + i, /* KVM adds 32 */
		};
}

int arm64_gic_route(const struct kvm_calls *k, int vm, const struct board *b, struct err *e)
{
	struct kvm_irq_routing_entry *entry; /* for its size */
	size_t n = 0;

	for (enum board_part p = 0; p < NR_BOARD_PARTS; p++)
		n += b->part[p].irq != NO_IRQ ? b->part[p].nr : 0;
	SCOPED(mem_free) struct kvm_irq_routing *t = calloc(1, sizeof(*t) + n * sizeof(*entry));
	if (!t)
		return kvm_fail(e, -ENOMEM, "GSI routing table of %zu entries", n);
	for (enum board_part p = 0; p < NR_BOARD_PARTS; p++)
		add_routes(t, &b->part[p]);
	long r = kvm_ioctl(k, vm, KVM_SET_GSI_ROUTING, t);
	return r < 0 ? kvm_fail(e, (int)r, "set GSI routing of %u interrupts", t->nr) : 0;
}
