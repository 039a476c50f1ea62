/* SPDX-License-Identifier: GPL-2.0-only */
/* The planner of host CPUs against made-up hosts (vmm.md 16, 18). */
#include "unit.h"

#include <errno.h>
#include <sched.h>

#include "base/buf.h"
#include "base/err.h"
#include "machine/hosttopo.h"
#include "vm/pin.h"

static struct topology shape(const char *text)
{
	struct topology t = { 0 };

	assert_int_equal(topo_parse(text, &t, NULL), 0);
	return t;
}

static void host_init(struct hosttopo *h, const char *text)
{
	struct err e = { 0 };

	if (hosttopo_init_synthetic(h, text, &e) < 0)
		fail_msg("%s", e.text);
}

static void plan_loaded(const struct hosttopo *h, const char *guest, enum pin_mode mode,
			uint32_t cap, const struct pin_load *load, struct pin_plan *ret)
{
	struct topology t = shape(guest);
	struct pin_request r = { h, t, mode, topo_cpus(&t), cap, load };
	struct err e = { 0 };

	if (pin_plan_make(&r, ret, &e) < 0)
		fail_msg("%s: %s", guest, e.text);
}

static void plan_alone(const struct hosttopo *h, const char *guest, struct pin_plan *ret)
{
	plan_loaded(h, guest, PIN_PERFORMANCE, 0, NULL, ret);
}

static const struct topo_place *place_of(const struct hosttopo *h, uint32_t cpu)
{
	for (size_t i = 0; i < h->nr_cpus; i++)
		if (h->place[i].cpu == cpu)
			return &h->place[i];
	fail_msg("host CPU %u is none", cpu);
	return NULL;
}

static bool warned(const struct pin_plan *p, const char *name)
{
	for (uint32_t i = 0; i < p->warnings.nr; i++)
		if (strcmp(p->warnings.w[i].name, name) == 0)
			return true;
	return false;
}

/* What holds for every plan of performance mode. */
static void check_alone(const struct hosttopo *h, const char *guest, const struct pin_plan *p)
{
	struct topology t = shape(guest);
	const struct vm_placement *v = &p->place;
	struct pin_mask seen = { 0 };

	assert_int_equal(v->nr_vcpus, topo_cpus(&t));
	for (uint32_t a = 0; a < v->nr_vcpus; a++) {
		assert_false(pin_mask_has(&seen, v->cpu[a]));
		pin_mask_set(&seen, v->cpu[a]);
		for (uint32_t b = 0; b < a; b++)
			assert_int_equal(topo_llc_of(&t, a) == topo_llc_of(&t, b),
					 place_of(h, v->cpu[a])->llc ==
						 place_of(h, v->cpu[b])->llc);
	}
	assert_int_equal(pin_mask_count(&v->cpus), v->nr_vcpus);
	assert_true(v->service != PIN_NONE && !pin_mask_has(&v->cpus, v->service));
	for (uint32_t i = 0; i < p->nr_claims; i++)
		assert_true(!i || p->claim[i - 1].id < p->claim[i].id);
}

TEST(a_virtual_llc_is_a_physical_one)
{
	static const char *const guests[] = { "1n1l4c1t", "1n2l4c1t", "2n4l3c1t", "1n3l8c2t",
					      "2n2l8c2t", "1n7l1c2t", "4n4l2c2t" };
	SCOPED(hosttopo_fini) struct hosttopo h = { 0 };

	host_init(&h, "numa:4 l3:2 core:8 pu:2");
	assert_int_equal(h.llcs, 8);
	for (size_t i = 0; i < ARRAY_SIZE(guests); i++) {
		SCOPED(pin_plan_fini) struct pin_plan p = { 0 };

		plan_alone(&h, guests[i], &p);
		check_alone(&h, guests[i], &p);
	}
}

