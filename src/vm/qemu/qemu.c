/* SPDX-License-Identifier: GPL-2.0-only */
/* The backend "qemu": builds one VM and takes it down again. */
#include "vm/qemu/qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "vm/accel.h"
#include "vm/probe.h"
#include "vm/qemu/board.h"
#include "vm/spawn.h"

static void qemu_kill(struct vm *vm)
{
	struct qemu *q = qemu_of(vm);

	if (q->phase != PHASE_RUNNING)
		return;
	q->end.killed = true;
	pidfd_send_signal(q->pidfd, SIGKILL, NULL, 0);
}

/* QEMU must be the only one that holds its ends, so that its death is the end of file. */
static void forget_their_fds(struct qemu *q)
{
	for (size_t i = 0; i < NR_PORTS; i++)
		close_fd(&q->port[i].theirs);
	close_fd(&q->kernel_fd);
	close_fd(&q->initrd_fd);
	close_fd(&q->dtb_fd);
	close_fd(&q->ram_fd);
}

static void qemu_destroy(struct vm *vm)
{
	struct qemu *q = qemu_of(vm);

	if (q->phase == PHASE_RUNNING) {
		qemu_kill(vm);
		qemu_reap(q);
	}
	gdb_close(q);
	ports_destroy(q);
	for (size_t i = 0; i < TOPO_MAX_CPUS; i++)
		close_fd(&q->sched_fd[i]);
	close_fd(&q->loop_sched_fd);
	if (q->ram)
		munmap(q->ram, qemu_ram_bytes(&q->shape));
	forget_their_fds(q);
	close_fd(&q->state_fd);
	close_fd(&q->pidfd);
	close_fd(&q->epoll);
	buf_fini(&q->qmp_in);
	buf_fini(&q->complaints);
	buf_fini(&q->said);
	arglist_fini(&q->args);
	free(q);
}

static void destroy(struct qemu *q)
{
	if (q)
		qemu_destroy(&q->vm);
}
DEFINE_SCOPED(struct qemu *, destroy)

static struct qemu *qemu_alloc(void)
{
	struct qemu *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->vm.ops = &vm_backend_qemu;
	q->pidfd = q->epoll = q->loop_sched_fd = -1;
	q->kernel_fd = q->initrd_fd = q->dtb_fd = q->ram_fd = q->state_fd = -1;
	for (size_t i = 0; i < NR_PORTS; i++)
		q->port[i].fd = q->port[i].theirs = -1;
	for (size_t i = 0; i < TOPO_MAX_CPUS; i++)
		q->sched_fd[i] = -1;
	q->created_ns = now_ns();
	return q;
}

static struct qemu_shape shape_of(const struct vm_config *cfg, const char *emulator, bool kvm)
{
	return (struct qemu_shape){
		.arch = cfg->arch,
		.topo = cfg->topo,
		.memory_bytes = cfg->memory_bytes,
		.parcel_bytes = cfg->parcel_bytes,
		.kvm = kvm,
		.start = cfg->resume_fd > 0 ? QEMU_RESUMES
			 : cfg->to_save	    ? QEMU_BOOTS_TO_FREEZE
					    : QEMU_BOOTS,
		.tty = cfg->tty,
		.verbose = cfg->verbose,
		.initrd = cfg->initrd_fd >= 0,
		.gdb = cfg->freeze_at,
		.gdb_listens = cfg->freeze_at && cfg->gdb_path,
		.virtual_time = cfg->time == VM_TIME_VIRTUAL,
		.fed = cfg->fed || cfg->tty,
		.pace = cfg->pace,
		.seed = cfg->seed,
		.emulator = emulator,
		.cmdline = cfg->cmdline,
	};
}

static int take_shape(struct qemu *q, const struct vm_config *cfg, const char *emulator, bool kvm,
		      struct err *e)
{
	if (cfg->disk || cfg->net || cfg->rng)
		return err_set(e, -ENOTSUP,
			       "backend qemu: disk, network and random number device are kvm's");
	q->place = cfg->place;
	q->shape = shape_of(cfg, emulator, kvm);
	int r = qemu_shape_check(&q->shape, e);
	if (r < 0)
		return r;
	r = qemu_args(&q->shape, &q->args);
	/* the strings live in q->args from here */
	q->shape.emulator = q->shape.cmdline = NULL;
	return r < 0 ? err_sys(e, r, "arguments of QEMU") : 0;
}

static uint64_t qemu_parcel(const struct vm_config *cfg)
{
	struct qemu_shape s = shape_of(cfg, "", false);

	return qemu_parcel_gpa(&s);
}

/* All but the name of the program, the kernel and the archive is in its arguments. */
static int qemu_fingerprint(const struct vm_config *cfg, struct buf *out, struct err *e)
{
	SCOPED(arglist_fini) struct arglist a = { 0 };
	struct qemu_shape s = shape_of(cfg, "", false);
	struct probe_result found;

	probe_qemu(cfg->arch, cfg->emulator, &found);
	buf_printf(out, "%s\n", found.version);
	int r = qemu_device_tree(&s, out, e);
	if (!r && qemu_args(&s, &a) < 0)
		r = err_sys(e, -ENOMEM, "arguments of QEMU");
	buf_put(out, a.text.at, a.text.len);
	return r;
}

