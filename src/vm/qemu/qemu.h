/* SPDX-License-Identifier: GPL-2.0-only */
/* The VM that QEMU runs: one child process, one epoll set, a socket per port. Internal. */
#ifndef VM_QEMU_QEMU_H
#define VM_QEMU_QEMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/parse.h"
#include "vm/qemu/args.h"
#include "vm/qemu/qmp.h"
#include "vm/qemu/rsp.h"
#include "vm/vm.h"

enum qemu_port {
	PORT_QMP,
	PORT_CONSOLE,
	PORT_LINK,
	PORT_TTY,
	PORT_STDERR,
	PORT_GDB,
	NR_PORTS,
};

#define PORT_BACKLOG_MAX (1u << 20)
#define PORT_CHUNK 65536
#define FILE_LOOK_NS 5000000ull /* how often the files that QEMU writes are looked into */
#define STDERR_KEPT 2048
#define SECOND_NS 1000000000ull

/* What an epoll entry stands for: a port number, the process, or a watched descriptor. */
#define TOKEN_PROCESS NR_PORTS
#define TOKEN_WATCHED (1ull << 32)

/* Our end of one of QEMU's descriptors. */
struct port {
	int fd;		/* ours, non-blocking; -1 when closed by either side */
	int theirs;	/* QEMU's end until it is started */
	bool file;	/* written by QEMU, read by us */
	uint64_t at;	/* of a file: what was read */
	struct buf out; /* what did not fit into the socket yet */
};

enum qemu_phase {
	PHASE_NEW,
	PHASE_RUNNING,
	PHASE_DEAD,  /* the process is gone, ports may still hold bytes */
	PHASE_ENDED, /* VM_EVENT_STOPPED was reported */
};

/* Why the machine ended, as far as it said itself. */
struct qemu_end {
	char reason[32];      /* of the QMP event SHUTDOWN, "" = none came */
	bool killed;	      /* by vm_kill() */
	char failed[160];     /* the backend gave up on it: why */
	int status;	      /* from waitpid() */
	uint64_t deadline_ns; /* the process has to be gone by then, 0 = no reason to wait */
};

/* How far the freezing of a machine has come (gdb.c). */
struct gdb_link {
	enum { GDB_OFF, GDB_SETTING, GDB_RUNNING, GDB_CLEARING, GDB_FROZEN } state;
	bool told; /* VM_EVENT_FROZEN was */
	uint64_t at;
	uint32_t cpu;
	char *path; /* of the socket, NULL = nobody else can come */
	struct rsp_parser in;
};

struct qemu {
	struct vm vm;
	struct qemu_shape shape;
	struct arglist args;
	enum qemu_phase phase;
	uint64_t created_ns, setup_ns;
	const struct vm_placement *place; /* borrowed from vm_config */
	pid_t pid;
	int pidfd;
	int epoll;
	int kernel_fd, initrd_fd, dtb_fd, ram_fd; /* given to QEMU and then closed */
	int state_fd;				  /* of a machine that is saved or resumed */
	uint8_t *ram;				  /* all of guest memory, by offset */
	struct port port[NR_PORTS];
	char chunk[PORT_CHUNK]; /* what VM_EVENT_* data points to */
	struct buf complaints;	/* the last STDERR_KEPT bytes of stderr */
	struct buf qmp_in;	/* incomplete line */
	uint32_t qmp_seq;	/* of the last command */
	uint32_t qmp_awaited;	/* id of the command somebody waits for */
	uint32_t qmp_answered;	/* id of the last answer */
	char qmp_refusal[200];	/* what was wrong with the one awaited, "" = nothing */
	int64_t qmp_seconds;	/* what the last command for a clock's time told */
	bool state_done;	/* saved or taken up */
	struct buf said;	/* on the console, before it was saved */
	bool said_again;
	bool pausing;	/* a STOP event is our own doing */
	bool link_lost; /* the link is gone; to be reported once QEMU proves alive */
	bool link_lost_due;
	bool link_ready_due; /* the send queue of the link has run empty */
	bool file_had_turn;  /* a file that always has more must not hide all else */
	struct qemu_end end;
	struct gdb_link gdb;
	int32_t tid[TOPO_MAX_CPUS];  /* host threads of vCPUs */
	uint32_t nr_tids, tids_id;   /* and the question about them */
	int sched_fd[TOPO_MAX_CPUS]; /* their schedstat files, -1 = not open */
	int loop_sched_fd;	     /* that of QEMU's main loop */
	struct vm_stats stats;	     /* the last ones read */
};

