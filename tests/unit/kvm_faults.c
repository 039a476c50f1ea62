/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmm.md 1.3, 29: every call on the way to a machine fails, in turn and in several ways. Each failure is
 * told, leaves nothing, and comes apart in the one order, which is for the fake to judge. And what
 * class an errno is, and that it stays that through every frame.
 */
#include "kvm_fix.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "kvm/calls.h"
#include "vm/kvm/kstats.h"

static const struct {
	const char *name;
	struct topology topo;
	uint64_t bytes;
	bool huge, performance, bound, caches;
} machines[] = {
	{ "plain", { 1, 1, 2, 1 }, 128 * MIB },
	{ "huge", { 2, 2, 1, 1 }, 128 * MIB, true, true, true },
	{ "deferred", { 2, 2, 1, 1 }, 0, false, true, true, true },
};

/* Failures that the machine is made in spite of. */
static bool is_overcome(const char *verb, bool huge, int code)
{
	static const char *const always[] = { "check_extension", "madvise",  "mbind",
					      "read_line",	 "has_attr", "get_reg" };
	static const char *const huge_pages[] = { "memfd", "ftruncate", "mmap" };

	if (code == EINTR && !strcmp(verb, "create_vm"))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		if (!strcmp(verb, always[i]))
			return true;
	for (size_t i = 0; huge && i < ARRAY_SIZE(huge_pages); i++)
		if (!strcmp(verb, huge_pages[i]))
			return true;
	return false;
}

static int prepare(struct fix *x, int eventfd, int file)
{
	struct kstats s;
	int r = x->m->has_memory ? 0 : machine_place_memory(x->m, 128 * MIB, &x->e);

	if (r == 0)
		r = machine_steal_time(x->m, KVM_ARM64_RAM + 64 * MIB, &x->e);
	if (r == 0)
		r = machine_irqfd(x->m, eventfd, 35, &x->e);
	if (r == 0)
		r = machine_ioeventfd(x->m, eventfd, KVM_ARM64_VIRTIO + 0x50, 4, NULL, &x->e);
	if (r == 0 && !x->m->ram.huge)
		r = machine_overlay(x->m, KVM_ARM64_RAM + 2 * MIB, file, 0, 4096, &x->e);
	if (r == 0)
		r = machine_boot_registers(x->m, KVM_ARM64_RAM, KVM_ARM64_RAM, &x->e);
	return r == 0 ? machine_stats(x->m, 0, &s, &x->e) : r;
}

/* Whether the whole way was gone without coming to call @nth. */
static bool fail_one(size_t which, int nth, int code, int file)
{
	struct fix x = fix_of();
	int eventfd = x.f->calls.eventfd(x.f, 0, 0), r;

	x.spec.topo = machines[which].topo;
	x.spec.memory_bytes = machines[which].bytes;
	x.spec.huge_pages = machines[which].huge;
	x.spec.performance = machines[which].performance;
	x.spec.host_nodes[0] = machines[which].bound;
	x.spec.sysfs_cache_dir = machines[which].caches ? "/fake/cache" : NULL;
	x.f->host.free_huge_pages = 1000;
	x.f->fail_at = (int)x.f->nr_calls + nth;
	x.f->fail_code = code;
	r = fix_create(&x);
	if (r == 0)
		r = prepare(&x, eventfd, file);
	bool through = !x.f->failed;
	if (r < 0 && (x.e.code != r || !x.e.text[0]))
		fail_msg("%s: call %d: %d, \"%s\"", machines[which].name, nth, r, x.e.text);
	if (!through && r == 0 &&
	    !is_overcome(x.f->failed, machines[which].huge || machines[which].performance, code))
		fail_msg("%s: call %d: nobody noticed %s", machines[which].name, nth, x.f->failed);
	if (r < 0 && x.e.cls == ERR_CONTENTION && err_class_of(-code) != ERR_CONTENTION &&
	    strcmp(x.f->failed, "mmap") && strcmp(x.f->failed, "memfd") &&
	    strcmp(x.f->failed, "ftruncate"))
		fail_msg("%s: call %d: %s is no contention", machines[which].name, nth, x.e.text);
	machine_destroy(hand_over(x.m));
	x.f->calls.close(x.f, eventfd);
	if (x.f->broken[0])
		fail_msg("%s: call %d (%s): %s\n%s", machines[which].name, nth,
			 through ? "-" : x.f->failed, x.f->broken, kvm_fake_trace(x.f));
	fix_end(&x);
	return through;
}

