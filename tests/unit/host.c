/* SPDX-License-Identifier: GPL-2.0-only */
/* The host CPUs of a run, from wish to result. */
#include "unit.h"

#include <errno.h>
#include <sched.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "harness/host.h"
#include "harness/result.h"

static char dir[] = "/tmp/ktstr-host-XXXXXX";
static struct hosttopo host;

static int set_up(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(setenv("XDG_RUNTIME_DIR", dir, 1), 0);
	return host_look(&host, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	hosttopo_fini(&host);
	return remove_tree(dir, NULL);
}

static const struct topology one = { .nodes = 1, .llcs = 1, .cores = 1, .threads = 1 };

static bool noted(const struct cell_result *r, const char *kind)
{
	for (size_t i = 0; i < r->nr_details; i++)
		if (strcmp(r->details[i].kind, kind) == 0)
			return r->details[i].note;
	return false;
}

TEST(without_a_topology_only_sharing_goes)
{
	struct host_wish w = { .topo = NULL };
	struct pin_warnings none = { .nr = 0 };
	SCOPED(cell_result_fini) struct cell_result r = { 0 };
	struct host_use u = { 0 };

	assert_int_equal(host_enter(&w, &one, false, &u, NULL), 0);
	host_serve(&u);
	host_tell(&u, &none, &r);
	assert_string_equal(r.host.mode, "");
	host_leave(&u);
	w.mode = PIN_PERFORMANCE;
	assert_int_equal(host_enter(&w, &one, false, &u, NULL), -ENODATA);
	host_leave(&u);
}

/* The process is where the machine is to be, and afterwards where it was. */
TEST(what_was_entered_is_left_as_it_was)
{
	const struct host_wish w = { &host, PIN_PERFORMANCE, .run = "test" };
	SCOPED(cell_result_fini) struct cell_result r = { 0 };
	struct pin_warnings machine = { .nr = 0 };
	struct host_use u = { 0 };
	cpu_set_t before, during, after;

	if (host.nr_cpus < 2)
		skip();
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	assert_int_equal(host_enter(&w, &one, false, &u, NULL), 0);
	host_serve(&u);
	assert_int_equal(sched_getaffinity(0, sizeof(during), &during), 0);
	assert_int_equal(CPU_COUNT(&during), 1);
	assert_true(CPU_ISSET(u.plan.place.service, &during));
	pin_warn(&machine, "huge-pages", "none");
	host_tell(&u, &machine, &r);
	assert_string_equal(r.host.mode, "performance");
	assert_int_equal(r.host.nr_cpus, 1);
	assert_true(noted(&r, "host:huge-pages"));
	host_leave(&u);
	assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
	assert_true(CPU_EQUAL(&before, &after));
	assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
}

TEST(cpus_that_had_to_be_waited_for_are_noise)
{
	const struct host_use alone = { .reserved = true,
					.plan.place = { .mode = PIN_PERFORMANCE } };
	const struct host_use shared = { .reserved = true };
	const struct pin_warnings none = { .nr = 0 };

	for (uint64_t ppm = 9999; ppm <= 10000; ppm++) {
		SCOPED(cell_result_fini) struct cell_result a = { .load_wait_ppm = ppm };
		SCOPED(cell_result_fini) struct cell_result b = { .load_wait_ppm = ppm };

		host_tell(&alone, &none, &a);
		host_tell(&shared, &none, &b);
		assert_int_equal(noted(&a, "host:noise"), ppm == 10000);
		assert_false(noted(&b, "host:noise"));
	}
}

TEST(virtual_time_has_nothing_to_measure)
{
	const struct host_wish w = { &host, PIN_PERFORMANCE, .run = "test" };
	SCOPED(cell_result_fini) struct cell_result r = { 0 };
	struct pin_warnings none = { .nr = 0 };
	struct host_use u = { 0 };

	assert_int_equal(host_enter(&w, &one, true, &u, NULL), 0);
	host_tell(&u, &none, &r);
	assert_string_equal(r.host.mode, "shared");
	assert_true(noted(&r, "host:virtual-time"));
	host_leave(&u);
}

TEST(where_locks_do_not_hold_sharing_is_noted_and_measuring_refused)
{
	struct host_wish w = { &host, PIN_SHARED, .run = "test" };
	SCOPED(cell_result_fini) struct cell_result r = { 0 };
	struct pin_warnings none = { .nr = 0 };
	struct host_use u = { 0 };
	char path[64];

	snprintf(path, sizeof(path), "%s/ktstr", dir);
	mkdir(path, 0700);
	assert_int_equal(chmod(path, 0777), 0);
	assert_int_equal(host_enter(&w, &one, false, &u, NULL), 0);
	host_tell(&u, &none, &r);
	assert_string_equal(r.host.mode, "");
	assert_true(noted(&r, "host:reservation"));
	host_leave(&u);
	w.mode = PIN_PERFORMANCE;
	if (host.nr_cpus > 1)
		assert_int_equal(host_enter(&w, &one, false, &u, NULL), -EPERM);
	host_leave(&u);
	assert_int_equal(chmod(path, 0700), 0);
}

static void put(const char *path, const char *text)
{
	char full[200];

	snprintf(full, sizeof(full), "%s%s", dir, path);
	*strrchr(full, '/') = 0;
	assert_int_equal(make_dirs(full, 0700, NULL), 0);
	snprintf(full, sizeof(full), "%s%s", dir, path);
	assert_int_equal(write_file_atomic(full, text, strlen(text), 0600, NULL), 0);
}

TEST(what_a_machine_lacks_is_listed)
{
	SCOPED(hosttopo_fini) struct hosttopo small = { 0 };
	SCOPED(buf_fini) struct buf all = { 0 }, none = { 0 };

	assert_int_equal(hosttopo_init_synthetic(&small, "core:1 pu:1", NULL), 0);
	host_lacks(&small, dir, false, &all);
	assert_string_equal(buf_str(&all), "a second CPU (so not at all), real-time "
					   "priority, free huge pages, isolated CPUs");
	put("/proc/sys/kernel/sched_rt_runtime_us", "-1\n");
	put("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "12\n");
	put("/sys/devices/system/cpu/isolated", "1-3\n");
	put("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
	if (host.nr_cpus > 1)
		host_lacks(&host, dir, true, &none);
	assert_string_equal(buf_str(&none), "");
	put("/proc/sys/kernel/sched_rt_runtime_us", "950000\n");
	put("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
	host_lacks(&small, dir, true, &none);
	assert_non_null(strstr(buf_str(&none), "throttling, a steady clock"));
}

UNIT_MAIN(set_up, tear_down)