TEST(guest_siblings_are_host_siblings)
{
	SCOPED(hosttopo_fini) struct hosttopo h = { 0 };
	SCOPED(pin_plan_fini) struct pin_plan p = { 0 };

	/* Numbered as on most x86 hosts: sibling of CPU i is i + 8. */
	host_init(&h, "l3:2 core:4 pu:2(indexes=core:pu)");
	plan_alone(&h, "1n1l4c2t", &p);
	for (uint32_t c = 0; c < 8; c += 2) {
		const struct topo_place *a = place_of(&h, p.place.cpu[c]);
		const struct topo_place *b = place_of(&h, p.place.cpu[c + 1]);

		assert_int_equal(a->core, b->core);
	}
	assert_false(warned(&p, "siblings"));
	assert_false(warned(&p, "cores"));
}

TEST(a_guest_without_smt_gets_a_host_core_per_vcpu)
{
	SCOPED(hosttopo_fini) struct hosttopo h = { 0 };
	SCOPED(pin_plan_fini) struct pin_plan p = { 0 };

	host_init(&h, "l3:1 core:4 pu:2");
	plan_alone(&h, "1n1l3c1t", &p);
	for (uint32_t a = 0; a < 3; a++)
		for (uint32_t b = 0; b < a; b++)
			assert_int_not_equal(place_of(&h, p.place.cpu[a])->core,
					     place_of(&h, p.place.cpu[b])->core);
	/* the fourth core serves */
	for (uint32_t a = 0; a < 3; a++)
		assert_int_not_equal(place_of(&h, p.place.cpu[a])->core,
				     place_of(&h, p.place.service)->core);
	assert_int_equal(p.warnings.nr, 0);
}

TEST(cores_that_do_not_match_are_named)
{
	SCOPED(hosttopo_fini) struct hosttopo smt = { 0 }, flat = { 0 };
	SCOPED(pin_plan_fini) struct pin_plan a = { 0 }, b = { 0 };

	host_init(&smt, "l3:1 core:4 pu:2");
	plan_alone(&smt, "1n1l7c1t", &a);
	assert_true(warned(&a, "cores"));
	assert_true(warned(&a, "service-core"));
	host_init(&flat, "l3:1 core:5 pu:1");
	plan_alone(&flat, "1n1l2c2t", &b);
	assert_true(warned(&b, "siblings"));
	assert_false(warned(&b, "service-core"));
}

TEST(guest_nodes_are_host_nodes_and_their_memory_goes_there)
{
	SCOPED(hosttopo_fini) struct hosttopo h = { 0 };
	SCOPED(pin_plan_fini) struct pin_plan p = { 0 };

	host_init(&h, "numa:2 l3:3 core:4 pu:1");
	plan_alone(&h, "2n4l4c1t", &p);
	check_alone(&h, "2n4l4c1t", &p);
	assert_int_equal(p.place.host_nodes[0], 1);
	assert_int_equal(p.place.host_nodes[1], 2);
	assert_int_equal(p.place.host_nodes[2], 0);
	assert_int_equal(p.warnings.nr, 0);
}

TEST(guest_nodes_that_no_host_nodes_can_be_are_named)
{
	SCOPED(hosttopo_fini) struct hosttopo h = { 0 };
	SCOPED(pin_plan_fini) struct pin_plan p = { 0 }, wide = { 0 };

	host_init(&h, "numa:2 l3:3 core:4 pu:1");
	plan_alone(&h, "5n5l4c1t", &p);
	check_alone(&h, "5n5l4c1t", &p);
	assert_true(warned(&p, "nodes"));
	/* one guest node of four caches: part of its memory is far for some */
	plan_alone(&h, "1n4l4c1t", &wide);
	assert_true(warned(&wide, "nodes"));
	assert_int_equal(wide.place.host_nodes[0], 3);
}

TEST(a_host_of_one_node_binds_no_memory)
{
	SCOPED(hosttopo_fini) struct hosttopo h = { 0 };
	SCOPED(pin_plan_fini) struct pin_plan p = { 0 };

	host_init(&h, "l3:4 core:4 pu:1");
	plan_alone(&h, "2n2l4c1t", &p);
	assert_true(warned(&p, "nodes"));
	assert_int_equal(p.place.host_nodes[0] | p.place.host_nodes[1], 0);
}

