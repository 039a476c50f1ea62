/* SPDX-License-Identifier: GPL-2.0-only */
/* The life of a machine: vmm.md 1.2 to 1.5, on a fake KVM. */
#include "kvm_fix.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "machine/fdt_arm64.h"

/* 1.2: 18; 1.4: 31, 35; 1.5: 54 */
TEST(item_31_a_machine_with_memory_has_it_before_its_vcpus)
{
	struct fix x = fix_of();

	fix_must_create(&x);
	assert_int_equal(x.m->nr_vcpus, 2);
	assert_true(x.m->kvm >= 0 && x.m->vm >= 0 && x.m->gic >= 0);
	assert_true(x.m->vcpu[0].fd >= 0 && x.m->vcpu[1].run && x.m->vcpu[1].stats_fd == -1);
	assert_true(x.m->has_memory && x.m->ram.reserved && !x.m->placeholder.reserved);
	assert_true(x.m->has_immediate_exit && x.m->has_pmu && !x.m->has_steal);
	assert_false(x.m->huge_pages || x.m->performance || x.m->nr_overlays || x.m->nr_irqfds);
	EXPECT_ORDER(&x, "open /dev/kvm", "create_vm", "mmap reserve", "memfd ordinary", "mmap ram",
		     "set_memory slot 0 gpa 0x40000000 len 0x8000000", "create_vcpu 0");
	fix_end(&x);
}

static void expect_vcpus(struct topology t, uint64_t bytes, uint32_t n)
{
	struct fix x = fix_of();

	x.spec.topo = t;
	x.spec.memory_bytes = bytes;
	fix_must_create(&x);
	assert_int_equal(x.m->nr_vcpus, n);
	assert_int_equal(kvm_fake_count(x.f, "create_vcpu"), n);
	fix_end(&x);
}

TEST(item_75_two_caches_of_two_cores_of_two_threads_are_eight_vcpus)
{
	expect_vcpus((struct topology){ 1, 2, 2, 2 }, 256 * MIB, 8);
}

TEST(item_76_a_single_cpu)
{
	expect_vcpus((struct topology){ 1, 1, 1, 1 }, 64 * MIB, 1);
}

/* 1.10: 77, 78; 6.1: slots dense from 0, nodes side by side */
TEST(items_77_78_memory_is_dealt_out_to_nodes_without_a_hole)
{
	struct fix x = fix_of();
	uint64_t at = KVM_ARM64_RAM;

	x.spec.topo = (struct topology){ 4, 4, 1, 1 };
	x.spec.memory_bytes = 258 * MIB;
	fix_must_create(&x);
	const struct gmem *mem = machine_memory(x.m);
	assert_int_equal(mem->nr, 4);
	for (uint32_t i = 0; i < mem->nr; i++) {
		assert_true(mem->region[i].gpa == at && mem->region[i].node == i);
		assert_true((uintptr_t)mem->region[i].host % HUGE_PAGE == 0);
		at += mem->region[i].len;
	}
	assert_true(at == KVM_ARM64_RAM + 258 * MIB);
	assert_int_equal(kvm_fake_count(x.f, "set_memory"), 4);
	/* all are mapped before KVM hears of the first */
	assert_true(kvm_fake_line(x.f, "mmap ram", 3) < kvm_fake_line(x.f, "set_memory", 0));
	fix_end(&x);
}

/* 1.4: 32; 6.2: with a memory file the flag is the file's */
TEST(item_32_huge_pages_are_asked_for_when_they_are_wanted)
{
	struct fix x = fix_of();

	x.spec.huge_pages = true;
	fix_must_create(&x);
	assert_true(x.m->ram.huge);
	assert_int_equal(kvm_fake_count(x.f, "memfd huge"), 1);
	fix_end(&x);
}

TEST(item_33_a_deferred_machine_is_complete_but_for_its_memory)
{
	struct fix x = fix_of();

	x.spec.memory_bytes = 0;
	fix_must_create(&x);
	assert_int_equal(kvm_fake_count(x.f, "set_memory"), 0);
	assert_int_equal(kvm_fake_count(x.f, "memfd"), 0);
	assert_int_equal(kvm_fake_count(x.f, "create_vcpu"), 2);
	assert_int_equal(kvm_fake_count(x.f, "gic_attr init"), 1);
	assert_int_equal(kvm_fake_count(x.f, "vcpu_attr vcpu1 pmu init"), 1);
	fix_end(&x);
}

