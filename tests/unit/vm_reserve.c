/* SPDX-License-Identifier: GPL-2.0-only */
/* Host CPUs between processes (vmm.md 17). Others are real processes that act when told. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "machine/hosttopo.h"
#include "vm/reserve.h"

#define LONG_NS (60 * 1000000000ull) /* nothing here takes that long */

static char dir[] = "/tmp/ktstr-reserve-XXXXXX";
static struct hosttopo host; /* two caches of four CPUs */
static uint32_t fs_magic;    /* what fstatfs() says, 0 = the truth */

int __real_fstatfs64(int fd, struct statfs *fs);
int __wrap_fstatfs64(int fd, struct statfs *fs);
int __wrap_fstatfs64(int fd, struct statfs *fs)
{
	int r = __real_fstatfs64(fd, fs);

	if (fs_magic)
		fs->f_type = fs_magic;
	return r;
}

static int set_up(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	return hosttopo_init_synthetic(&host, "l3:2 core:4 pu:1", NULL);
}

static int tear_down(void **state)
{
	(void)state;
	hosttopo_fini(&host);
	return remove_tree(dir, NULL);
}

/* What a machine of @guest asks for. */
static struct reserve_request request(const char *guest, enum pin_mode mode, uint64_t wait_ns,
				      const char *run)
{
	struct reserve_request r = {
		.pin = { .host = &host, .mode = mode },
		.dir = dir,
		.run = run,
		.wait_ns = wait_ns,
	};

	assert_int_equal(topo_parse(guest, &r.pin.guest, NULL), 0);
	r.pin.threads = topo_cpus(&r.pin.guest);
	return r;
}

/* ---- another process ---- */

/* What it says, a byte each. */
enum { SAYS_WAITING = 'w', SAYS_HAS = 'h', SAYS_REFUSED = 'r' };

struct other {
	pid_t pid;
	int says;  /* from it */
	int leave; /* closing it makes it let go and end */
};

static void say_waiting(void *ctx, const char *what)
{
	char c = SAYS_WAITING;

	(void)what;
	assert_int_equal(write_full(*(int *)ctx, &c, 1), 0);
}

static _Noreturn void other_main(struct reserve_request r, int says, int leave)
{
	struct pin_plan plan = { 0 };
	struct reservation res = { 0 };
	char c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	r.patience = (struct patience){ NULL, say_waiting, &says };
	c = reserve_take(&r, &plan, &res, NULL) < 0 ? SAYS_REFUSED : SAYS_HAS;
	if (write_full(says, &c, 1) < 0 || read(leave, &c, 1) < 0)
		_exit(1);
	reserve_release(&res);
	pin_plan_fini(&plan);
	_exit(0);
}

static struct other start(struct reserve_request r)
{
	int says[2], leave[2];

