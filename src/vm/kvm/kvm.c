/* SPDX-License-Identifier: GPL-2.0-only */
/* The backend "kvm": builds one VM of our own and takes it down again. */
#include "vm/kvm/kvm.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>

#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"
#include "kvm/calls.h"
#include "vm/kvm/boot.h"
#include "vm/kvm/machine.h"
#include "vm/kvm/mutex.h"
#include "vm/pin.h"
#include "vm/probe.h"

static void kvm_kill(struct vm *vm)
{
	struct kvm_vm *k = kvm_of(vm);

	if (k->crew.nr)
		crew_end(&k->crew, &(struct vm_stop){ .kind = VM_STOP_KILLED });
}

/* Threads, then the machine, then what it was wired to. */
static void kvm_destroy(struct vm *vm)
{
	struct kvm_vm *k = kvm_of(vm);

	crew_fini(&k->crew);
	machine_destroy(k->machine);
	kvm_devices_destroy(k);
	kvm_stats_close(k);
	close_fd(&k->epoll);
	close_fd(&k->timer);
	close_fd(&k->wake);
	bus_fini(&k->bus);
	free(k);
}

static void destroy(struct kvm_vm *k)
{
	if (k)
		kvm_destroy(&k->vm);
}
DEFINE_SCOPED(struct kvm_vm *, destroy)

static struct kvm_vm *kvm_alloc(const struct kvm_calls *calls)
{
	struct kvm_vm *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->vm.ops = &vm_backend_kvm;
	k->calls = calls;
	k->epoll = k->wake = k->timer = -1;
	kvm_stats_init(k);
	kvm_devices_init(k);
	bus_init(&k->bus);
	crew_init(&k->crew);
	k->created_ns = now_ns();
	snprintf(k->vm.about.backend, sizeof(k->vm.about.backend), "kvm");
	snprintf(k->vm.about.accel, sizeof(k->vm.about.accel), "kvm");
	return k;
}

static int check_wishes(const struct vm_config *cfg, struct err *e)
{
	if (cfg->arch != ARCH_ARM64)
		return err_set(e, -ENOTSUP, "backend kvm: there is none for %s guests",
			       arch_names(cfg->arch)->name);
	if (cfg->time == VM_TIME_VIRTUAL)
		return err_set(e, -EINVAL,
			       "backend kvm: cannot run in virtual time, only "
			       "emulation (qemu with tcg) can");
	if (cfg->accel == VM_ACCEL_TCG)
		return err_set(e, -EINVAL, "backend kvm: emulation (tcg) is qemu's");
	if (cfg->freeze_at)
		return err_set(e, -ENOTSUP, "backend kvm: cannot freeze a guest at an address");
	return 0;
}

static int create_loop(struct kvm_vm *k, struct err *e)
{
	k->epoll = epoll_create1(EPOLL_CLOEXEC);
	k->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	k->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (k->epoll < 0 || k->wake < 0 || k->timer < 0)
		return err_sys(e, -errno, "event queue");
	int r = kvm_loop_add(k, k->wake, TOKEN_WAKE, e);

	return r < 0 ? r : kvm_loop_add(k, k->timer, TOKEN_CONSOLE, e);
}

/*
 * A wide machine has more descriptors than the usual soft limit of 1024: each vCPU and the statistics of
 * its thread are one. As far as it goes; what is then still missing is said where it is missed.
 */
static void allow_descriptors(uint32_t cpus)
{
	const rlim_t want = 2 * (rlim_t)cpus + 256;
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur >= want)
		return;
	l.rlim_cur = MIN(want, l.rlim_max);
	setrlimit(RLIMIT_NOFILE, &l);
}

static int create_machine(struct kvm_vm *k, const struct vm_config *cfg, struct err *e)
{
	struct machine_spec spec = {
		.calls = k->calls,
		.board = &board_kvm_arm64,
		.topo = cfg->topo,
		.memory_bytes = cfg->memory_bytes,
	};

	if (cfg->place) {
		/* takes huge pages if there are enough; asked for by name they would be tried unseen */
		spec.performance = cfg->place->prefault;
		memcpy(spec.host_nodes, cfg->place->host_nodes, sizeof(spec.host_nodes));
	}
	allow_descriptors(topo_cpus(&cfg->topo));
	int r = machine_create(&spec, &k->machine, e);
	if (r < 0)
		return r;
	if (cfg->place && cfg->place->halt_poll_ns != PIN_NONE)
		machine_halt_poll(k->machine, cfg->place->halt_poll_ns);
	/* Without it a vCPU that is just about to enter its guest might miss that it is to stop. */
	if (!k->machine->has_immediate_exit)
		return err_set(e, -ENOTSUP,
			       "kvm: cannot keep a vCPU out of its guest (KVM_CAP_IMMEDIATE_EXIT): "
			       "needs Linux 4.11 or newer");
	return 0;
}

static void settle_vcpu(void *ctx, uint32_t cpu)
{
	struct kvm_vm *k = ctx;
	struct pin_warnings w = { .nr = 0 };

	pin_vcpu(k->place, cpu, 0, &w);
	LOCKED(&k->bus.lock);
	for (uint32_t i = 0; i < w.nr; i++)
		pin_warn(&k->vm.warnings, w.w[i].name, "%s", w.w[i].text);
}

