/* SPDX-License-Identifier: GPL-2.0-only */
/* Choice of a backend, and the calls that go through it. */
#include "vm/vm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "vm/accel.h"
#include "vm/kvm/backend.h"
#include "vm/pressure.h"
#include "vm/probe.h"
#include "vm/qemu/qemu.h"

static int choose_qemu(enum arch a, enum vm_accel wish, enum vm_time time,
		       const struct vm_backend **ret, struct vm_about *about, struct err *e)
{
	struct probe_result found;
	bool kvm;

	probe_qemu(a, NULL, &found);
	if (found.state != PROBE_YES)
		return err_set(e, -ENOEXEC, "%.200s; %s", found.text, found.remedy);
	memset(about, 0, sizeof(*about));
	snprintf(about->backend, sizeof(about->backend), "%s", vm_backend_qemu.name);
	memcpy(about->version, found.version, sizeof(about->version));
	*ret = &vm_backend_qemu;
	return accel_choose(a, wish, time, &kvm, about, e);
}

/* Ours has one half so far, runs in real time, and emulates nothing. */
static bool kvm_fits(enum arch a, enum vm_accel wish, enum vm_time time, struct probe_result *found)
{
	if (a != ARCH_ARM64 || wish == VM_ACCEL_TCG || time == VM_TIME_VIRTUAL)
		return false;
	probe_kvm(a, found);
	return found->state == PROBE_YES;
}

static void take_kvm(const struct probe_result *found, const struct vm_backend **ret,
		     struct vm_about *about)
{
	*about = (struct vm_about){ .accel = "kvm" };
	snprintf(about->backend, sizeof(about->backend), "%s", vm_backend_kvm.name);
	memcpy(about->version, found->version, sizeof(about->version));
	*ret = &vm_backend_kvm;
}

static int choose_kvm(enum arch a, enum vm_accel wish, enum vm_time time,
		      const struct vm_backend **ret, struct vm_about *about, struct err *e)
{
	struct probe_result found = { .state = PROBE_YES };

	if (a != ARCH_ARM64)
		return err_set(e, -ENOTSUP,
			       "backend kvm: its %s half does not exist yet; use qemu, which takes "
			       "KVM as accelerator where it works",
			       arch_names(a)->name);
	if (kvm_fits(a, wish, time, &found)) {
		take_kvm(&found, ret, about);
		return 0;
	}
	if (found.state != PROBE_YES)
		return err_set(e, -ENOTSUP, "backend kvm: %.250s", found.text);
	return err_set(e, -EINVAL, "backend kvm: cannot %s, only emulation (qemu with tcg) can",
		       wish == VM_ACCEL_TCG ? "emulate" : "run in virtual time");
}

int vm_choose(const char *name, enum arch a, enum vm_accel wish, enum vm_time time,
	      const struct vm_backend **ret, struct vm_about *about, struct err *e)
{
	struct probe_result found;

	if (!strcmp(name, "kvm"))
		return choose_kvm(a, wish, time, ret, about, e);
	if (strcmp(name, "auto") != 0 && strcmp(name, "qemu") != 0)
		return err_set(e, -EINVAL, "backend \"%s\": there are auto, qemu and kvm", name);
	if (!strcmp(name, "auto") && kvm_fits(a, wish, time, &found)) {
		take_kvm(&found, ret, about);
		return 0;
	}
	return choose_qemu(a, wish, time, ret, about, e);
}

const char *const *vm_guest_modules(const struct vm_backend *b, enum arch a)
{
	return b->modules(a);
}

static int check_config(const struct vm_config *cfg, struct err *e)
{
	struct stat st;

	if (!cfg->kernel_path || !*cfg->kernel_path)
		return err_set(e, -EINVAL, "kernel: none given");
	if (cfg->initrd_fd < 0)
		return 0;
	if (fstat(cfg->initrd_fd, &st) < 0)
		return err_sys(e, -errno, "initramfs");
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "initramfs: not a regular file");
	if ((uint64_t)st.st_size >= cfg->memory_bytes)
		return err_set(e, -EINVAL, "initramfs: %lld MiB: does not fit into %llu MiB",
			       (long long)st.st_size >> 20,
			       (unsigned long long)cfg->memory_bytes >> 20);
	return 0;
}

int vm_create(const struct vm_backend *b, const struct vm_config *cfg, struct vm **ret,
	      struct err *e)
{
	int r = check_config(cfg, e);

	if (r == 0)
		r = b->create(cfg, ret, e);
	if (r < 0)
		pressure_tell(e);
	return r;
}

void vm_destroy(struct vm *vm)
{
	if (vm)
		vm->ops->destroy(vm);
}

int vm_start(struct vm *vm, struct err *e)
{
	int r = vm->ops->start(vm, e);

	if (r < 0)
		pressure_tell(e);
	return r;
}

int vm_next(struct vm *vm, uint64_t deadline_ns, struct vm_event *ret, struct err *e)
{
	return vm->ops->next(vm, deadline_ns, ret, e);
}

int vm_watch(struct vm *vm, int fd, bool on, struct err *e)
{
	return vm->ops->watch(vm, fd, on, e);
}

int vm_link_send(struct vm *vm, const void *data, size_t n, struct err *e)
{
	return vm->ops->link_send(vm, data, n, e);
}

int vm_tty_send(struct vm *vm, const void *data, size_t n, struct err *e)
{
	return vm->ops->tty_send(vm, data, n, e);
}

size_t vm_link_backlog(const struct vm *vm)
{
	return vm->ops->backlog(vm);
}

int vm_pause(struct vm *vm, struct err *e)
{
	return vm->ops->pause(vm, e);
}

int vm_resume(struct vm *vm, struct err *e)
{
	return vm->ops->resume(vm, e);
}

void vm_kill(struct vm *vm)
{
	vm->ops->kill(vm);
}

int vm_counters(struct vm *vm, struct vm_counter *ret)
{
	return vm->ops->counters ? vm->ops->counters(vm, ret) : -ENOTSUP;
}

int vm_stats(struct vm *vm, struct vm_stats *ret, struct err *e)
{
	return vm->ops->stats(vm, ret, e);
}

int vm_clock(struct vm *vm, uint64_t *ret_ns, struct err *e)
{
	return vm->ops->clock(vm, ret_ns, e);
}

void *vm_memory(struct vm *vm, uint64_t gpa, uint64_t len)
{
	return vm->ops->memory(vm, gpa, len);
}

bool vm_can_be_saved(const struct vm_backend *b, const struct vm_config *cfg)
{
	return b->save && cfg->time == VM_TIME_VIRTUAL && !cfg->fed && !cfg->tty;
}

int vm_save(struct vm *vm, const struct buf *console, int fd, struct err *e)
{
	return vm->ops->save(vm, console, fd, e);
}

uint64_t vm_parcel_gpa(const struct vm_backend *b, const struct vm_config *cfg)
{
	return b->parcel(cfg);
}

int vm_fingerprint(const struct vm_backend *b, const struct vm_config *cfg, struct buf *out,
		   struct err *e)
{
	return b->fingerprint(cfg, out, e);
}
