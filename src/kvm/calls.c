/* SPDX-License-Identifier: GPL-2.0-only */
#include "kvm/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/mempolicy.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"

static int result(long r)
{
	return r < 0 ? -errno : (int)r;
}

static int real_open(void *ctx, const char *path, int flags)
{
	return result(open(path, flags | O_CLOEXEC));
}

static int real_close(void *ctx, int fd)
{
	close_fd(&fd);
	return 0;
}

static long real_ioctl(void *ctx, int fd, unsigned long req, void *arg)
{
	return result(ioctl(fd, req, arg));
}

static void *real_mmap(void *ctx, void *at, size_t n, int prot, int flags, int fd, off_t off)
{
	void *p = mmap(at, n, prot, flags, fd, off);

	return p == MAP_FAILED ? kvm_bad_ptr(-errno) : p;
}

static int real_munmap(void *ctx, void *at, size_t n)
{
	return result(munmap(at, n));
}

static int real_eventfd(void *ctx, unsigned int init, int flags)
{
	return result(eventfd(init, flags | EFD_CLOEXEC));
}

static int real_memfd(void *ctx, const char *name, unsigned int flags)
{
	return result(memfd_create(name, flags | MFD_CLOEXEC));
}

static int real_ftruncate(void *ctx, int fd, off_t n)
{
	return result(ftruncate(fd, n));
}

static int real_mbind(void *ctx, void *at, size_t n, uint64_t nodes)
{
	/* the kernel takes one bit less than it is told */
	return result(syscall(SYS_mbind, at, n, MPOL_BIND, &nodes, 8 * sizeof(nodes) + 1, 0));
}

static int real_madvise(void *ctx, void *at, size_t n, int advice)
{
	return result(madvise(at, n, advice));
}

static ssize_t real_pread(void *ctx, int fd, void *buf, size_t n, off_t off)
{
	ssize_t r = pread(fd, buf, n, off);

	return r < 0 ? -errno : r;
}

static int real_flock(void *ctx, int fd, int operation)
{
	return result(flock(fd, operation));
}

static int real_read_line(void *ctx, const char *path, char *buf, size_t cap)
{
	return read_line_at(AT_FDCWD, path, buf, cap);
}

static int real_sleep_ns(void *ctx, uint64_t ns)
{
	struct timespec t = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };

	return -clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

const struct kvm_calls kvm_real = {
	.open = real_open,
	.close = real_close,
	.ioctl = real_ioctl,
	.mmap = real_mmap,
	.munmap = real_munmap,
	.eventfd = real_eventfd,
	.memfd = real_memfd,
	.ftruncate = real_ftruncate,
	.mbind = real_mbind,
	.madvise = real_madvise,
	.pread = real_pread,
	.flock = real_flock,
	.read_line = real_read_line,
	.sleep_ns = real_sleep_ns,
};

int kvm_check(const struct kvm_calls *k, int fd, unsigned int cap)
{
	int r = (int)kvm_ioctl_n(k, fd, KVM_CHECK_EXTENSION, cap);

	return MAX(r, 0);
}

/* Some answer more than 0 where it only matters that they answer. */
static int none_positive(long r)
{
	return r < 0 ? (int)r : 0;
}

int kvm_set_attr(const struct kvm_calls *k, int fd, uint32_t group, uint64_t attr, const void *addr)
{
	struct kvm_device_attr a = { .group = group, .attr = attr, .addr = (uintptr_t)addr };

	return none_positive(kvm_ioctl(k, fd, KVM_SET_DEVICE_ATTR, &a));
}

int kvm_has_attr(const struct kvm_calls *k, int fd, uint32_t group, uint64_t attr)
{
	struct kvm_device_attr a = { .group = group, .attr = attr };

	return none_positive(kvm_ioctl(k, fd, KVM_HAS_DEVICE_ATTR, &a));
}

int kvm_get_reg(const struct kvm_calls *k, int vcpu, uint64_t id, uint64_t *ret)
{
	uint64_t value = 0;
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };
	long r = kvm_ioctl(k, vcpu, KVM_GET_ONE_REG, &reg);

	if (r < 0)
		return (int)r;
	*ret = value;
	return 0;
}

int kvm_set_reg(const struct kvm_calls *k, int vcpu, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	return none_positive(kvm_ioctl(k, vcpu, KVM_SET_ONE_REG, &reg));
}

int kvm_fail(struct err *e, int code, const char *fmt, ...)
{
	char what[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return err_class(e, err_class_of(code), err_sys(e, code, "%s", what));
}

void kvm_close(const struct kvm_calls *k, int *fd)
{
	if (*fd >= 0)
		k->close(k->ctx, *fd);
	*fd = -1;
}

int kvm_create_vm(const struct kvm_calls *k, int kvm, uint64_t type, struct err *e)
{
	static const uint64_t back_off_us[] = {
		100, 500, 2000, 10000, 50000, 100000, 200000, 500000
	};
	long r = -EINTR;

	for (size_t i = 0; r == -EINTR && i <= ARRAY_SIZE(back_off_us); i++) {
		if (i)
			k->sleep_ns(k->ctx, back_off_us[i - 1] * 1000);
		r = kvm_ioctl_n(k, kvm, KVM_CREATE_VM, type);
	}
	if (r == -EINTR)
		return err_class(e, ERR_CONTENTION,
				 err_sys(e, (int)r, "create VM: interrupted %zu times",
					 ARRAY_SIZE(back_off_us) + 1));
	return r < 0 ? kvm_fail(e, (int)r, "create VM") : (int)r;
}