TEST(free_llcs_are_preferred)
{
	static const struct pin_load load[4] = { { 2, false }, { 0, true }, { 0 }, { 1, false } };
	SCOPED(hosttopo_fini) struct hosttopo h = { 0 };
	SCOPED(pin_plan_fini) struct pin_plan one = { 0 }, two = { 0 };

	host_init(&h, "numa:2 l3:2 core:4 pu:1");
	plan_loaded(&h, "1n1l3c1t", PIN_PERFORMANCE, 0, load, &one);
	assert_int_equal(one.nr_claims, 1);
	assert_int_equal(one.claim[0].llc, 2);
	/* and a node with some rather than one with none */
	plan_loaded(&h, "1n2l3c1t", PIN_PERFORMANCE, 0, load, &two);
	assert_int_equal(two.nr_claims, 2);
	assert_int_equal(two.claim[0].llc, 2);
	assert_int_equal(two.claim[1].llc, 3);
}

TEST(the_service_cpu_outside_is_claimed_with_others)
{
	SCOPED(hosttopo_fini) struct hosttopo h = { 0 };
	SCOPED(pin_plan_fini) struct pin_plan p = { 0 };

	host_init(&h, "l3:2 core:4 pu:1");
	plan_alone(&h, "1n1l4c1t", &p);
	assert_int_equal(p.nr_claims, 2);
	assert_true(p.claim[0].alone);
	assert_false(p.claim[1].alone);
	assert_int_equal(place_of(&h, p.place.service)->llc, p.claim[1].llc);
}

TEST(a_host_that_is_too_small_is_told_apart)
{
	static const char *const too_big[] = { "1n1l4c1t", "1n3l1c1t", "1n1l5c1t", "1n2l4c1t" };
	SCOPED(hosttopo_fini) struct hosttopo h = { 0 }, one = { 0 };

	host_init(&h, "l3:2 core:4 pu:1");
	host_init(&one, "l3:1 core:4 pu:1");
	for (size_t i = 0; i < ARRAY_SIZE(too_big); i++) {
		SCOPED(pin_plan_fini) struct pin_plan p = { 0 };
		struct topology t = shape(too_big[i]);
		struct pin_request r = {
			i ? &h : &one, t, PIN_PERFORMANCE, topo_cpus(&t), 0, NULL
		};
		struct err e = { 0 };

		assert_int_equal(pin_plan_make(&r, &p, &e), -ENOSPC);
		assert_int_equal(e.cls, ERR_TOPOLOGY);
		assert_non_null(strstr(e.text, "performance mode: "));
	}
}

TEST(unequal_caches_are_used_as_they_are)
{
	SCOPED(hosttopo_fini) struct hosttopo h = { 0 };
	SCOPED(pin_plan_fini) struct pin_plan p = { 0 };
	struct pin_request r = { &h, shape("1n2l4c1t"), PIN_PERFORMANCE, 8, 0, NULL };
	struct pin_mask few = { .bits = { 0x3f0ff } };

	host_init(&h, "l3:3 core:6 pu:1");
	assert_int_equal(h.llcs, 3);
	/* of the second cache only two CPUs are ours; the others have six */
	few.bits[0] = 0x3f | 3 << 6 | 0x3f << 12;
	assert_int_equal(
		hosttopo_keep(&h, (bool (*)(const void *, uint32_t))pin_mask_has, &few, NULL), 0);
	assert_int_equal(h.nr_cpus, 14);
	assert_int_equal(h.llc[1].nr, 2);
	assert_int_equal(h.llc[1].id, 6);
	assert_int_equal(pin_plan_make(&r, &p, NULL), 0);
	check_alone(&h, "1n2l4c1t", &p);
	assert_int_equal(place_of(&h, p.place.cpu[4])->llc, 2);
}

