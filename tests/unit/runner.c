/* SPDX-License-Identifier: GPL-2.0-only */
/* How many VMs run at once. What one does, and how many CPUs the host has, is linked in here. */
#include "unit.h"

#include <sched.h>
#include <sys/types.h>

#include "base/err.h"
#include "harness/cell.h"
#include "harness/runner.h"
#include "harness/sink.h"

#define HOST_CPUS 4
#define NR_CELLS 8

int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *ret);
int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *ret)
{
	CPU_ZERO(ret);
	for (int i = 0; i < HOST_CPUS; i++)
		CPU_SET(i, ret);
	return 0;
}

/* In a process of its own. */
void __wrap_cell_run(const struct plan *p, const struct plan_cell *pc, const struct run_options *o,
		     struct cell_result *ret);
void __wrap_cell_run(const struct plan *p, const struct plan_cell *pc, const struct run_options *o,
		     struct cell_result *ret)
{
	*ret = (struct cell_result){ .verdict = VERDICT_PASS, .headline = strdup("") };
}

/* The ends of cells are heard of only after all that had room were started. */
struct count {
	unsigned int started, at_first, done;
};

static void on_start(struct sink *s, const struct cell *c)
{
	struct count *n = s->state;

	n->started++;
}

static void on_done(struct sink *s, const struct cell_result *r)
{
	struct count *n = s->state;

	assert_int_equal(r->verdict, VERDICT_PASS);
	if (!n->done++)
		n->at_first = n->started;
}

static void on_end(struct sink *s, const struct run_counts *n, uint64_t wall_ns, bool interrupted)
{
	assert_false(interrupted);
}

static const struct sink_type counting = { .start = on_start, .done = on_done, .end = on_end };

/* How many of the cells are started before one ends; all of them must run. */
static unsigned int started_at_once(const struct plan_cell *cells, const struct run_options *o)
{
	struct plan_cell copies[NR_CELLS];
	const struct plan plan = { .cells = copies, .nr_cells = NR_CELLS };
	struct count n = { 0 };
	struct sink sink = { .type = &counting, .state = &n };
	struct sink *const sinks[] = { &sink };
	struct run_outcome out;
	struct err e = { 0 };

	memcpy(copies, cells, sizeof(copies));
	if (run_plan(&plan, o, sinks, 1, &out, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(n.done, NR_CELLS);
	assert_int_equal(out.counts.by_verdict[VERDICT_PASS], NR_CELLS);
	assert_int_equal(out.counts.not_run, 0);
	return n.at_first;
}

static const struct ktstr_test_record test;

static void make_cells(struct plan_cell cells[NR_CELLS], uint32_t cores)
{
	for (uint32_t i = 0; i < NR_CELLS; i++)
		cells[i] = (struct plan_cell){
			.test = &test,
			.cell = { .index = i,
				  .arch = ARCH_X86_64,
				  .topo = { 1, 1, cores, 1 },
				  .memory_mib = 1 },
		};
}

TEST(vms_in_real_time_share_the_hosts_cpus)
{
	static const struct {
		uint32_t cores;
		unsigned int at_once;
	} row[] = { { 1, 4 }, { 2, 2 }, { 3, 1 }, { 4, 1 }, { 8, 1 } };
	const struct run_options o = { 0 };
	struct plan_cell cells[NR_CELLS];

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		make_cells(cells, row[i].cores);
		assert_int_equal(started_at_once(cells, &o), row[i].at_once);
	}
}

/* One thread executes all vCPUs of such a machine. */
TEST(a_vm_in_virtual_time_takes_one_cpu_of_the_host)
{
	const struct run_options o = { .about[ARCH_X86_64].virtual_time = true };
	struct plan_cell cells[NR_CELLS];

	for (uint32_t cores = 1; cores <= 8; cores++) {
		make_cells(cells, cores);
		assert_int_equal(started_at_once(cells, &o), HOST_CPUS);
	}
}

TEST(each_architecture_counts_by_its_own_time)
{
	const struct run_options o = { .about[ARCH_X86_64].virtual_time = true };
	struct plan_cell cells[NR_CELLS];

	make_cells(cells, 2);
	for (size_t i = 1; i < NR_CELLS; i++)
		cells[i].cell.arch = ARCH_ARM64;
	assert_int_equal(started_at_once(cells, &o), 2); /* 1 + 2, and no room for 2 more */
	cells[1].cell.arch = ARCH_X86_64;
	assert_int_equal(started_at_once(cells, &o), 3); /* 1 + 1 + 2 */
}

TEST(who_says_how_many_gets_as_many)
{
	struct run_options o = { .jobs = 3 };
	struct plan_cell cells[NR_CELLS];

	make_cells(cells, 8);
	assert_int_equal(started_at_once(cells, &o), 3);
	o.about[ARCH_X86_64].virtual_time = true;
	assert_int_equal(started_at_once(cells, &o), 3);
}

/* It would wait for the others, and they for it. */
TEST(who_is_to_be_alone_runs_alone)
{
	static const struct ktstr_test_record measures = { .flags = KTSTR_TEST_PERFORMANCE };
	struct run_options o = { .host.mode = PIN_SHARED };
	struct plan_cell cells[NR_CELLS];

	make_cells(cells, 1);
	cells[0].test = &measures;
	assert_int_equal(started_at_once(cells, &o), 1);
	cells[0].test = &test;
	cells[1].test = &measures;
	assert_int_equal(started_at_once(cells, &o), 1);
	o.about[ARCH_X86_64].virtual_time = true;
	assert_int_equal(started_at_once(cells, &o), HOST_CPUS);
}

TEST(capped_vms_take_their_cap)
{
	const struct run_options o = { .host = { .mode = PIN_CAPPED, .cpu_cap = 2 } };
	struct plan_cell cells[NR_CELLS];

	make_cells(cells, 8);
	assert_int_equal(started_at_once(cells, &o), HOST_CPUS / 2);
}

UNIT_MAIN(NULL, NULL)
