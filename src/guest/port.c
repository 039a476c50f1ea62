/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest/port.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"

#define PORTS "/sys/class/virtio-ports"

static int ms_until(uint64_t deadline)
{
	uint64_t now = now_ns();

	return now >= deadline ? 0 : (int)((deadline - now) / 1000000 + 1);
}

static bool scan(const char *name, char ret[64])
{
	DIR *d = opendir(PORTS); /* not there before the first console device is */
	struct dirent *de;
	bool found = false;

	while (d && !found && (de = readdir(d))) {
		char file[512], text[64];

		snprintf(file, sizeof(file), PORTS "/%s/name", de->d_name);
		found = read_line_at(AT_FDCWD, file, text, sizeof(text)) >= 0 &&
			!strcmp(text, name);
		if (found)
			found = (size_t)snprintf(ret, 64, "/dev/%s", de->d_name) < 64;
	}
	if (d)
		closedir(d);
	return found;
}

static int open_uevents(struct err *e)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	SCOPED(close_fd) int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return err_sys(e, -errno, "device events");
	return hand_over_fd(&fd);
}

/* An overrun (ENOBUFS) is an event too: something was there that nobody can read any more. */
static void eat_uevents(int fd)
{
	char text[4096];

	while (recv(fd, text, sizeof(text), 0) >= 0 || errno == ENOBUFS)
		;
}

int port_find(const char *name, uint64_t deadline, char ret[64], struct err *e)
{
	/* Listening comes before looking, so that nothing can happen in between. */
	SCOPED(close_fd) int events = open_uevents(e);

	if (events < 0)
		return events;
	while (!scan(name, ret)) {
		struct pollfd p = { .fd = events, .events = POLLIN };
		int ms = ms_until(deadline);

		if (!ms)
			return err_set(e, -ETIMEDOUT, "no virtio-console port named %s appeared",
				       name);
		poll(&p, 1, ms);
		eat_uevents(events);
	}
	return 0;
}

/*
 * A port whose other end is closed polls as hung up all the time. Edge triggering is what makes it
 * possible to wait for the change.
 */
static int wait_connected(int fd, uint64_t deadline)
{
	struct epoll_event ev = { .events = EPOLLOUT | EPOLLET };
	SCOPED(close_fd) int ep = epoll_create1(EPOLL_CLOEXEC);

	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -errno;
	for (;;) {
		int ms = ms_until(deadline);
		int n = ms ? epoll_wait(ep, &ev, 1, ms) : 0;

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && !(ev.events & EPOLLHUP))
			return 0;
		if (!ms)
			return -ETIMEDOUT;
	}
}

int port_open(const char *name, uint64_t deadline, struct err *e)
{
	char path[64];
	int r = port_find(name, deadline, path, e);

	if (r < 0)
		return r;
	SCOPED(close_fd) int fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, -errno, "%s (%s)", path, name);
	r = wait_connected(fd, deadline);
	if (r < 0)
		return err_sys(e, r, "%s (%s): waiting for the host's end", path, name);
	return hand_over_fd(&fd);
}
