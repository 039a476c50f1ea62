/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Freezes a machine where it executes an address: QEMU waits before the first instruction (-S), its
 * gdb stub is told of a breakpoint and let go, and when it is hit the breakpoint is taken back.
 * Nothing of this reaches the guest.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "vm/qemu/qemu.h"

#define SIGNAL_TRAP 5

/* ---- the socket that a gdb can come to ---- */

static int set_path(struct sockaddr_un *to, const char *path, struct err *e)
{
	if (strlen(path) >= sizeof(to->sun_path))
		return err_set(e, -ENAMETOOLONG, "gdb socket %.200s: longer than %zu characters",
			       path, sizeof(to->sun_path) - 1);
	strcpy(to->sun_path, path);
	return 0;
}

/* QEMU gets the listening end and serves one after the other; the first who comes is us. */
static int listen_at(const char *path, int *ret_listen, int *ret_ours, struct err *e)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int r = set_path(&at, path, e);

	if (r < 0)
		return r;
	SCOPED(close_fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	SCOPED(close_fd) int ours = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct sockaddr *sa = (const struct sockaddr *)&at;
	if (fd < 0 || ours < 0 || bind(fd, sa, sizeof(at)) < 0 || listen(fd, 1) < 0 ||
	    connect(ours, sa, sizeof(at)) < 0)
		return err_sys(e, -errno, "gdb socket %s", path);
	*ret_listen = hand_over_fd(&fd);
	*ret_ours = hand_over_fd(&ours);
	return 0;
}

void gdb_close(struct qemu *q)
{
	if (q->gdb.path)
		(void)!unlink(q->gdb.path);
	free(q->gdb.path);
	q->gdb.path = NULL;
}

int gdb_open(struct qemu *q, const struct vm_config *cfg, struct err *e)
{
	struct port *p = &q->port[PORT_GDB];

	q->gdb.at = cfg->freeze_at;
	if (!cfg->freeze_at || !cfg->gdb_path)
		return 0;
	port_close(p); /* the pair that was made for it */
	int r = listen_at(cfg->gdb_path, &p->theirs, &p->fd, e);
	if (r < 0)
		return r;
	q->gdb.path = strdup(cfg->gdb_path);
	if (!q->gdb.path) {
		(void)!unlink(cfg->gdb_path);
		return err_sys(e, -ENOMEM, "gdb socket");
	}
	return port_watch(q, PORT_GDB, e);
}

/* ---- the conversation ---- */

static int send_packet(struct qemu *q, const char *payload, struct err *e)
{
	SCOPED(buf_fini) struct buf out = { 0 };

	rsp_put(&out, payload);
	if (out.bad)
		return err_sys(e, out.bad, "gdb stub");
	return port_send(q, PORT_GDB, out.at, out.len, e);
}

/* @what: 'Z' sets, 'z' clears; the last number is the length of an instruction. */
static int send_breakpoint(struct qemu *q, char what, struct err *e)
{
	char text[48];

	snprintf(text, sizeof(text), "%c1,%" PRIx64 ",%d", what, q->gdb.at,
		 q->shape.arch == ARCH_ARM64 ? 4 : 1);
	return send_packet(q, text, e);
}

int gdb_start(struct qemu *q, struct err *e)
{
	if (!q->gdb.at)
		return 0;
	q->gdb.state = GDB_SETTING;
	return send_breakpoint(q, 'Z', e);
}

static void on_stop(struct qemu *q, const char *text)
{
	uint8_t signal;
	uint32_t thread;

	if (rsp_parse_stop(text, &signal, &thread) < 0 || signal != SIGNAL_TRAP)
		return;
	q->gdb.cpu = thread ? thread - 1 : 0; /* the stub counts from one */
	q->gdb.state = GDB_CLEARING;
	if (send_breakpoint(q, 'z', NULL) < 0)
		qemu_give_up(q, "the breakpoint cannot be taken back");
}

/* A gdb that comes next must find nobody on the line. */
static void on_cleared(struct qemu *q)
{
	q->gdb.state = GDB_FROZEN;
	if (q->gdb.path)
		port_close(&q->port[PORT_GDB]);
}

static void on_packet(struct qemu *q, const char *text)
{
	bool ok = !strcmp(text, "OK");

	if (q->port[PORT_GDB].fd >= 0)
		port_send(q, PORT_GDB, "+", 1, NULL);
	switch (q->gdb.state) {
	case GDB_SETTING:
		q->gdb.state = GDB_RUNNING;
		if (!ok || send_packet(q, "c", NULL) < 0)
			qemu_give_up(q, "QEMU takes no breakpoint: %.40s", text);
		break;
	case GDB_RUNNING:
		on_stop(q, text);
		break;
	case GDB_CLEARING:
		on_cleared(q);
		break;
	case GDB_OFF:
	case GDB_FROZEN:
		break;
	}
}

void gdb_read(struct qemu *q)
{
	ssize_t k = port_read(q, PORT_GDB);
	const char *at = q->chunk;
	size_t left = k > 0 ? (size_t)k : 0;

	while (left && q->gdb.state != GDB_FROZEN)
		switch (rsp_take(&q->gdb.in, &at, &left)) {
		case RSP_PACKET:
			on_packet(q, q->gdb.in.text);
			break;
		case RSP_NAK:
		case RSP_DAMAGED: /* there is no noise on a socket */
			qemu_give_up(q, "QEMU's gdb stub does not speak its protocol");
			return;
		case RSP_ACK:
		case RSP_NONE:
			break;
		}
}

bool gdb_tell(struct qemu *q, struct vm_event *ret)
{
	if (q->gdb.state != GDB_FROZEN || q->gdb.told)
		return false;
	q->gdb.told = true;
	*ret = (struct vm_event){ .kind = VM_EVENT_FROZEN, .fd = q->pidfd, .cpu = q->gdb.cpu };
	return true;
}