/* 1.2: 19; 1.4: 36 */
TEST(items_19_36_until_there_is_memory_there_is_a_page_kvm_does_not_know)
{
	struct fix x = fix_of();

	x.spec.memory_bytes = 0;
	fix_must_create(&x);
	const struct gmem *mem = machine_memory(x.m);
	assert_int_equal(mem->nr, 1);
	assert_true(mem->region[0].gpa == KVM_ARM64_RAM && mem->region[0].len == 4096);
	assert_int_equal(x.m->ram.mem.nr, 0);
	assert_null(x.m->ram.reserved);
	assert_int_equal(x.m->nr_overlays, 0);
	fix_end(&x);

	x = fix_of();
	x.spec.memory_bytes = 0;
	x.f->fault = (struct fake_fault){ "mmap", 0, 1, ENOMEM };
	expect_refused(&x, -ENOMEM, ERR_CONTENTION, "allocate placeholder guest memory");
}

TEST(item_37_the_placeholder_goes_when_memory_has_come)
{
	struct fix x = fix_of();

	x.spec.memory_bytes = 0;
	x.spec.topo = (struct topology){ 2, 2, 1, 1 };
	fix_must_create(&x);
	assert_int_equal(machine_place_memory(x.m, 256 * MIB, &x.e), 0);
	assert_int_equal(machine_memory(x.m)->nr, 2);
	assert_true(x.m->has_memory && !x.m->placeholder.reserved);
	EXPECT_ORDER(&x, "mmap reserve", "mmap ram", "set_memory slot 1", "munmap plain");
	fix_end(&x);
}

TEST(item_37_memory_that_fails_leaves_a_machine_that_can_be_destroyed)
{
	const struct {
		const char *verb;
		uint32_t after;
	} at[] = { { "mmap", 0 }, { "memfd", 0 },      { "ftruncate", 0 },
		   { "mmap", 2 }, { "set_memory", 0 }, { "set_memory", 1 } };

	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		struct fix x = fix_of();

		x.spec.memory_bytes = 0;
		x.spec.topo = (struct topology){ 2, 2, 1, 1 };
		fix_must_create(&x);
		x.f->fault = (struct fake_fault){ at[i].verb, at[i].after, 1, ENOMEM };
		assert_int_equal(machine_place_memory(x.m, 256 * MIB, &x.e), -ENOMEM);
		assert_int_equal(x.e.cls, ERR_CONTENTION);
		assert_false(x.m->has_memory);
		assert_int_equal(machine_memory(x.m)->region[0].len, 4096); /* still there */
		fix_end(&x);
	}
}

TEST(item_38_huge_pages_are_counted_when_the_size_is_known)
{
	struct fix x = fix_of();

	x.spec.memory_bytes = 0;
	x.spec.performance = true;
	x.f->host.free_huge_pages = 0;
	fix_must_create(&x);
	x.f->host.free_huge_pages = 64;
	assert_int_equal(machine_place_memory(x.m, 128 * MIB, &x.e), 0);
	assert_true(x.m->ram.huge);
	fix_end(&x);

	x = fix_of();
	x.spec.memory_bytes = 0;
	x.spec.performance = true;
	x.f->host.free_huge_pages = 64;
	fix_must_create(&x);
	x.f->host.free_huge_pages = 63;
	assert_int_equal(machine_place_memory(x.m, 128 * MIB, &x.e), 0);
	assert_false(x.m->ram.huge);
	assert_non_null(strstr(x.m->warnings.text, "63 of 2 MiB are free, 64 needed"));
	fix_end(&x);
}

TEST(item_39_memory_is_placed_once)
{
	struct fix x = fix_of();

	fix_must_create(&x);
	assert_int_equal(machine_place_memory(x.m, 128 * MIB, &x.e), -EEXIST);
	assert_string_equal(x.e.text, "guest memory: already allocated");
	assert_int_equal(x.e.cls, ERR_HARD);
	fix_end(&x);

	x = fix_of(); /* nor after it came to nothing */
	x.spec.memory_bytes = 0;
	fix_must_create(&x);
	x.f->fault = (struct fake_fault){ "set_memory", 0, 1, ENOMEM };
	assert_int_equal(machine_place_memory(x.m, 128 * MIB, &x.e), -ENOMEM);
	assert_int_equal(machine_place_memory(x.m, 128 * MIB, &x.e), -EEXIST);
	fix_end(&x);
}

