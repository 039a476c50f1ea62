/* SPDX-License-Identifier: GPL-2.0-only */
#include "hurry.h"

#include <poll.h>
#include <stdint.h>

#include "base/scoped.h"

int hurry_ms = -1;
static uint64_t skipped_ns;

int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	int r = __real_poll(fds, n, hurry_ms >= 0 ? MIN(timeout, hurry_ms) : timeout);

	if (hurry_ms >= 0 && !r)
		skipped_ns += (uint64_t)timeout * 1000000;
	return r;
}

uint64_t __real_now_ns(void);
uint64_t __wrap_now_ns(void);
uint64_t __wrap_now_ns(void)
{
	return __real_now_ns() + skipped_ns;
}
