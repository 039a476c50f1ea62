/* SPDX-License-Identifier: GPL-2.0-only */
#include "cli/common.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/parse.h"
#include "base/term.h"
#include "harness/host.h"
#include "harness/words.h"
#include "machine/arch.h"
#include "vm/vm.h"

const char *const common_arch_names[] = { [ARCH_X86_64] = "x86_64", [ARCH_ARM64] = "arm64", NULL };
const char *const common_vm_names[] = { "auto", "qemu", "kvm", NULL };
const char *const common_time_names[] = {
	[VM_TIME_AUTO] = "auto",
	[VM_TIME_REAL] = "real",
	[VM_TIME_VIRTUAL] = "virtual",
	NULL,
};
const char *const common_accel_names[] = {
	[VM_ACCEL_AUTO] = "auto",
	[VM_ACCEL_TCG] = "tcg",
	[VM_ACCEL_KVM] = "kvm",
	NULL,
};

static bool progress_shown;

static void say(void *ctx, const char *text)
{
	if (term_redraws(STDERR_FILENO)) {
		fprintf(stderr, "%s%.*s", TERM_ERASE_LINE, (int)term_columns(STDERR_FILENO) - 1,
			text);
		fflush(stderr);
		progress_shown = true;
	} else {
		fprintf(stderr, "%s\n", text);
	}
}

struct catalog_progress common_progress(void)
{
	return (struct catalog_progress){ .say = say };
}

void common_progress_end(void)
{
	if (progress_shown)
		fputs(TERM_ERASE_LINE, stderr);
	progress_shown = false;
}

uint64_t common_seed(const struct opt_hex *given)
{
	uint32_t v;

	if (given->given)
		return given->v;
	/* 4 bytes never come short; without the call (ENOSYS) the clock is random enough */
	if (getrandom(&v, sizeof(v), 0) != sizeof(v))
		v = (uint32_t)now_ns();
	return v;
}

static int signals_as_fd(const sigset_t *set, struct err *e)
{
	sigprocmask(SIG_BLOCK, set, NULL);
	int fd = signalfd(-1, set, SFD_CLOEXEC);
	return fd < 0 ? err_sys(e, -errno, "signals") : fd;
}

int common_signals(struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	return signals_as_fd(&set, e);
}

int common_resizes(struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	return signals_as_fd(&set, e);
}

const char *common_command_line(void)
{
	static char line[4096];
	SCOPED(mem_free) char *raw = NULL;
	SCOPED(buf_fini) struct buf out = { 0 };
	size_t len;

	if (line[0] || read_file("/proc/self/cmdline", 1 << 20, &raw, &len, NULL) < 0)
		return line;
	for (size_t at = 0; at < len; at += strlen(raw + at) + 1) {
		if (at)
			buf_putc(&out, ' ');
		shell_quote(&out, raw + at);
	}
	snprintf(line, sizeof(line), "%s", buf_str(&out));
	return line;
}

int common_host(const struct common_host *a, struct hosttopo *topo, struct host_wish *ret,
		struct err *e)
{
	struct err why = { 0 };
	int r = host_look(topo, &why);

	*ret = (struct host_wish){
		.topo = r < 0 ? NULL : topo,
		.mode = a->cpu_cap.given ? PIN_CAPPED
			: a->perf	 ? PIN_PERFORMANCE
					 : PIN_SHARED,
		.cpu_cap = a->cpu_cap.v,
		.wait_ns = a->wait.v,
	};
	/* Who only shares does not need to know what there is. */
	if (r < 0)
		return ret->mode == PIN_SHARED
			       ? 0
			       : err_class(e, why.cls, err_set(e, r, "%s", why.text));
	if (ret->mode == PIN_CAPPED && (!a->cpu_cap.v || a->cpu_cap.v > topo->nr_cpus))
		return err_set(e, -EINVAL, "--cpu-cap %u: this process may use %zu host CPU%s",
			       a->cpu_cap.v, topo->nr_cpus, topo->nr_cpus == 1 ? "" : "s");
	return 0;
}

#define SLOW_MAX 100

int common_slow(uint32_t *ret, struct err *e)
{
	const char *text = getenv("KTSTR_SLOW");

	*ret = 1;
	if (!text || !*text)
		return 0;
	if (parse_u32(text, ret) < 0 || !*ret || *ret > SLOW_MAX)
		return err_set(e, -EINVAL, "KTSTR_SLOW: \"%.40s\": no number from 1 to %u", text,
			       SLOW_MAX);
	return 0;
}

int common_pace(const struct opt_u32 *rate, const struct opt_u32 *turn, struct pace_wish *ret,
		struct err *e)
{
	*ret = (struct pace_wish){ .have_rate = rate->given, .have_turn = turn->given };
	if (rate->given && pace_parse_rate(rate->v, &ret->pace.rate_shift) < 0)
		return err_set(e, -EINVAL,
			       "--rate %u: there are 1000, 500, 250, 125, 62, 31 and 15 million "
			       "instructions per second",
			       rate->v);
	if (turn->given && turn->v > PACE_TURN_MAX_US)
		return err_set(e, -EINVAL, "--turn %u: the longest turn is %u us", turn->v,
			       PACE_TURN_MAX_US);
	ret->pace.turn_us = turn->v;
	return 0;
}
