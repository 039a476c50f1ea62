/* SPDX-License-Identifier: GPL-2.0-only */
/* Can the KVM of this host run kernels? A child process lets a tiny guest try. */
#include "vm/probe_kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/scoped.h"
#include "vm/probe.h"
#include "vm/probe_store.h"

#define DEVICE "/dev/kvm"
/* The trial takes a few milliseconds; a host that needs this long cannot run tests on KVM. */
#define TRIAL_LIMIT_MS 2000

static const char *const exit_names[] = {
	[KVM_EXIT_UNKNOWN] = "unknown exit",	 [KVM_EXIT_EXCEPTION] = "exception",
	[KVM_EXIT_IO] = "port access",		 [KVM_EXIT_HLT] = "halt",
	[KVM_EXIT_MMIO] = "device access",	 [KVM_EXIT_SHUTDOWN] = "triple fault",
	[KVM_EXIT_FAIL_ENTRY] = "entry refused", [KVM_EXIT_INTERNAL_ERROR] = "internal error",
};

static const char *const step_names[] = {
	[KVM_TRIAL_OPEN] = "opening it",
	[KVM_TRIAL_VERSION] = "asking for its version",
	[KVM_TRIAL_CREATE_VM] = "creating a VM",
	[KVM_TRIAL_MEMORY] = "giving it memory",
	[KVM_TRIAL_CREATE_VCPU] = "creating a vCPU",
	[KVM_TRIAL_REGISTERS] = "setting its registers",
	[KVM_TRIAL_RUN] = "running it",
};

static void say_exit(const struct kvm_trial *t, char *to, size_t cap)
{
	const char *name = t->exit < ARRAY_SIZE(exit_names) ? exit_names[t->exit] : NULL;

	if (t->faulted)
		snprintf(to, cap, "exception");
	else if (t->exit == KVM_EXIT_INTERNAL_ERROR && t->suberror == KVM_INTERNAL_ERROR_EMULATION)
		snprintf(to, cap, "emulation failure (KVM internal error 1)");
	else if (t->exit == KVM_EXIT_INTERNAL_ERROR || t->exit == KVM_EXIT_FAIL_ENTRY)
		snprintf(to, cap, "%s (KVM %s, code %u)", name,
			 t->exit == KVM_EXIT_FAIL_ENTRY ? "entry failure" : "suberror",
			 t->suberror);
	else
		snprintf(to, cap, "%s (exit %u)", name ? name : "exit", t->exit);
}

static void judge(const struct kvm_trial *t, struct probe_result *ret)
{
	char how[100];

	ret->state = t->step == KVM_TRIAL_DONE ? PROBE_YES : PROBE_UNUSABLE;
	if (t->version > 0)
		snprintf(ret->version, sizeof(ret->version), "KVM API %d", t->version);
	if (t->step == KVM_TRIAL_DONE) {
		snprintf(ret->text, sizeof(ret->text), DEVICE " runs kernels");
		return;
	}
	snprintf(ret->remedy, sizeof(ret->remedy),
		 "nothing to do: guests are emulated; for speed use a host with full KVM");
	if (t->step == KVM_TRIAL_EXIT) {
		say_exit(t, how, sizeof(how));
		snprintf(ret->text, sizeof(ret->text),
			 DEVICE " is present but cannot run kernels: %s at the first %s", how,
			 kvm_trial_mark(t->reached));
	} else if (t->step == KVM_TRIAL_SUMS) {
		snprintf(ret->text, sizeof(ret->text),
			 DEVICE " is present but computes wrong results");
	} else {
		snprintf(ret->text, sizeof(ret->text),
			 DEVICE " is present but cannot run kernels: %s: %s",
			 step_names[MIN(t->step, (uint32_t)KVM_TRIAL_RUN)], strerror(t->error));
	}
}

static void run_child(int kvm, int to, pid_t parent)
{
	struct kvm_trial t = { 0 };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	kvm_trial_run(kvm, &t);
	_exit(write_full(to, &t, sizeof(t)) < 0);
}

