/* SPDX-License-Identifier: GPL-2.0-only */
#include "vm/kvm/kstats.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>

#include "base/err.h"

const char *const kstat_names[NR_KSTATS] = {
#define X(name) #name,
	KSTATS(X)
#undef X
};
_Static_assert(NR_KSTATS <= 32, "bits of struct kstats.known");
_Static_assert(sizeof(struct kvm_stats_header) == 24 && sizeof(struct kvm_stats_desc) == 16,
	       "vmm.md 19");

static void take_value(struct kstats *s, const uint8_t *name, size_t name_size, uint64_t value)
{
	for (uint32_t i = 0; i < NR_KSTATS; i++) {
		size_t len = strlen(kstat_names[i]) + 1;

		if (len <= name_size && !memcmp(name, kstat_names[i], len)) {
			s->value[i] = value;
			s->known |= 1u << i;
			return;
		}
	}
}

/* Histograms have a size other than 1; a counter beyond what was read is not there. */
static void take_descriptor(struct kstats *s, const uint8_t *file, size_t n,
			    const struct kvm_stats_header *h, const uint8_t *at)
{
	struct kvm_stats_desc d;
	uint64_t value, off;

	memcpy(&d, at, sizeof(d));
	off = (uint64_t)h->data_offset + d.offset;
	if (d.size != 1 || off + sizeof(value) > n)
		return;
	memcpy(&value, file + off, sizeof(value));
	take_value(s, at + sizeof(d), h->name_size, value);
}

int kstats_parse(const uint8_t *file, size_t n, struct kstats *ret, struct err *e)
{
	struct kstats s = { 0 };
	struct kvm_stats_header h;

	if (n < sizeof(h))
		return err_set(e, -EINVAL, "KVM statistics: %zu bytes", n);
	memcpy(&h, file, sizeof(h));
	uint64_t step = sizeof(struct kvm_stats_desc) + (uint64_t)h.name_size;
	if (!h.name_size || h.name_size > n || h.num_desc > n ||
	    h.desc_offset + h.num_desc * step > n)
		return err_set(e, -EINVAL, "KVM statistics: %u descriptors at %u in %zu bytes",
			       h.num_desc, h.desc_offset, n);
	for (uint32_t i = 0; i < h.num_desc; i++)
		take_descriptor(&s, file, n, &h, file + h.desc_offset + i * step);
	*ret = s;
	return 0;
}

void kstats_add(struct kstats *sum, const struct kstats *s)
{
	for (uint32_t i = 0; i < NR_KSTATS; i++)
		sum->value[i] += s->value[i];
	sum->known |= s->known;
}