static int open_images(struct qemu *q, const struct vm_config *cfg, struct err *e)
{
	struct stat st;

	q->kernel_fd = open(cfg->kernel_path, O_RDONLY | O_CLOEXEC);
	if (q->kernel_fd < 0 || fstat(q->kernel_fd, &st) < 0)
		return err_sys(e, -errno, "kernel %s", cfg->kernel_path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "kernel %s: not a regular file", cfg->kernel_path);
	if (cfg->initrd_fd < 0)
		return 0;
	q->initrd_fd = fcntl(cfg->initrd_fd, F_DUPFD_CLOEXEC, 0);
	if (q->initrd_fd < 0)
		return err_sys(e, -errno, "initramfs");
	return 0;
}

static int create_device_tree(struct qemu *q, struct err *e)
{
	SCOPED(buf_fini) struct buf dtb = { 0 };
	int r = qemu_device_tree(&q->shape, &dtb, e);

	if (r < 0 || !dtb.len)
		return r;
	q->dtb_fd = anon_file("ktstr-device-tree", e);
	if (q->dtb_fd < 0)
		return q->dtb_fd;
	r = write_full(q->dtb_fd, dtb.at, dtb.len);
	return r < 0 ? err_sys(e, r, "device tree") : 0;
}

/* Growing a file beyond the limit would be answered by a signal. */
static int check_file_limit(uint64_t size, struct err *e)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_FSIZE, &l) < 0 || l.rlim_cur == RLIM_INFINITY || l.rlim_cur >= size)
		return 0;
	return err_set(
		e, -EFBIG,
		"guest memory: files may have %llu MiB here, %llu MiB are needed (ulimit -f)",
		(unsigned long long)l.rlim_cur >> 20, (unsigned long long)size >> 20);
}

static void place_ram(struct qemu *q)
{
	for (uint32_t node = 0; node < topo_nodes(&q->shape.topo); node++) {
		uint64_t off, len;

		topo_node_memory(&q->shape.topo, q->shape.memory_bytes, node, &off, &len);
		pin_memory(q->place, node, q->ram + off, len, &q->vm.warnings);
	}
	if (q->place->huge_pages)
		pin_warn(&q->vm.warnings, "huge-pages", "guest memory of QEMU is in small pages");
}

/* Memory comes into being when the guest touches it, so a large guest costs nothing at start. */
static int create_ram(struct qemu *q, struct err *e)
{
	uint64_t all = qemu_ram_bytes(&q->shape);
	int r = check_file_limit(all, e);

	if (r < 0)
		return r;
	q->ram_fd = anon_file("ktstr-guest-memory", e);
	if (q->ram_fd < 0)
		return q->ram_fd;
	if (ftruncate(q->ram_fd, (off_t)all) < 0)
		return err_sys(e, -errno, "guest memory");
	void *at = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_SHARED, q->ram_fd, 0);
	if (at == MAP_FAILED)
		return err_sys(e, -errno, "guest memory");
	q->ram = at;
	if (q->place)
		place_ram(q);
	return 0;
}

static int create_channels(struct qemu *q, const struct vm_config *cfg, struct err *e)
{
	q->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (q->epoll < 0)
		return err_sys(e, -errno, "event queue");
	int r = ports_create(q, e);

	return r < 0 ? r : gdb_open(q, cfg, e);
}

static int qemu_create(const struct vm_config *cfg, struct vm **ret, struct err *e)
{
	SCOPED(destroy) struct qemu *q = qemu_alloc();
	struct probe_result found;
	bool kvm;

	if (!q)
		return err_sys(e, -ENOMEM, "virtual machine");
	probe_qemu(cfg->arch, cfg->emulator, &found);
	if (found.state != PROBE_YES)
		return err_set(e, -ENOEXEC, "%.200s; %s", found.text, found.remedy);
	snprintf(q->vm.about.backend, sizeof(q->vm.about.backend), "qemu");
	memcpy(q->vm.about.version, found.version, sizeof(q->vm.about.version));
	int r = accel_choose(cfg->arch, cfg->accel,
			     cfg->time == VM_TIME_AUTO ? VM_TIME_REAL : cfg->time, &kvm,
			     &q->vm.about, e);
	if (!r)
		r = take_shape(q, cfg, found.path, kvm, e);
	if (!r)
		r = open_images(q, cfg, e);
	if (!r)
		r = create_device_tree(q, e);
	if (!r)
		r = create_ram(q, e);
	if (!r)
		r = frozen_open(q, cfg, e);
	if (!r)
		r = create_channels(q, cfg, e);
	if (r < 0)
		return r;
	*ret = &hand_over(q)->vm;
	return 0;
}