static bool tree_has_pmu(const struct machine *m)
{
	SCOPED(buf_fini) struct buf dtb = { 0 };
	const struct fdt_board b = {
		.board = m->board,
		.topo = m->topo,
		.memory_bytes = 128 * MIB,
		.pmu = m->has_pmu,
		.clidr = m->clidr,
	};

	assert_int_equal(fdt_describe_arm64(&b, &dtb, NULL), 0);
	return memmem(dtb.at, dtb.len, "arm,armv8-pmuv3", 15) != NULL;
}

TEST(item_20_a_pmu_of_the_host_is_in_the_device_tree_and_only_that)
{
	for (int pmu = 0; pmu < 2; pmu++) {
		struct fix x = fix_of();

		x.f->host.pmu = pmu;
		fix_must_create(&x);
		assert_int_equal(x.m->has_pmu, pmu);
		assert_int_equal(tree_has_pmu(x.m), pmu);
		fix_end(&x);
	}
}

TEST(item_21_the_interrupt_controller_is_open_until_the_end)
{
	struct fix x = fix_of();

	fix_must_create(&x);
	assert_int_equal(kvm_fake_count(x.f, "close"), 0);
	machine_destroy(hand_over(x.m));
	assert_int_equal(kvm_fake_count(x.f, "close gic"), 1);
	fix_end(&x);
}

TEST(item_22_memory_that_comes_later_follows_the_same_policy)
{
	struct fix x = fix_of();

	x.spec.memory_bytes = 0;
	x.spec.huge_pages = true;
	x.spec.performance = true;
	x.spec.host_nodes[0] = 2;
	fix_must_create(&x);
	assert_true(x.m->huge_pages && x.m->performance);
	assert_int_equal(machine_place_memory(x.m, 128 * MIB, &x.e), 0);
	EXPECT_ORDER(&x, "memfd huge", "mmap ram", "mbind ram+0x0 0x8000000 nodes 0x2",
		     "madvise ram+0x0 0x8000000 populate", "set_memory");
	fix_end(&x);
}

/* 1.3: 24, 25, 27, 30: with everything that refers to the VM */
TEST(items_24_30_a_machine_is_taken_apart_in_the_one_order)
{
	static const char *const end[] = {
		"close stats0", "close stats1", "munmap vcpu0",	   "close vcpu0",
		"munmap vcpu1", "close vcpu1",	"close gic",	   "irqfd gsi 35 off",
		"close vm",	"close memfd",	"munmap reserved", "flock file unlock",
		"close file",	"close kvm",
	};
	char path[] = "/tmp/kvm_machine.XXXXXX";
	struct fix x = fix_of();
	struct kstats s;
	int file = mkostemp(path, O_CLOEXEC), irq;

	unlink(path);
	assert_int_equal(ftruncate(file, 4096), 0);
	fix_must_create(&x);
	irq = x.f->calls.eventfd(x.f, 0, 0);
	assert_int_equal(machine_irqfd(x.m, irq, 35, &x.e), 0);
	assert_int_equal(machine_stats(x.m, 0, &s, &x.e), 0);
	assert_int_equal(machine_stats(x.m, 1, &s, &x.e), 0);
	assert_int_equal(machine_overlay(x.m, KVM_ARM64_RAM, file, 0, 4096, &x.e), 0);
	buf_clear(&x.f->trace);
	machine_destroy(hand_over(x.m));
	for (uint32_t i = 0; i < ARRAY_SIZE(end); i++)
		assert_int_equal(kvm_fake_line(x.f, end[i], 0), i + 1);
	assert_int_equal(kvm_fake_count(x.f, ""), ARRAY_SIZE(end)); /* 28: once each */
	x.f->calls.close(x.f, irq);
	close_fd(&file);
	fix_end(&x);
}