	assert_int_equal(pipe2(says, O_CLOEXEC) | pipe2(leave, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close_fd(&says[0]);
		close_fd(&leave[1]);
		other_main(r, says[1], leave[0]);
	}
	close_fd(&says[1]);
	close_fd(&leave[0]);
	/* Later ones must not keep its pipe open. */
	return (struct other){ pid, says[0], leave[1] };
}

static char hears(const struct other *o)
{
	char c = 0;

	assert_int_equal(read_full(o->says, &c, 1), 0);
	return c;
}

/* It ends by itself once its pipe is closed; forks of the test hold copies, so a byte says it, too. */
static void leave(struct other *o)
{
	assert_int_equal(write_full(o->leave, "x", 1), 0);
	assert_int_equal(waitpid(o->pid, NULL, 0), o->pid);
	close_fd(&o->says);
	close_fd(&o->leave);
}

static void kill_it(struct other *o)
{
	kill(o->pid, SIGKILL);
	assert_int_equal(waitpid(o->pid, NULL, 0), o->pid);
	close_fd(&o->says);
	close_fd(&o->leave);
}

static int take(struct reserve_request r, struct err *e)
{
	SCOPED(pin_plan_fini) struct pin_plan plan = { 0 };
	SCOPED(reserve_release) struct reservation res = { 0 };

	return reserve_take(&r, &plan, &res, e);
}

/* ---- tests ---- */

TEST(who_is_alone_keeps_others_out_and_is_named)
{
	struct err e = { 0 };
	char name[64];
	struct other o = start(request("1n2l3c1t", PIN_PERFORMANCE, 0, "latency/1n2l3c1t"));

	assert_int_equal(hears(&o), SAYS_HAS);
	assert_int_equal(take(request("1n1l1c1t", PIN_SHARED, 0, "small"), &e), -EBUSY);
	assert_int_equal(e.cls, ERR_CONTENTION);
	snprintf(name, sizeof(name), "host CPUs are held by pid %d (", (int)o.pid);
	assert_non_null(strstr(e.text, name));
	assert_non_null(strstr(e.text, ": latency/1n2l3c1t)"));
	/* once, although it has both caches */
	assert_null(strstr(strstr(e.text, name) + strlen(name), name + 22));
	leave(&o);
	assert_int_equal(take(request("1n1l1c1t", PIN_SHARED, 0, "small"), &e), 0);
}

TEST(sharing_ones_share)
{
	struct other a = start(request("1n1l4c1t", PIN_SHARED, 0, "a"));

	assert_int_equal(hears(&a), SAYS_HAS);
	struct other b = start(request("1n1l8c1t", PIN_SHARED, 0, "b"));
	assert_int_equal(hears(&b), SAYS_HAS);
	assert_int_equal(take(request("1n1l3c1t", PIN_PERFORMANCE, 0, "c"), NULL), -EBUSY);
	leave(&a);
	leave(&b);
}

TEST(two_may_be_alone_on_a_cache_each)
{
	struct other a = start(request("1n1l3c1t", PIN_PERFORMANCE, 0, "a"));

	assert_int_equal(hears(&a), SAYS_HAS);
	struct other b = start(request("1n1l3c1t", PIN_PERFORMANCE, 0, "b"));
	assert_int_equal(hears(&b), SAYS_HAS);
	assert_int_equal(take(request("1n1l3c1t", PIN_PERFORMANCE, 0, "c"), NULL), -EBUSY);
	leave(&a);
	leave(&b);
}

TEST(what_others_claim_is_known)
{
	SCOPED(pin_plan_fini) struct pin_plan plan = { 0 };
	SCOPED(reserve_release) struct reservation res = { 0 };
	struct reserve_request r = request("1n1l2c1t", PIN_SHARED, 0, "b");
	struct other a = start(request("1n1l3c1t", PIN_SHARED, 0, "a"));

	assert_int_equal(hears(&a), SAYS_HAS);
	assert_int_equal(reserve_take(&r, &plan, &res, NULL), 0);
	/* three of four CPUs are another's: two fit into the other cache */
	assert_int_equal(plan.claim[0].llc, 1);
	leave(&a);
}

TEST(one_who_waits_gets_it_when_it_is_free)
{
	struct other a = start(request("1n2l3c1t", PIN_PERFORMANCE, 0, "a"));

	assert_int_equal(hears(&a), SAYS_HAS);
	struct other b = start(request("1n1l1c1t", PIN_SHARED, LONG_NS, "b"));
	assert_int_equal(hears(&b), SAYS_WAITING);
	leave(&a);
	assert_int_equal(hears(&b), SAYS_HAS);
	leave(&b);
}

TEST(a_large_one_is_not_passed_by_small_ones)
{
	struct other small = start(request("1n1l1c1t", PIN_SHARED, 0, "small"));

	assert_int_equal(hears(&small), SAYS_HAS);
	struct other big = start(request("1n2l3c1t", PIN_PERFORMANCE, LONG_NS, "big"));
	assert_int_equal(hears(&big), SAYS_WAITING);
	/* could share with the first one, were it not for who came before */
	assert_int_equal(take(request("1n1l1c1t", PIN_SHARED, 0, "hasty"), NULL), -EBUSY);
	struct other late = start(request("1n1l1c1t", PIN_SHARED, LONG_NS, "late"));
	assert_int_equal(hears(&late), SAYS_WAITING);
	leave(&small);
	assert_int_equal(hears(&big), SAYS_HAS);
	leave(&big);
	assert_int_equal(hears(&late), SAYS_HAS);
	leave(&late);
}

TEST(the_queue_is_in_order)
{
	struct other first = start(request("1n2l3c1t", PIN_PERFORMANCE, 0, "first"));
	struct other o[5];

	assert_int_equal(hears(&first), SAYS_HAS);
	for (size_t i = 0; i < ARRAY_SIZE(o); i++) {
		o[i] = start(request("1n2l3c1t", PIN_PERFORMANCE, LONG_NS, "next"));
		assert_int_equal(hears(&o[i]), SAYS_WAITING);
	}
	leave(&first);
	/* each holds until it is told to leave, so that a later one cannot have been before */
	for (size_t i = 0; i < ARRAY_SIZE(o); i++) {
		assert_int_equal(hears(&o[i]), SAYS_HAS);
		leave(&o[i]);
	}
}

TEST(the_dead_hold_nothing)
{
	struct other a = start(request("1n2l3c1t", PIN_PERFORMANCE, 0, "a"));

	assert_int_equal(hears(&a), SAYS_HAS);
	struct other b = start(request("1n2l3c1t", PIN_PERFORMANCE, LONG_NS, "b"));
	struct other c = start(request("1n2l3c1t", PIN_PERFORMANCE, LONG_NS, "c"));
	assert_int_equal(hears(&b), SAYS_WAITING);
	assert_int_equal(hears(&c), SAYS_WAITING);
	/* whichever is first in the queue */
	kill_it(&b);
	kill_it(&a);
	assert_int_equal(hears(&c), SAYS_HAS);
	leave(&c);
	/* what b waited with dies after it, in the kernel's own time */
	assert_int_equal(take(request("1n2l3c1t", PIN_PERFORMANCE, LONG_NS, "d"), NULL), 0);
}

TEST(waiting_has_an_end_and_gives_back_what_it_had)
{
	struct err e = { 0 };
	struct other low = start(request("1n1l3c1t", PIN_PERFORMANCE, 0, "low"));

	assert_int_equal(hears(&low), SAYS_HAS);
	struct other high = start(request("1n1l3c1t", PIN_PERFORMANCE, 0, "high"));
	assert_int_equal(hears(&high), SAYS_HAS);
	leave(&low);
	/* gets the first cache, waits for the second */
	assert_int_equal(take(request("1n2l3c1t", PIN_PERFORMANCE, 20000000, "both"), &e), -EBUSY);
	assert_non_null(strstr(e.text, ": high)"));
	assert_null(strstr(e.text, ": low)"));
	assert_int_equal(take(request("1n1l3c1t", PIN_PERFORMANCE, 0, "one"), NULL), 0);
	leave(&high);
}

TEST(waiting_can_be_called_off)
{
	SCOPED(close_fd) int ready = anon_file("always readable", NULL);
	struct reserve_request r = request("1n1l1c1t", PIN_SHARED, LONG_NS, "b");
	struct other a = start(request("1n2l3c1t", PIN_PERFORMANCE, 0, "a"));

	assert_int_equal(hears(&a), SAYS_HAS);
	r.patience.cancel_fds = (const int[]){ ready, -1 };
	assert_int_equal(take(r, NULL), -EINTR);
	leave(&a);
}

TEST(files_stay_and_keep_their_identity)
{
	struct stat before, after;
	char path[64];

	snprintf(path, sizeof(path), "%s/llc-0", dir);
	assert_int_equal(take(request("1n2l3c1t", PIN_PERFORMANCE, 0, "a"), NULL), 0);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(before.st_mode & 0777, 0600);
	assert_int_equal(take(request("1n2l3c1t", PIN_PERFORMANCE, 0, "b"), NULL), 0);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
}

TEST(a_damaged_queue_still_excludes)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/queue", dir);
	assert_int_equal(take(request("1n1l1c1t", PIN_SHARED, 0, "a"), NULL), 0);
	assert_int_equal(write_attr(path, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, NULL), 0);
	struct other a = start(request("1n2l3c1t", PIN_PERFORMANCE, 0, "a"));
	assert_int_equal(hears(&a), SAYS_HAS);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(take(request("1n1l1c1t", PIN_SHARED, 0, "b"), NULL), -EBUSY);
	leave(&a);
}

