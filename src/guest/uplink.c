/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest/uplink.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "abi/job.h"
#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"
#include "guest/port.h"

void uplink_fini(struct uplink *u)
{
	close_fd(&u->fd);
	buf_fini(&u->out.b);
	frame_parser_fini(&u->in);
}

int uplink_open(struct uplink *u, uint64_t deadline, struct err *e)
{
	int fd = port_open(LINK_PORT_NAME, deadline, e);

	if (fd < 0)
		return fd;
	u->fd = fd;
	u->moved_ns = now_ns();
	return 0;
}

void uplink_send(struct uplink *u, uint16_t type, const void *payload, size_t len)
{
	if (!queue_len(&u->out))
		u->moved_ns = now_ns();
	frame_put(&u->out.b, &u->seq, type, payload, len);
}

void uplink_hello(struct uplink *u)
{
	struct hello_msg m = {
		.frame_version = FRAME_VERSION,
		.job_version = JOB_VERSION,
		.online_cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN),
		.page_size = (uint32_t)sysconf(_SC_PAGESIZE),
	};
	struct utsname un;
	struct sysinfo si;

	if (uname(&un) == 0) {
		memcpy(m.release, un.release, strnlen(un.release, sizeof(m.release) - 1));
		memcpy(m.machine, un.machine, strnlen(un.machine, sizeof(m.machine) - 1));
	}
	if (sysinfo(&si) == 0)
		m.mem_total = (uint64_t)si.totalram * si.mem_unit;
	m.mono_ns = now_ns();
	uplink_send(u, FRAME_HELLO, &m, sizeof(m));
}

void uplink_stage(struct uplink *u, uint32_t stage)
{
	const struct stage_msg m = { .stage = stage, .mono_ns = now_ns() };

	uplink_send(u, FRAME_STAGE, &m, sizeof(m));
}

void uplink_text(struct uplink *u, uint16_t type, const char *text)
{
	uplink_send(u, type, text, MIN(strlen(text), FRAME_MAX_PAYLOAD));
}

void uplink_note(struct uplink *u, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	uplink_text(u, FRAME_NOTE, text);
}

void uplink_flush(struct uplink *u)
{
	ssize_t n = queue_write(&u->out, u->fd);

	if (n < 0)
		u->lost = true;
	if (n > 0)
		u->moved_ns = now_ns();
}

void uplink_receive(struct uplink *u)
{
	char bytes[16384];
	ssize_t n;

	do
		n = read(u->fd, bytes, sizeof(bytes));
	while (n < 0 && errno == EINTR);
	if (n > 0)
		frame_parser_feed(&u->in, bytes, (size_t)n);
	else if (n == 0 || errno != EAGAIN)
		u->lost = true;
}