static bool other_process_may_write(const char *path)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		int fd = open(path, O_RDWR | O_CLOEXEC);

		_exit(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

/* 1.2: 23; 1.3: 26 */
TEST(items_23_26_a_file_in_guest_memory_is_locked_until_it_is_unmapped)
{
	char path[] = "/tmp/kvm_machine.XXXXXX", text[8192];
	struct fix x = fix_of();
	int file = mkostemp(path, O_CLOEXEC);

	memset(text, 'k', sizeof(text));
	assert_int_equal(write_full(file, text, sizeof(text)), 0);
	fix_must_create(&x);
	assert_int_equal(machine_overlay(x.m, KVM_ARM64_RAM + MIB, file, 0, sizeof(text), &x.e), 0);
	assert_memory_equal(gmem_at(machine_memory(x.m), KVM_ARM64_RAM + MIB, sizeof(text)), text,
			    sizeof(text));
	assert_false(other_process_may_write(path));
	memset(gmem_at(machine_memory(x.m), KVM_ARM64_RAM + MIB, 1), 'x', 1); /* the guest's own */
	machine_destroy(hand_over(x.m));
	assert_true(other_process_may_write(path));
	assert_int_equal(pread(file, text, 1, 0), 1);
	assert_int_equal(text[0], 'k');
	unlink(path);
	close_fd(&file);
	fix_end(&x);
}

TEST(a_file_that_cannot_be_put_into_memory_leaves_it_as_it_was)
{
	const struct {
		const char *verb;
		int code;
		enum err_class cls;
	} faults[] = { { "open", EMFILE, ERR_CONTENTION },
		       { "flock", EWOULDBLOCK, ERR_CONTENTION },
		       { "mmap", ENODEV, ERR_HARD } };

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		struct fix x = fix_of();
		char *at;

		fix_must_create(&x);
		at = gmem_at(machine_memory(x.m), KVM_ARM64_RAM, 4096);
		at[0] = 'm';
		x.f->fault = (struct fake_fault){ faults[i].verb, 0, 1, faults[i].code };
		assert_int_equal(machine_overlay(x.m, KVM_ARM64_RAM, STDIN_FILENO, 0, 4096, &x.e),
				 -faults[i].code);
		assert_int_equal(x.e.cls, faults[i].cls);
		assert_int_equal(at[0], 'm');
		fix_end(&x);
	}
	struct fix x = fix_of();
	fix_must_create(&x);
	assert_int_equal(machine_overlay(x.m, KVM_ARM64_RAM - 4096, 0, 0, 8192, &x.e), -EINVAL);
	fix_end(&x);
}

/* 6.2: 3; "huge pages with check and clear fallback" */
TEST(huge_pages_that_are_not_there_are_ordinary_ones)
{
	static const char *const verbs[] = { "memfd", "ftruncate", "mmap" };

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		struct fix x = fix_of();

		x.spec.huge_pages = true;
		/* the first mmap is the reservation */
		x.f->fault = (struct fake_fault){ verbs[i], i == 2, 1, ENOMEM };
		fix_must_create(&x);
		assert_false(x.m->ram.huge);
		assert_non_null(strstr(x.m->warnings.text, "huge pages: Cannot allocate memory"));
		fix_end(&x);
	}
}

/* 16: halt polling */
TEST(how_long_halted_vcpus_stay_awake_is_a_wish)
{
	struct fix x = fix_of();

	fix_must_create(&x);
	machine_halt_poll(x.m, 200000);
	assert_int_equal(kvm_fake_count(x.f, "enable_cap 182 200000"), 1);
	assert_null(strstr(x.m->warnings.text, "halt poll"));
	x.f->fault = (struct fake_fault){ "enable_cap", 0, 1, EINVAL };
	machine_halt_poll(x.m, 0);
	assert_non_null(strstr(x.m->warnings.text, "halt poll: as the host has it: Invalid"));
	fix_end(&x);
}

TEST(nodes_the_host_will_not_bind_to_and_pages_it_has_not_are_warnings)
{
	struct fix x = fix_of();

	x.spec.performance = true;
	x.spec.host_nodes[0] = 1;
	x.f->fault = (struct fake_fault){ "mbind", 0, 1, EPERM };
	fix_must_create(&x);
	assert_non_null(strstr(x.m->warnings.text, "memory of node 0: not bound"));
	fix_end(&x);

	x = fix_of();
	x.spec.performance = true;
	x.f->fault = (struct fake_fault){ "madvise", 1, 1, ENOMEM };
	fix_must_create(&x);
	assert_non_null(strstr(x.m->warnings.text, "memory of node 0: not there before"));
	fix_end(&x);
}