TEST(signatures_of_the_dead_and_nonsense_are_not_believed)
{
	char path[64], junk[4096];
	struct err e = { 0 };

	memset(junk, '7', sizeof(junk));
	snprintf(path, sizeof(path), "%s/llc-0", dir);
	assert_int_equal(write_attr(path, junk, sizeof(junk), NULL), 0);
	struct other a = start(request("1n2l3c1t", PIN_PERFORMANCE, 0, "evil\n\033[2Jname"));
	assert_int_equal(hears(&a), SAYS_HAS);
	assert_int_equal(take(request("1n1l1c1t", PIN_SHARED, 0, "b"), &e), -EBUSY);
	assert_null(strchr(e.text, '\n'));
	assert_null(strchr(e.text, '\033'));
	assert_null(strstr(e.text, "777"));
	leave(&a);
}

TEST(directories_that_will_not_do_are_refused)
{
	static const uint32_t remote[] = { NFS_SUPER_MAGIC, FUSE_SUPER_MAGIC, CIFS_SUPER_MAGIC };
	struct reserve_request r = request("1n1l1c1t", PIN_SHARED, 0, "a");
	struct err e = { 0 };
	char open_dir[64], link[80];

	for (size_t i = 0; i < ARRAY_SIZE(remote); i++) {
		fs_magic = remote[i];
		assert_int_equal(take(r, &e), -ENOTSUP);
		assert_non_null(strstr(e.text, "remote file system"));
	}
	fs_magic = 0;
	snprintf(open_dir, sizeof(open_dir), "%s/open", dir);
	assert_int_equal(mkdir(open_dir, 0700), 0);
	assert_int_equal(chmod(open_dir, 0770), 0);
	r.dir = open_dir;
	assert_int_equal(take(r, &e), -EPERM);
	assert_int_equal(chmod(open_dir, 0700), 0);
	assert_int_equal(take(r, NULL), 0);
	snprintf(link, sizeof(link), "%s/link", dir);
	assert_int_equal(symlink(open_dir, link), 0);
	r.dir = link;
	assert_true(take(r, &e) < 0);
	/* nor a file that is somewhere else */
	r.dir = open_dir;
	snprintf(link, sizeof(link), "%s/llc-0", open_dir);
	assert_int_equal(unlink(link) | symlink("/etc/passwd", link), 0);
	assert_int_equal(take(r, &e), -ELOOP);
}

TEST(the_runtime_directory_is_used_if_it_is_ours)
{
	struct stat st;
	char path[80];

	assert_int_equal(setenv("XDG_RUNTIME_DIR", dir, 1), 0);
	SCOPED(close_fd) int fd = reserve_open_dir(NULL, NULL);
	snprintf(path, sizeof(path), "%s/ktstr", dir);
	assert_true(fd >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
}

TEST(a_host_that_is_too_small_does_not_wait)
{
	assert_int_equal(take(request("1n3l1c1t", PIN_PERFORMANCE, LONG_NS, "a"), NULL), -ENOSPC);
}

UNIT_MAIN(set_up, tear_down)
