/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The items of vmm.md 1 that want a real KVM of arm64: what is made of it, what it keeps of that, and that
 * nothing is left. No guest runs here. Runs in the lab, see docs/lab.md; without KVM all is skipped.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/unit.h"

#include "arch/arm64/abi.h"
#include "base/err.h"
#include "base/io.h"
#include "kvm/calls.h"
#include "machine/memmap.h"
#include "vm/kvm/machine.h"

#define MIB (1ull << 20)
#define CYCLES 500
#define THREADS 8

static void need_kvm(void)
{
	if (access("/dev/kvm", R_OK | W_OK) != 0)
		skip();
}

static struct machine *create(uint32_t nodes, uint32_t llcs, uint32_t cores, uint32_t threads,
			      uint64_t bytes)
{
	const struct machine_spec s = {
		.board = &board_kvm_arm64,
		.topo = { .nodes = nodes, .llcs = llcs, .cores = cores, .threads = threads },
		.memory_bytes = bytes,
	};
	struct machine *m = NULL;
	struct err e = { 0 };

	need_kvm();
	if (machine_create(&s, &m, &e) < 0)
		fail_msg("%s", e.text);
	return m;
}

static uint32_t open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	uint32_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static bool maps_hold(const char *name)
{
	SCOPED(mem_free) char *text = NULL;

	assert_int_equal(read_file("/proc/self/maps", 64 * MIB, &text, NULL, NULL), 0);
	return strstr(text, name) != NULL;
}

static void expect_gone(uint32_t fds_before)
{
	assert_int_equal(open_fds(), fds_before);
	assert_false(maps_hold("kvm-vcpu"));
	assert_false(maps_hold("ktstr-ram"));
}

TEST(item_74_one_cache_with_two_cores_is_two_vcpus)
{
	SCOPED(machine_destroy) struct machine *m = create(1, 1, 2, 1, 128 * MIB);

	assert_int_equal(m->nr_vcpus, 2);
}

TEST(item_75_two_caches_of_two_cores_of_two_threads_are_eight_vcpus)
{
	SCOPED(machine_destroy) struct machine *m = create(1, 2, 2, 2, 256 * MIB);

	assert_int_equal(m->nr_vcpus, 8);
}

TEST(item_76_a_single_cpu)
{
	SCOPED(machine_destroy) struct machine *m = create(1, 1, 1, 1, 64 * MIB);

	assert_int_equal(m->nr_vcpus, 1);
}

TEST(items_77_78_memory_is_all_there_and_begins_where_it_should)
{
	SCOPED(machine_destroy) struct machine *m = create(2, 2, 1, 1, 256 * MIB);
	const struct gmem *mem = machine_memory(m);
	uint64_t sum = 0;

	for (uint32_t i = 0; i < mem->nr; i++)
		sum += mem->region[i].len;
	assert_true(sum == 256 * MIB);
	assert_true(mem->region[0].gpa == KVM_ARM64_RAM);
}

/* Sets how many huge pages this host has; false if it does not come to that. */
static bool set_huge_pages(uint32_t n)
{
	static const char path[] = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	if (write_attr(path, text, strlen(text), NULL) < 0 ||
	    read_line_at(AT_FDCWD, path, text, sizeof(text)) < 0)
		return false;
	return strtoul(text, NULL, 10) == n;
}

/* vmm.md 6.2: asked for, or in performance mode when there are enough; 1.4: 32, 38 */
TEST(huge_pages_are_used_where_there_are_any_and_not_missed_where_not)
{
	struct machine_spec s = { .board = &board_kvm_arm64,
				  .topo = { 1, 1, 1, 1 },
				  .memory_bytes = 16 * MIB,
				  .performance = true };
	const struct gmem_region *g;
	unsigned char there[16 * MIB / 4096];
	struct machine *m = NULL;

	need_kvm();
	s.host_nodes[0] = 1;
	if (!set_huge_pages(8))
		fail_msg("no huge pages");
	assert_int_equal(machine_create(&s, &m, NULL), 0);
	assert_true(m->ram.huge);
	assert_string_equal(m->warnings.text, "");
	machine_destroy(hand_over(m));
	assert_true(set_huge_pages(7));
	assert_int_equal(machine_create(&s, &m, NULL), 0);
	assert_false(m->ram.huge);
	assert_non_null(strstr(m->warnings.text, "7 of 2 MiB are free, 8 needed"));
	g = &machine_memory(m)->region[0]; /* all of it is there all the same */
	assert_int_equal(mincore(g->host, g->len, there), 0);
	for (uint32_t i = 0; i < sizeof(there); i++)
		assert_true(there[i] & 1);
	machine_destroy(hand_over(m));
	s.huge_pages = true;
	s.performance = false;
	assert_int_equal(machine_create(&s, &m, NULL), 0);
	assert_false(m->ram.huge);
	assert_non_null(strstr(m->warnings.text, "huge pages: Cannot allocate memory"));
	machine_destroy(m);
	assert_true(set_huge_pages(0));
}