/* Lines of "what: why" become warnings of that name: "huge pages" is "huge-pages". */
static void take_warnings(struct kvm_vm *k)
{
	char name[sizeof(k->vm.warnings.w[0].name)];

	for (const char *line = k->machine->warnings.text, *end; *line; line = end + (*end != 0)) {
		size_t n = strcspn(line, ":\n");

		end = line + strcspn(line, "\n");
		snprintf(name, sizeof(name), "%.*s", (int)n, line);
		for (char *c = name; *c; c++)
			if (*c == ' ')
				*c = '-';
		pin_warn(&k->vm.warnings, name, "%.*s", (int)(end - line), line);
	}
}

static void wire_crew(struct kvm_vm *k, const struct vm_config *cfg)
{
	k->crew.machine = k->machine;
	k->crew.bus = &k->bus;
	k->crew.wake = k->wake;
	if (!cfg->place)
		return;
	k->place = cfg->place;
	k->crew.settle = settle_vcpu;
	k->crew.settle_ctx = k;
}

int kvm_create_by(const struct kvm_calls *calls, const struct vm_config *cfg, struct vm **ret,
		  struct err *e)
{
	SCOPED(destroy) struct kvm_vm *k = NULL;
	SCOPED(boot_close) struct boot b = BOOT_INIT;
	int r = check_wishes(cfg, e);

	if (!r)
		r = boot_open(&b, cfg, e);
	if (r < 0)
		return r;
	k = kvm_alloc(calls);
	if (!k)
		return err_sys(e, -ENOMEM, "virtual machine");
	r = create_machine(k, cfg, e);
	if (!r)
		r = create_loop(k, e);
	if (!r)
		r = kvm_devices_create(k, cfg, e);
	if (!r)
		r = boot_load(&b, cfg, k->machine, kvm_slots_used(k), e);
	if (r < 0)
		return r;
	take_warnings(k);
	wire_crew(k, cfg);
	/* A third of the heap was for reading kernel, archive and host; machines stay for long. */
	malloc_trim(0);
	*ret = &hand_over(k)->vm;
	return 0;
}

static int kvm_create(const struct vm_config *cfg, struct vm **ret, struct err *e)
{
	struct probe_result found;

	probe_kvm(cfg->arch, &found);
	if (found.state != PROBE_YES)
		return err_set(e, -ENOTSUP, "backend kvm: %.250s", found.text);
	int r = kvm_create_by(&kvm_real, cfg, ret, e);
	if (!r)
		memcpy((*ret)->about.version, found.version, sizeof((*ret)->about.version));
	return r;
}

static int kvm_start(struct vm *vm, struct err *e)
{
	struct kvm_vm *k = kvm_of(vm);

	if (k->crew.nr)
		return err_set(e, -EALREADY, "the machine was started before");
	int r = crew_start(&k->crew, e);
	if (!r)
		r = crew_resume(&k->crew, e);
	k->setup_ns = now_ns() - k->created_ns;
	return r;
}

static int kvm_pause(struct vm *vm, struct err *e)
{
	int r = crew_pause(&kvm_of(vm)->crew, e);

	if (r < 0)
		err_frame(e, "pausing the machine");
	return r;
}

static int kvm_resume(struct vm *vm, struct err *e)
{
	int r = crew_resume(&kvm_of(vm)->crew, e);

	if (r < 0)
		err_frame(e, "resuming the machine");
	return r;
}

static int kvm_link_send(struct vm *vm, const void *data, size_t n, struct err *e)
{
	return kvm_stream_send(kvm_of(vm), CONSOLE_LINK, data, n, e);
}

static int kvm_tty_send(struct vm *vm, const void *data, size_t n, struct err *e)
{
	return kvm_stream_send(kvm_of(vm), CONSOLE_TTY, data, n, e);
}

static size_t kvm_backlog(const struct vm *vm)
{
	return ((const struct kvm_vm *)vm)->stream[CONSOLE_LINK].out.len;
}

/* Only virtual time has a clock that can be asked. */
static int kvm_clock(struct vm *vm, uint64_t *ret_ns, struct err *e)
{
	return err_set(e, -ENOTSUP, "backend kvm: guests live in real time");
}

static void *kvm_memory(struct vm *vm, uint64_t gpa, uint64_t len)
{
	return gmem_at(machine_memory(kvm_of(vm)->machine), gpa, len);
}

static const char *const *kvm_modules(enum arch a)
{
	static const char *const mmio[] = { "virtio_mmio", NULL };

	return mmio;
}

const struct vm_backend vm_backend_kvm = {
	.name = "kvm",
	.create = kvm_create,
	.destroy = kvm_destroy,
	.start = kvm_start,
	.next = kvm_next,
	.watch = kvm_watch,
	.link_send = kvm_link_send,
	.tty_send = kvm_tty_send,
	.backlog = kvm_backlog,
	.pause = kvm_pause,
	.resume = kvm_resume,
	.kill = kvm_kill,
	.stats = kvm_stats,
	.counters = kvm_counters,
	.clock = kvm_clock,
	.memory = kvm_memory,
	.modules = kvm_modules,
};