TEST(ids_of_caches_do_not_depend_on_what_one_sees)
{
	SCOPED(hosttopo_fini) struct hosttopo h = { 0 };
	struct pin_mask few = { .bits = { 0xc0 } };

	host_init(&h, "l3:2 core:4 pu:1");
	assert_int_equal(h.llc[1].id, 4);
	assert_int_equal(
		hosttopo_keep(&h, (bool (*)(const void *, uint32_t))pin_mask_has, &few, NULL), 0);
	assert_int_equal(h.llcs, 1);
	assert_int_equal(h.llc[0].id, 4);
	few.bits[0] = 0;
	assert_int_equal(hosttopo_keep(&h, (bool (*)(const void *, uint32_t))pin_mask_has, &few,
				       NULL),
			 -ENODATA);
}

TEST(sharing_takes_caches_with_enough_cpus)
{
	SCOPED(hosttopo_fini) struct hosttopo h = { 0 };
	SCOPED(pin_plan_fini) struct pin_plan p = { 0 }, all = { 0 };

	host_init(&h, "l3:4 core:4 pu:1");
	plan_loaded(&h, "1n1l6c1t", PIN_SHARED, 0, NULL, &p);
	assert_int_equal(p.nr_claims, 2);
	assert_false(p.claim[0].alone);
	assert_int_equal(pin_mask_count(&p.place.cpus), 8);
	assert_int_equal(p.place.service, PIN_NONE);
	/* more vCPUs than CPUs is fine: they take turns */
	plan_loaded(&h, "1n1l100c1t", PIN_SHARED, 0, NULL, &all);
	assert_int_equal(pin_mask_count(&all.place.cpus), 16);
}

TEST(sharing_keeps_caches_free_and_then_spreads)
{
	struct pin_load load[3] = { { 0 }, { 2, false }, { 0, true } };
	SCOPED(hosttopo_fini) struct hosttopo h = { 0 };

	host_init(&h, "l3:3 core:4 pu:1");
	/* room beside another; no room: a free one; all full: the least full; never who is alone */
	for (uint32_t i = 0; i < 3; i++) {
		static const struct pin_load then[3][2] = {
			{ { 0, false }, { 2, false } },
			{ { 0, false }, { 4, false } },
			{ { 5, false }, { 4, false } },
		};
		static const uint32_t want[3] = { 1, 0, 1 };
		SCOPED(pin_plan_fini) struct pin_plan p = { 0 };

		load[0] = then[i][0];
		load[1] = then[i][1];
		plan_loaded(&h, "1n1l2c1t", PIN_SHARED, 0, load, &p);
		assert_int_equal(p.nr_claims, 1);
		assert_int_equal(p.claim[0].llc, want[i]);
	}
}

TEST(a_cap_is_exact_and_stays_near)
{
	SCOPED(hosttopo_fini) struct hosttopo h = { 0 };
	SCOPED(pin_plan_fini) struct pin_plan p = { 0 };
	static const struct pin_load load[4] = { { 0, true }, { 0, true }, { 1, false }, { 0 } };

	host_init(&h, "numa:2 l3:2 core:4 pu:1");
	plan_loaded(&h, "1n1l32c1t", PIN_CAPPED, 6, load, &p);
	assert_int_equal(pin_mask_count(&p.place.cpus), 6);
	assert_int_equal(p.nr_claims, 2);
	assert_int_equal(p.claim[0].llc, 2);
	assert_int_equal(p.claim[1].llc, 3);
}

TEST(capped_ones_do_not_all_take_the_first_cpu)
{
	SCOPED(hosttopo_fini) struct hosttopo h = { 0 };
	SCOPED(pin_plan_fini) struct pin_plan a = { 0 }, b = { 0 };
	static const struct pin_load one = { 3, false };

	host_init(&h, "l3:1 core:4 pu:1");
	plan_loaded(&h, "1n1l4c1t", PIN_CAPPED, 2, NULL, &a);
	plan_loaded(&h, "1n1l4c1t", PIN_CAPPED, 2, &one, &b);
	assert_int_equal(a.place.cpus.bits[0], 3);
	assert_int_equal(b.place.cpus.bits[0], 9);
}