TEST(item_79_immediate_exit_is_there)
{
	SCOPED(machine_destroy) struct machine *m = create(1, 1, 1, 1, 64 * MIB);

	assert_true(m->has_immediate_exit);
}

/* vmm.md 1.4: 33, 37, 39 */
TEST(a_machine_gets_its_memory_later_and_once)
{
	SCOPED(machine_destroy) struct machine *m = create(1, 1, 2, 1, 0);
	struct err e;

	assert_int_equal(machine_place_memory(m, 96 * MIB, &e), 0);
	memset(gmem_at(machine_memory(m), KVM_ARM64_RAM, 4096), 1, 4096);
	assert_int_equal(machine_place_memory(m, 96 * MIB, &e), -EEXIST);
}

/* vmm.md 1.5: 50; 2.2 */
TEST(cache_levels_and_affinity_are_what_the_device_tree_says)
{
	SCOPED(machine_destroy) struct machine *m = create(1, 2, 8, 2, 64 * MIB);
	struct arm64_regs regs;
	uint64_t clidr;

	assert_true((m->clidr & 0x1fffff) == 0443); /* separate, unified, unified */
	for (uint32_t cpu = 0; cpu < m->nr_vcpus; cpu++) {
		assert_int_equal(
			kvm_get_reg(&kvm_real, m->vcpu[cpu].fd, ARM64_REG_CLIDR_EL1, &clidr), 0);
		assert_true(clidr == m->clidr);
		assert_int_equal(machine_registers(m, cpu, &regs, NULL), 0);
		assert_int_equal(regs.mpidr_el1 & ARM64_MPIDR_AFF, topo_mpidr(&m->topo, cpu));
	}
}

/* vmm.md 2.2 */
TEST(the_boot_cpu_keeps_the_registers_it_is_given)
{
	SCOPED(machine_destroy) struct machine *m = create(1, 1, 2, 1, 64 * MIB);
	struct arm64_regs regs;

	assert_int_equal(
		machine_boot_registers(m, KVM_ARM64_RAM + 0x80000, KVM_ARM64_RAM + MIB, NULL), 0);
	assert_int_equal(machine_registers(m, 0, &regs, NULL), 0);
	assert_true(regs.pc == KVM_ARM64_RAM + 0x80000 && regs.x[0] == KVM_ARM64_RAM + MIB);
	assert_true(regs.pstate == ARM64_PSTATE_BOOT && !regs.x[1] && !regs.x[2] && !regs.x[3]);
}

/* vmm.md 1.9: 70, 71 */
TEST(stolen_time_is_taken_for_every_vcpu_once)
{
	SCOPED(machine_destroy) struct machine *m = create(1, 1, 4, 1, 64 * MIB);
	struct err e;

	assert_int_equal(machine_steal_time(m, KVM_ARM64_RAM + 32 * MIB, &e), 0);
	if (!m->has_steal) {
		print_message("# %s", m->warnings.text);
		skip();
	}
	assert_int_equal(machine_steal_time(m, KVM_ARM64_RAM + 32 * MIB, &e), -EEXIST);
	assert_int_equal(machine_steal_time(m, KVM_ARM64_RAM + 32 * MIB + 8, &e), -EINVAL);
}

/* vmm.md 1.7: 63 */
TEST(eventfds_are_connected_to_every_device)
{
	SCOPED(machine_destroy) struct machine *m = create(1, 1, 1, 1, 64 * MIB);
	int fd[6];

	for (uint32_t i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = kvm_real.eventfd(NULL, 0, 0);
		assert_int_equal(machine_irqfd(m, fd[i], SPI_INTID(KVM_ARM64_UART_SPI + i), NULL),
				 0);
		assert_int_equal(machine_ioeventfd(m, fd[i], KVM_ARM64_VIRTIO + 0x50, 4, &i, NULL),
				 0);
	}
	machine_destroy(hand_over(m)); /* they are still needed until then */
	for (uint32_t i = 0; i < ARRAY_SIZE(fd); i++)
		close_fd(&fd[i]);
}

/* vmm.md 19 */
TEST(statistics_of_every_vcpu_are_read)
{
	SCOPED(machine_destroy) struct machine *m = create(1, 1, 2, 1, 64 * MIB);
	struct kstats s;
	struct err e;

	for (uint32_t cpu = 0; cpu < 2; cpu++) {
		if (machine_stats(m, cpu, &s, &e) < 0)
			fail_msg("%s", e.text);
		assert_true(s.known & 1u << KSTAT_exits && s.known & 1u << KSTAT_signal_exits);
		assert_true(s.value[KSTAT_exits] == 0);
	}
}

