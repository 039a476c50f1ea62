/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest/console.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "abi/job.h"
#include "base/io.h"
#include "base/scoped.h"

/* Only async-signal-safe calls from here to power_off(). */
static void say(const char *path, const char *level, const char *text)
{
	char line[600];
	const char *const parts[] = { level, CONSOLE_FATAL, text, "\n" };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		for (const char *s = parts[i]; *s && n < sizeof(line) - 1; s++)
			line[n++] = *s;
	line[n - 1] = '\n';
	SCOPED(close_fd) int fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0)
		write_full(fd, line, n);
}

void console_fatal(const char *text)
{
	/* The log reaches every console whatever "quiet" says; the device works without it. */
	say("/dev/kmsg", "<0>", text);
	say("/dev/console", "", text);
}

void power_off(void)
{
	reboot(RB_POWER_OFF);
	/* No way to switch the machine off: at least nothing runs on. */
	for (;;)
		pause();
}

static void crashed(int sig)
{
	char text[] = "init crashed, signal 00";
	size_t n = sizeof(text) - 1;

	text[n - 2] = (char)('0' + sig / 10 % 10);
	text[n - 1] = (char)('0' + sig % 10);
	console_fatal(text);
	power_off();
}

void console_catch_crashes(void)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP };
	static char stack[16384];
	const stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_handler = crashed, .sa_flags = SA_ONSTACK | SA_RESETHAND };

	sigaltstack(&alt, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(fatal); i++)
		sigaction(fatal[i], &sa, NULL);
}
