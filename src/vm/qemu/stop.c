/* SPDX-License-Identifier: GPL-2.0-only */
/* What became of a machine, in words. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "vm/qemu/qemu.h"

/* Words in QEMU's last line, and what the user can do about them. */
static const struct {
	const char *says;
	const char *remedy;
} remedies[] = {
	{ "Cannot allocate memory", "free memory on the host or give the guest less" },
	{ "cannot set up guest memory", "free memory on the host or give the guest less" },
	{ "No space left", "free memory on the host or give the guest less" },
	{ "Failed to initialize KVM", "see ktstr doctor" },
	{ "Could not access KVM", "see ktstr doctor" },
	{ "could not load kernel", "the kernel image is damaged or for another machine" },
	{ "rror loading uncompressed kernel without PVH",
	  "the kernel has no PVH entry (CONFIG_PVH)" },
	{ "not found", "this QEMU is incomplete or too old: install QEMU 10 or newer" },
	{ "nsupported machine type", "install QEMU 10 or newer" },
	{ "nvalid parameter", "install QEMU 10 or newer" },
};

/* How the guest's own end shows in the reason of QMP's SHUTDOWN event. */
static const struct {
	const char *reason;
	enum vm_stop_kind kind;
	const char *text;
} ends[] = {
	{ "guest-shutdown", VM_STOP_POWEROFF, "the guest switched itself off" },
	{ "guest-reset", VM_STOP_RESET, "the guest asked for a reset" },
	{ "guest-panic", VM_STOP_RESET, "the guest kernel panicked" },
	{ "host-signal", VM_STOP_BACKEND_DIED, "QEMU was told to end by a signal" },
	{ "host-qmp-quit", VM_STOP_BACKEND_DIED, "QEMU was told to quit" },
	{ "host-error", VM_STOP_BACKEND_DIED, "QEMU ended because of a host error" },
};

/* The last line QEMU printed, without its own name in front. */
static void last_complaint(const struct qemu *q, char *to, size_t cap)
{
	const char *all = buf_str(&q->complaints), *line = all;
	size_t len = strlen(all);

	while (len && all[len - 1] == '\n')
		len--;
	for (size_t i = 0; i < len; i++)
		if (all[i] == '\n')
			line = all + i + 1;
	snprintf(to, cap, "%.*s", (int)(len - (size_t)(line - all)), line);
}

static void say_death(const struct qemu *q, struct vm_stop *ret)
{
	char line[300];
	const char *remedy = NULL;

	last_complaint(q, line, sizeof(line));
	if (WIFSIGNALED(q->end.status)) {
		int sig = WTERMSIG(q->end.status);

		if (sig == SIGKILL)
			remedy = "somebody killed it, or the host ran out of memory";
		if (sig == SIGBUS)
			remedy = "the host could not provide guest memory";
		snprintf(ret->text, sizeof(ret->text), "QEMU was killed by signal %d (%s)%s%s", sig,
			 sigdescr_np(sig), line[0] ? ": " : "", line);
	} else {
		for (size_t i = 0; i < ARRAY_SIZE(remedies) && !remedy; i++)
			if (strstr(line, remedies[i].says))
				remedy = remedies[i].remedy;
		snprintf(ret->text, sizeof(ret->text), "QEMU exited with status %d: %s",
			 WEXITSTATUS(q->end.status), line[0] ? line : "it did not say why");
	}
	size_t n = strlen(ret->text);
	if (remedy)
		snprintf(ret->text + n, sizeof(ret->text) - n, "; %s", remedy);
}

/*
 * QEMU tells events only to who has said hello, and a guest may be quicker than that. By itself and
 * without trouble QEMU exits only for its guest.
 */
static bool ended_before_talking(const struct qemu *q)
{
	return !q->qmp_answered && !q->end.failed[0] && WIFEXITED(q->end.status) &&
	       !WEXITSTATUS(q->end.status) && !q->complaints.len;
}

void qemu_explain(const struct qemu *q, struct vm_stop *ret)
{
	*ret = (struct vm_stop){ .kind = VM_STOP_BACKEND_DIED, .exit_status = q->end.status };
	if (q->end.killed) {
		ret->kind = VM_STOP_KILLED;
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		if (strcmp(q->end.reason, ends[i].reason) != 0)
			continue;
		ret->kind = ends[i].kind;
		snprintf(ret->text, sizeof(ret->text), "%s", ends[i].text);
		return;
	}
	if (ended_before_talking(q)) {
		ret->kind = VM_STOP_RESET;
		snprintf(ret->text, sizeof(ret->text), "the guest ended the machine at once");
		return;
	}
	if (!q->end.failed[0]) {
		say_death(q, ret);
		return;
	}
	char line[300];

	ret->kind = VM_STOP_BACKEND_ERROR;
	last_complaint(q, line, sizeof(line));
	snprintf(ret->text, sizeof(ret->text), "%s%s%s", q->end.failed, line[0] ? ": " : "", line);
}