/* The guest's answer, or that there was none. */
static int await_trial(int from, struct kvm_trial *ret)
{
	struct pollfd p = { .fd = from, .events = POLLIN };
	uint64_t deadline_ns = now_ns() + TRIAL_LIMIT_MS * 1000000ull;
	int r;

	do {
		uint64_t now = now_ns();

		r = poll(&p, 1, now < deadline_ns ? (int)((deadline_ns - now) / 1000000 + 1) : 0);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return r ? read_full(from, ret, sizeof(*ret)) : -ETIMEDOUT;
}

/* A child that even SIGKILL cannot get out of KVM is left to the host's init. */
static void reap(pid_t pid)
{
	SCOPED(close_fd) int pidfd = pidfd_open(pid, 0);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	if (pidfd < 0 || poll(&p, 1, TRIAL_LIMIT_MS) != 0)
		waitpid(pid, NULL, 0);
}

static int run_trial(int kvm, struct kvm_trial *ret)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	SCOPED(close_fd) int from = ends[0];
	SCOPED(close_fd) int to = ends[1];
	pid_t parent = getpid(), pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		run_child(kvm, to, parent);
	close_fd(&to);
	int r = await_trial(from, ret);
	kill(pid, SIGKILL);
	reap(pid);
	return r;
}

/* Returns whether the answer will be the same until the next boot. */
static bool try_device(struct probe_result *ret)
{
	SCOPED(close_fd) int kvm = open(DEVICE, O_RDWR | O_CLOEXEC);
	struct kvm_trial t = { .step = KVM_TRIAL_OPEN };
	int r = kvm < 0 ? -errno : run_trial(kvm, &t);

	if (!r) {
		judge(&t, ret);
	} else if (kvm < 0 && (r == -ENOENT || r == -ENODEV || r == -ENXIO)) {
		ret->state = PROBE_ABSENT;
		snprintf(ret->text, sizeof(ret->text), "there is no usable " DEVICE);
		snprintf(ret->remedy, sizeof(ret->remedy),
			 "enable virtualisation in the firmware and load the kvm module");
	} else if (kvm < 0 && (r == -EACCES || r == -EPERM)) {
		ret->state = PROBE_FORBIDDEN;
		snprintf(ret->text, sizeof(ret->text), DEVICE " may not be opened by this user");
		snprintf(ret->remedy, sizeof(ret->remedy),
			 "add the user to the group that owns it (often kvm) and log in again");
	} else {
		ret->state = PROBE_UNUSABLE;
		snprintf(ret->text, sizeof(ret->text),
			 DEVICE " is present but cannot run kernels: %s",
			 r == -ENODATA	   ? "the trial guest killed its VMM"
			 : r == -ETIMEDOUT ? "the trial guest hangs"
					   : strerror(-r));
	}
	return !r && t.step >= KVM_TRIAL_EXIT;
}

static void say_foreign(enum arch guest, struct probe_result *ret)
{
	ret->state = PROBE_FOREIGN;
	snprintf(ret->text, sizeof(ret->text), "KVM of an %s host cannot run %s guests",
		 arch_names(arch_host())->name, arch_names(guest)->name);
}

/* Another boot, kernel, device node or user means another answer. */
static bool make_key(char *to, size_t cap)
{
	char boot[64] = "";
	struct utsname u;
	struct stat st;

	if (read_line_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", boot, sizeof(boot)) <= 0 ||
	    uname(&u) < 0 || stat(DEVICE, &st) < 0)
		return false;
	int n = snprintf(to, cap, "%s %s %llu:%llu:%llu:%o:%u:%u %u", boot, u.release,
			 (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
			 (unsigned long long)st.st_rdev, st.st_mode, st.st_uid, st.st_gid,
			 geteuid());
	return n > 0 && (size_t)n < cap;
}

static struct {
	bool valid;
	struct probe_result result;
} cache;

void probe_kvm_forget(void)
{
	cache.valid = false;
}

void probe_kvm(enum arch guest, struct probe_result *ret)
{
	uint64_t began_ns = now_ns();
	char key[512];

	*ret = (struct probe_result){ .path = DEVICE };
	if (guest != arch_host()) {
		say_foreign(guest, ret);
		return;
	}
	bool keyed = make_key(key, sizeof(key));
	if (!cache.valid && !(keyed && probe_load("kvm", key, &cache.result))) {
		bool lasting = try_device(ret);

		ret->took_ns = now_ns() - began_ns;
		cache.result = *ret;
		if (keyed && lasting)
			probe_save("kvm", key, ret);
	}
	cache.valid = true;
	*ret = cache.result;
}