TEST(item_29_whatever_call_fails_the_order_is_kept_and_nothing_is_left)
{
	static const int codes[] = { ENOMEM, EINVAL, EINTR };
	char path[] = "/tmp/kvm_faults.XXXXXX";
	int file = mkostemp(path, O_CLOEXEC), n;

	unlink(path);
	assert_int_equal(ftruncate(file, 4096), 0);
	for (size_t which = 0; which < ARRAY_SIZE(machines); which++)
		for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
			for (n = 0; !fail_one(which, n, codes[i], file); n++)
				assert_in_range(n, 0, 200);
			assert_in_range(n, 40, 200); /* or nothing was tried */
		}
	close(file);
}

/* vmm.md 4.1 */
TEST(errnos_of_a_short_host_are_contention_and_all_others_hard)
{
	static const int contention[] = { ENOMEM, EMFILE, ENFILE, EBUSY, EAGAIN };

	for (int code = 1; code < 134; code++) {
		bool want = false;
		struct err e;

		for (size_t i = 0; i < ARRAY_SIZE(contention); i++)
			want |= code == contention[i];
		assert_int_equal(err_class_of(-code), want ? ERR_CONTENTION : ERR_HARD);
		assert_int_equal(kvm_fail(&e, -code, "do %s", "it"), -code);
		assert_int_equal(e.cls, want ? ERR_CONTENTION : ERR_HARD);
		assert_true(!strncmp(e.text, "do it: ", 7));
	}
}

TEST(a_class_goes_with_its_error_through_every_frame)
{
	struct err e = { 0 }, copy;

	assert_int_equal(err_class(&e, ERR_TOPOLOGY, err_set(&e, -E2BIG, "inner")), -E2BIG);
	for (int i = 0; i < 100; i++)
		err_frame(&e, "frame %d", i);
	assert_int_equal(e.cls, ERR_TOPOLOGY);
	assert_int_equal(e.code, -E2BIG);
	copy = e;
	assert_int_equal(copy.cls, ERR_TOPOLOGY);
	assert_int_equal(err_sys(&e, -EIO, "another"), -EIO);
	assert_int_equal(e.cls, ERR_HARD); /* nothing of an older story */
	assert_int_equal(err_class(NULL, ERR_TOPOLOGY, -1), -1);
	assert_int_equal(kvm_fail(NULL, -ENOMEM, "nobody asks"), -ENOMEM);
}

/* vmm.md 19 */
TEST(a_statistics_file_that_lies_is_refused_or_bounded)
{
	struct {
		uint32_t header[6];
		char body[200];
	} file = { { 0, 16, 1, 24, 32, 64 }, "" };
	struct kstats s = { 0 };

	assert_int_equal(kstats_parse((uint8_t *)&file, 23, &s, NULL), -EINVAL);
	assert_int_equal(kstats_parse((uint8_t *)&file, sizeof(file), &s, NULL), 0);
	file.header[2] = UINT32_MAX; /* descriptors */
	assert_int_equal(kstats_parse((uint8_t *)&file, sizeof(file), &s, NULL), -EINVAL);
	file.header[2] = 1;
	file.header[4] = UINT32_MAX; /* where they are */
	assert_int_equal(kstats_parse((uint8_t *)&file, sizeof(file), &s, NULL), -EINVAL);
	file.header[4] = 32;
	file.header[1] = UINT32_MAX; /* length of names */
	assert_int_equal(kstats_parse((uint8_t *)&file, sizeof(file), &s, NULL), -EINVAL);
	file.header[1] = 0;
	assert_int_equal(kstats_parse((uint8_t *)&file, sizeof(file), &s, NULL), -EINVAL);
	file.header[1] = 16;
	file.header[5] = UINT32_MAX; /* where values are: none is known */
	assert_int_equal(kstats_parse((uint8_t *)&file, sizeof(file), &s, NULL), 0);
	assert_int_equal(s.known, 0);
}

TEST(statistics_add_up)
{
	struct kstats sum = { .known = 1 }, one = { .known = 2, .value = { 3, 4 } };

	kstats_add(&sum, &one);
	kstats_add(&sum, &one);
	assert_int_equal(sum.value[0], 6);
	assert_int_equal(sum.value[1], 8);
	assert_int_equal(sum.known, 3);
}

UNIT_MAIN(NULL, NULL)