static void list_fds(const struct qemu *q, int fds[NR_QEMU_FDS])
{
	memset(fds, 0xff, sizeof(int) * NR_QEMU_FDS); /* -1 */
	fds[QEMU_FD_STDERR] = q->port[PORT_STDERR].theirs;
	fds[QEMU_FD_QMP] = q->port[PORT_QMP].theirs;
	fds[QEMU_FD_CONSOLE] = q->port[PORT_CONSOLE].theirs;
	fds[QEMU_FD_LINK] = q->port[PORT_LINK].theirs;
	fds[QEMU_FD_TTY] = q->port[PORT_TTY].theirs;
	fds[QEMU_FD_KERNEL] = q->kernel_fd;
	fds[QEMU_FD_INITRD] = q->initrd_fd;
	fds[QEMU_FD_DTB] = q->dtb_fd;
	fds[QEMU_FD_GDB] = q->port[PORT_GDB].theirs;
	fds[QEMU_FD_RAM] = q->ram_fd;
	fds[QEMU_FD_STATE] = q->state_fd;
}

static int watch_process(struct qemu *q, struct err *e)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = TOKEN_PROCESS };

	if (epoll_ctl(q->epoll, EPOLL_CTL_ADD, q->pidfd, &ev) < 0)
		return err_sys(e, -errno, "watching QEMU");
	return 0;
}

static int qemu_start(struct vm *vm, struct err *e)
{
	struct qemu *q = qemu_of(vm);
	SCOPED(mem_free) char **argv = arglist_argv(&q->args);
	int fds[NR_QEMU_FDS];

	if (q->phase != PHASE_NEW)
		return err_set(e, -EALREADY, "the machine was started before");
	if (!argv)
		return err_sys(e, -ENOMEM, "arguments of QEMU");
	/* QEMU takes its time to listen, so the first questions wait in the socket */
	int r = control_send(q, QMP_CMD_CAPABILITIES, NULL, e);
	if (!r)
		r = control_send(q, QMP_CMD_CPUS, &q->tids_id, e);
	if (!r)
		r = q->shape.start == QEMU_RESUMES ? frozen_start(q, e) : gdb_start(q, e);
	if (r < 0)
		return r;
	list_fds(q, fds);
	r = spawn(argv[0], argv, fds, NR_QEMU_FDS, &q->pidfd, e);
	if (r < 0)
		return r;
	q->pid = r;
	q->phase = PHASE_RUNNING;
	forget_their_fds(q);
	q->setup_ns = now_ns() - q->created_ns;
	return watch_process(q, e);
}

static int qemu_pause(struct vm *vm, struct err *e)
{
	struct qemu *q = qemu_of(vm);

	q->pausing = true;
	int r = control_ask(q, QMP_CMD_STOP, e);
	q->pausing = false;
	return r < 0 ? err_frame(e, "pausing the machine") : 0;
}

static int qemu_resume(struct vm *vm, struct err *e)
{
	int r = control_ask(qemu_of(vm), QMP_CMD_CONT, e);

	return r < 0 ? err_frame(e, "resuming the machine") : 0;
}

static int qemu_link_send(struct vm *vm, const void *data, size_t n, struct err *e)
{
	return port_send(qemu_of(vm), PORT_LINK, data, n, e);
}

static int qemu_tty_send(struct vm *vm, const void *data, size_t n, struct err *e)
{
	return port_send(qemu_of(vm), PORT_TTY, data, n, e);
}

static size_t qemu_backlog(const struct vm *vm)
{
	return ((const struct qemu *)vm)->port[PORT_LINK].out.len;
}

static void *qemu_memory(struct vm *vm, uint64_t gpa, uint64_t len)
{
	struct qemu *q = qemu_of(vm);
	struct ram_chunk c[RAM_CHUNKS_MAX];
	size_t n = qemu_ram_chunks(&q->shape, c);

	for (size_t i = 0; i < n; i++)
		if (gpa >= c[i].gpa && gpa - c[i].gpa <= c[i].len &&
		    len <= c[i].len - (gpa - c[i].gpa))
			return q->ram + c[i].off + (gpa - c[i].gpa);
	return NULL;
}

static const char *const *qemu_modules(enum arch a)
{
	return qemu_board(a)->modules;
}

const struct vm_backend vm_backend_qemu = {
	.name = "qemu",
	.create = qemu_create,
	.destroy = qemu_destroy,
	.start = qemu_start,
	.next = qemu_next,
	.watch = qemu_watch,
	.link_send = qemu_link_send,
	.tty_send = qemu_tty_send,
	.backlog = qemu_backlog,
	.pause = qemu_pause,
	.resume = qemu_resume,
	.kill = qemu_kill,
	.stats = qemu_stats,
	.clock = control_clock,
	.memory = qemu_memory,
	.save = qemu_save,
	.parcel = qemu_parcel,
	.fingerprint = qemu_fingerprint,
	.modules = qemu_modules,
};