static inline struct qemu *qemu_of(struct vm *vm)
{
	return (struct qemu *)vm;
}

/* port.c: bytes in and out. */
int ports_create(struct qemu *q, struct err *e);
void ports_destroy(struct qemu *q);
void port_close(struct port *p);
/* Makes a port that has its descriptors part of what is waited for. */
int port_watch(struct qemu *q, enum qemu_port n, struct err *e);
/* Queues and sends what can be sent now. -ENOBUFS beyond the limit, -EPIPE when closed. */
int port_send(struct qemu *q, enum qemu_port n, const void *data, size_t len, struct err *e);
int port_flush(struct qemu *q, enum qemu_port n);
/* Bytes into q->chunk: count, 0 at end of file (the port is closed then), -EAGAIN when empty. */
ssize_t port_read(struct qemu *q, enum qemu_port n);

/* control.c: the QMP conversation. */
int control_send(struct qemu *q, enum qmp_cmd cmd, uint32_t *ret_id, struct err *e);
/* Reads what is there and acts on it; results as of port_read(). */
ssize_t control_read(struct qemu *q);
/* Waits for the answer to command @id, while nothing but QMP is looked at. */
int control_await(struct qemu *q, uint32_t id, struct err *e);
/* Waits until the state is saved, while nothing but QMP is looked at. */
int control_await_state(struct qemu *q, struct err *e);
/* Sends @cmd and waits for its answer. */
int control_ask(struct qemu *q, enum qmp_cmd cmd, struct err *e);
/* Gives up on the machine: kills the process, the sentence becomes the reason. */
void qemu_give_up(struct qemu *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Virtual time; see vm_clock(). */
int control_clock(struct vm *vm, uint64_t *ret_ns, struct err *e);

/* gdb.c: see vm_config.freeze_at. */
int gdb_open(struct qemu *q, const struct vm_config *cfg, struct err *e);
void gdb_close(struct qemu *q);
/* Before QEMU runs: what is to be said to it first. */
int gdb_start(struct qemu *q, struct err *e);
/* Reads what is there and acts on it. */
void gdb_read(struct qemu *q);
/* True, once, with the event that the machine is frozen. */
bool gdb_tell(struct qemu *q, struct vm_event *ret);

/* frozen.c: see vm_config.to_save and resume_fd. */
int frozen_open(struct qemu *q, const struct vm_config *cfg, struct err *e);
/* Of one that resumes, before QEMU runs: what is to be said to it first. */
int frozen_start(struct qemu *q, struct err *e);
/* QEMU tells how far it has come. */
void frozen_on_state(struct qemu *q, const char *how_far);
int qemu_save(struct vm *vm, const struct buf *console, int fd, struct err *e);

/* loop.c */
int qemu_next(struct vm *vm, uint64_t deadline_ns, struct vm_event *ret, struct err *e);
int qemu_watch(struct vm *vm, int fd, bool on, struct err *e);
/* Takes the exit status; the process is gone afterwards. */
void qemu_reap(struct qemu *q);

/* stop.c: what became of the machine, in words. */
void qemu_explain(const struct qemu *q, struct vm_stop *ret);

/* stats.c */
int qemu_stats(struct vm *vm, struct vm_stats *ret, struct err *e);

extern const struct vm_backend vm_backend_qemu;

#endif