/* 2.1 [K][W], 4.1 */
TEST(guest_addresses_have_the_bits_they_need_and_the_host_has)
{
	const struct {
		uint32_t host;
		uint64_t bytes;
		const char *line;
	} rows[] = {
		{ 48, 128 * MIB, "create_vm ipa 32" },
		{ 48, 3072 * MIB, "create_vm ipa 32" }, /* ends at 4 GiB */
		{ 48, 3074 * MIB, "create_vm ipa 33" },
		{ 36, 60ull << 30, "create_vm ipa 36" },
		{ 36, 0, "create_vm ipa 36" },
		{ 48, 0, "create_vm ipa 40" },
		{ 0, 128 * MIB, "create_vm ipa 0" }, /* a kernel with 40 for all */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fix x = fix_of();

		x.f->host.ipa_bits = rows[i].host;
		x.spec.memory_bytes = rows[i].bytes;
		fix_must_create(&x);
		if (!kvm_fake_line(x.f, rows[i].line, 0))
			fail_msg("%s", rows[i].line);
		fix_end(&x);
	}
}

TEST(memory_beyond_the_hosts_addresses_is_a_topology_it_can_never_run)
{
	struct fix x = fix_of();

	x.f->host.ipa_bits = 36;
	x.spec.memory_bytes = (63ull << 30) + 2 * MIB;
	assert_int_equal(fix_create(&x), -E2BIG);
	assert_int_equal(kvm_fake_count(x.f, "create_vm"), 0);
	assert_int_equal(x.e.cls, ERR_TOPOLOGY);
	assert_non_null(strstr(x.e.text, "36 bits"));
	fix_end(&x);

	x = fix_of(); /* the same later */
	x.f->host.ipa_bits = 36;
	x.spec.memory_bytes = 0;
	fix_must_create(&x);
	assert_int_equal(machine_place_memory(x.m, (63ull << 30) + 2 * MIB, &x.e), -E2BIG);
	assert_int_equal(x.e.cls, ERR_TOPOLOGY);
	fix_end(&x);

	x = fix_of();
	x.spec.topo.nodes = x.spec.topo.llcs = 4;
	x.spec.memory_bytes = 6 * MIB;
	expect_refused(&x, -EINVAL, ERR_HARD, "guest memory");
}

TEST(more_vcpus_than_kvm_has_are_a_topology_the_host_can_never_run)
{
	struct fix x = fix_of();

	x.f->host.max_vcpus = 4;
	x.spec.topo.cores = 5;
	assert_int_equal(fix_create(&x), -E2BIG);
	assert_int_equal(kvm_fake_count(x.f, "create_vm"), 0);
	expect_refused(&x, -E2BIG, ERR_TOPOLOGY, "5 vCPUs: KVM has at most 4 here");
}

TEST(as_many_vcpus_as_there_can_be)
{
	struct fix x = fix_of();

	x.spec.topo = (struct topology){ 1, 16, 16, 2 };
	x.spec.memory_bytes = 512 * MIB;
	fix_must_create(&x);
	assert_int_equal(x.m->nr_vcpus, 512);
	assert_int_equal(machine_steal_time(x.m, KVM_ARM64_RAM + 256 * MIB, &x.e), 0);
	fix_end(&x);
}

TEST(statistics_are_those_of_their_vcpu_or_there_are_none)
{
	struct fix x = fix_of();
	struct kstats s;

	fix_must_create(&x);
	for (uint32_t round = 0; round < 2; round++) {
		assert_int_equal(machine_stats(x.m, 1, &s, &x.e), 0);
		assert_int_equal(s.value[KSTAT_exits], 1001);
		assert_int_equal(s.value[KSTAT_signal_exits], 7);
		assert_int_equal(s.known, 1u << KSTAT_exits | 1u << KSTAT_signal_exits);
	}
	assert_int_equal(kvm_fake_count(x.f, "get_stats_fd"), 1);
	fix_end(&x);

	x = fix_of(); /* many of them do not all stay open */
	x.spec.topo.cores = 65;
	fix_must_create(&x);
	for (uint32_t cpu = 0; cpu < 65; cpu++)
		assert_int_equal(machine_stats(x.m, cpu, &s, &x.e), 0);
	assert_int_equal(kvm_fake_count(x.f, "close stats"), 65);
	fix_end(&x);

	x = fix_of();
	x.f->host.stats = false;
	fix_must_create(&x);
	assert_int_equal(machine_stats(x.m, 0, &s, &x.e), -ENOTSUP);
	fix_end(&x);
}

UNIT_MAIN(NULL, NULL)
