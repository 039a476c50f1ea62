/* SPDX-License-Identifier: GPL-2.0-only */
/* QMP, QEMU's control protocol: lines of JSON into facts, and back. Pure; knows no descriptor. */
#ifndef VM_QEMU_QMP_H
#define VM_QEMU_QMP_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "machine/topology.h"

struct err;

#define QMP_LINE_MAX (1u << 20)

/* Commands we send; the number is also the low byte of the id. */
enum qmp_cmd {
	QMP_CMD_NONE,
	QMP_CMD_CAPABILITIES,
	QMP_CMD_CPUS,
	QMP_CMD_STATUS,
	QMP_CMD_STOP,
	QMP_CMD_CONT,
	QMP_CMD_CLOCK_CMOS,  /* the time of a PC's clock */
	QMP_CMD_CLOCK_PL031, /* ... of an arm64 board's */
	QMP_CMD_STATE_HOW,   /* how a machine's state is saved and taken up */
	QMP_CMD_STATE_QUIET, /* and that it makes no noise then */
	QMP_CMD_SAVE,	     /* both between the machine and QEMU_FD_STATE; */
	QMP_CMD_TAKE_UP,     /* the event says when it is done */
	NR_QMP_CMDS,
};

enum qmp_kind {
	QMP_OTHER, /* well-formed, of no interest */
	QMP_GREETING,
	QMP_EVENT,
	QMP_REPLY,
	QMP_ERROR,
};

enum qmp_event {
	QMP_EVENT_OTHER,
	QMP_EVENT_SHUTDOWN,
	QMP_EVENT_STOP,
	QMP_EVENT_STATE, /* how far saving or taking up has come */
};

struct qmp_msg {
	enum qmp_kind kind;
	enum qmp_event event;
	uint32_t id;	 /* of the command a reply or error belongs to, 0 = unknown */
	char reason[32]; /* SHUTDOWN: why; STATE: how far; status reply: the status */
	char text[200];	 /* error: its description */
	uint32_t nr_cpus;
	int32_t tid[TOPO_MAX_CPUS]; /* reply to QMP_CMD_CPUS: host thread by CPU index, 0 = none */
	int64_t seconds;	    /* reply to a clock's command: Unix time, -1 = not understood */
};

/* Appends the line of command @cmd; @id must carry @cmd in its low byte. */
void qmp_put(struct buf *out, enum qmp_cmd cmd, uint32_t id);
static inline enum qmp_cmd qmp_cmd_of(uint32_t id)
{
	return (enum qmp_cmd)(id & 0xff);
}
/* One line, without its end. -EBADMSG if it is not QMP. */
int qmp_parse(const char *line, size_t len, struct qmp_msg *ret, struct err *e);

#endif