/* Exclusive, as a writer of the file would take it: 0 or 1 as the status of another process. */
static int other_process_may_write(const char *path)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		int fd = open(path, O_RDWR | O_CLOEXEC);

		_exit(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

TEST(items_23_26_a_file_in_guest_memory_is_locked_until_the_machine_is_gone)
{
	char path[] = "/tmp/overlay.XXXXXX", text[3 * 4096];
	struct machine *m = create(1, 1, 1, 1, 64 * MIB);
	int fd = mkostemp(path, O_CLOEXEC);
	struct err e;

	memset(text, 'k', sizeof(text));
	assert_int_equal(write_full(fd, text, sizeof(text)), 0);
	if (machine_overlay(m, KVM_ARM64_RAM + MIB, fd, 0, sizeof(text), &e) < 0)
		fail_msg("%s", e.text);
	assert_memory_equal(gmem_at(machine_memory(m), KVM_ARM64_RAM + MIB, sizeof(text)), text,
			    sizeof(text));
	assert_int_equal(other_process_may_write(path), 0);
	machine_destroy(m);
	assert_int_equal(other_process_may_write(path), 1);
	unlink(path);
	close_fd(&fd);
}

/* vmm.md 1.3: 29 with the real KVM behind it */
struct failing {
	uint32_t calls, fail_at;
};

static long failing_ioctl(void *ctx, int fd, unsigned long req, void *arg)
{
	struct failing *f = ctx;

	return f->calls++ == f->fail_at ? -ENOMEM : kvm_real.ioctl(NULL, fd, req, arg);
}

static bool fail_one(uint32_t nth)
{
	struct failing f = { .fail_at = nth };
	struct kvm_calls calls = kvm_real;
	const struct machine_spec s = { .calls = &calls,
					.board = &board_kvm_arm64,
					.topo = { 1, 1, 2, 1 },
					.memory_bytes = 64 * MIB };
	struct machine *m = NULL;
	struct err e = { 0 };

	calls.ctx = &f;
	calls.ioctl = failing_ioctl;
	int r = machine_create(&s, &m, &e);
	machine_destroy(m);
	return r == 0 && f.calls <= nth;
}

TEST(item_29_an_ioctl_that_fails_leaves_nothing_behind)
{
	uint32_t before = open_fds(), n = 0;

	need_kvm();
	while (!fail_one(n)) {
		expect_gone(before);
		assert_in_range(++n, 1, 200);
	}
	assert_in_range(n, 20, 200); /* or nothing was tried */
}

/* Descriptors for 512 vCPUs, where the host allows it. */
static bool raise_limit(rlim_t n)
{
	struct rlimit l;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &l), 0);
	if (l.rlim_cur < n)
		l.rlim_cur = n < l.rlim_max ? n : l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
	return l.rlim_cur >= n;
}

/* vmm.md 1.6: 58; 2.2: KVM numbers all of them as we do, or the machine would not be */
TEST(item_58_as_many_vcpus_as_there_is_room_for_are_made_and_unmade)
{
	uint32_t before;

	need_kvm();
	if (!raise_limit(2048))
		skip();
	before = open_fds();
	struct machine *m = create(1, 1, KVM_ARM64_MAX_CPUS, 1, 512 * MIB);
	assert_int_equal(m->nr_vcpus, 512);
	assert_int_equal(machine_steal_time(m, KVM_ARM64_RAM + 256 * MIB, NULL), 0);
	machine_destroy(m);
	expect_gone(before);
}

TEST(item_85_one_more_is_refused_before_anything_is_made)
{
	const struct machine_spec s = { .board = &board_kvm_arm64,
					.topo = { 1, 1, KVM_ARM64_MAX_CPUS + 1, 1 },
					.memory_bytes = 512 * MIB };
	struct machine *m = NULL;
	struct err e = { 0 };

	need_kvm();
	assert_int_equal(machine_create(&s, &m, &e), -EINVAL);
	assert_null(m);
	assert_int_equal(e.cls, ERR_HARD);
	assert_non_null(strstr(e.text, "513 vCPUs"));
	assert_non_null(strstr(e.text, "0xc030000"));
	assert_non_null(strstr(e.text, "0xc010000"));
	assert_non_null(strstr(e.text, "512 vCPUs"));
}

/* Threads create and destroy until there are no more cycles. */
static atomic_int cycles;
static atomic_int failures;

static void *cycle(void *unused)
{
	const struct machine_spec s = { .board = &board_kvm_arm64,
					.topo = { 1, 1, 2, 1 },
					.memory_bytes = 16 * MIB };

	while (atomic_fetch_sub(&cycles, 1) > 0) {
		struct machine *m = NULL;
		struct err e = { 0 };

		if (machine_create(&s, &m, &e) < 0) {
			atomic_fetch_add(&failures, 1);
			print_message("# %s\n", e.text);
		} else {
			*(char *)gmem_at(machine_memory(m), KVM_ARM64_RAM, 1) = 1;
		}
		machine_destroy(m);
	}
	return NULL;
}

static void run_cycles(int n)
{
	pthread_t thread[THREADS];

	atomic_store(&cycles, n);
	for (uint32_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, cycle, NULL), 0);
	for (uint32_t i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
}

TEST(item_25_500_machines_made_and_unmade_by_8_threads_leave_nothing)
{
	uint32_t before = open_fds();

	need_kvm();
	run_cycles(CYCLES);
	assert_int_equal(atomic_load(&failures), 0);
	expect_gone(before);
}

UNIT_MAIN(NULL, NULL)