TEST(who_shares_too_few_cpus_does_not_hold_them_while_it_halts)
{
	static const struct {
		const char *guest;
		enum pin_mode mode;
		uint32_t cap, want;
	} row[] = {
		{ "1n1l8c1t", PIN_SHARED, 0, 200000 },	      { "1n1l9c1t", PIN_SHARED, 0, 0 },
		{ "1n1l4c1t", PIN_CAPPED, 4, 200000 },	      { "1n1l4c1t", PIN_CAPPED, 3, 0 },
		{ "1n1l3c1t", PIN_PERFORMANCE, 0, PIN_NONE },
	};
	SCOPED(hosttopo_fini) struct hosttopo h = { 0 };

	host_init(&h, "l3:2 core:4 pu:1");
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		SCOPED(pin_plan_fini) struct pin_plan p = { 0 };

		plan_loaded(&h, row[i].guest, row[i].mode, row[i].cap, NULL, &p);
		assert_int_equal(p.place.halt_poll_ns, row[i].want);
	}
}

TEST(a_cap_beyond_the_host_is_a_mistake)
{
	SCOPED(hosttopo_fini) struct hosttopo h = { 0 };
	SCOPED(pin_plan_fini) struct pin_plan p = { 0 };
	struct pin_request r = { &h, shape("1n1l1c1t"), PIN_CAPPED, 1, 9, NULL };
	struct err e = { 0 };

	host_init(&h, "l3:2 core:4 pu:1");
	assert_int_equal(pin_plan_make(&r, &p, &e), -EDQUOT);
	assert_int_equal(e.cls, ERR_HARD);
	assert_string_equal(e.text, "CPU cap 9: this process may use 8 host CPUs");
}

TEST(masks_read_as_cpu_lists)
{
	struct pin_mask m = { 0 };
	SCOPED(buf_fini) struct buf b = { 0 };
	static const uint32_t cpus[] = { 0, 1, 2, 5, 63, 64, PIN_MAX_CPUS - 1, PIN_MAX_CPUS };

	for (size_t i = 0; i < ARRAY_SIZE(cpus); i++)
		pin_mask_set(&m, cpus[i]);
	pin_mask_format(&m, &b);
	assert_string_equal(buf_str(&b), "0-2,5,63-64,8191");
	assert_int_equal(pin_mask_count(&m), 7);
}

TEST(warnings_are_one_per_name_and_bounded)
{
	struct pin_warnings w = { 0 };
	char name[8];

	pin_warn(NULL, "nobody", "listens");
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "n%d", i / 2);
		pin_warn(&w, name, "number %d", i);
	}
	assert_int_equal(w.nr, PIN_MAX_WARNINGS);
	assert_string_equal(w.w[1].text, "number 2");
}

/* vmm.md 16: what cannot be had only warns. */
TEST(threads_that_cannot_be_pinned_are_a_warning)
{
	struct vm_placement v = { .mode = PIN_PERFORMANCE, .nr_vcpus = 1, .service = PIN_NONE };
	struct pin_warnings w = { 0 };
	cpu_set_t before, after;

	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	v.cpu[0] = PIN_MAX_CPUS - 1;
	pin_vcpu(&v, 0, 0, &w);
	assert_int_equal(w.nr, 1);
	assert_string_equal(w.w[0].name, "affinity");
	for (v.cpu[0] = 0; !CPU_ISSET(v.cpu[0], &before);)
		v.cpu[0]++;
	w.nr = 0;
	pin_vcpu(&v, 0, 0, &w);
	assert_int_equal(w.nr, 0);
	assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
	assert_int_equal(CPU_COUNT(&after), 1);
	assert_true(CPU_ISSET(v.cpu[0], &after));
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

UNIT_MAIN(NULL, NULL)
