/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one door to /dev/kvm and to what a machine is made of beside it. Objects are built through such
 * a table, so that tests can put a fake behind it (fake.h). Failures are negative errnos, errno is
 * nobody's.
 */
#ifndef KVM_CALLS_H
#define KVM_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

struct kvm_calls {
	void *ctx;
	int (*open)(void *ctx, const char *path, int flags);
	int (*close)(void *ctx, int fd);
	/* @arg: a pointer or a number, as the request wants it */
	long (*ioctl)(void *ctx, int fd, unsigned long req, void *arg);
	void *(*mmap)(void *ctx, void *at, size_t n, int prot, int flags, int fd, off_t off);
	int (*munmap)(void *ctx, void *at, size_t n);
	int (*eventfd)(void *ctx, unsigned int init, int flags);
	int (*memfd)(void *ctx, const char *name, unsigned int flags);
	int (*ftruncate)(void *ctx, int fd, off_t n);
	int (*mbind)(void *ctx, void *at, size_t n, uint64_t nodes); /* MPOL_BIND to this set */
	int (*madvise)(void *ctx, void *at, size_t n, int advice);
	ssize_t (*pread)(void *ctx, int fd, void *buf, size_t n, off_t off);
	int (*flock)(void *ctx, int fd, int operation);
	/* First line of a small file of /sys, without newline; its length. */
	int (*read_line)(void *ctx, const char *path, char *buf, size_t cap);
	int (*sleep_ns)(void *ctx, uint64_t ns);
};

/* The host's own. */
extern const struct kvm_calls kvm_real;

/* mmap() returns this set of impossible pointers for -1 to -4095. */
static inline bool kvm_is_bad(const void *p)
{
	return (uintptr_t)p >= (uintptr_t)-4095;
}
static inline int kvm_bad(const void *p)
{
	return (int)(intptr_t)p;
}
static inline void *kvm_bad_ptr(int r)
{
	return (void *)(intptr_t)r;
}

/* ioctl() with a number or with nothing. */
static inline long kvm_ioctl_n(const struct kvm_calls *k, int fd, unsigned long req, uint64_t n)
{
	return k->ioctl(k->ctx, fd, req, (void *)(uintptr_t)n);
}
static inline long kvm_ioctl(const struct kvm_calls *k, int fd, unsigned long req, void *arg)
{
	return k->ioctl(k->ctx, fd, req, arg);
}

/* KVM_CHECK_EXTENSION of a VM or of /dev/kvm; what cannot be asked is 0. */
int kvm_check(const struct kvm_calls *k, int fd, unsigned int cap);

/*
 * KVM_SET_DEVICE_ATTR with @addr as it is meant there: a pointer, or a number for none. 0 or
 * negative errno.
 */
int kvm_set_attr(const struct kvm_calls *k, int fd, uint32_t group, uint64_t attr,
		 const void *addr);
int kvm_has_attr(const struct kvm_calls *k, int fd, uint32_t group, uint64_t attr);

/* KVM_GET_ONE_REG and KVM_SET_ONE_REG of 64 bits. */
int kvm_get_reg(const struct kvm_calls *k, int vcpu, uint64_t id, uint64_t *ret);
int kvm_set_reg(const struct kvm_calls *k, int vcpu, uint64_t id, uint64_t value);

/* As err_sys(), for calls that fail of a short host as well: those errnos are ERR_CONTENTION. */
int kvm_fail(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Closes *fd unless it is negative, and sets it to -1. */
void kvm_close(const struct kvm_calls *k, int *fd);

/*
 * KVM_CREATE_VM. The kernel waits for helpers meanwhile, which a pending signal ends with EINTR: as
 * often on a busy host, hence the long back-off. Returns the descriptor.
 */
int kvm_create_vm(const struct kvm_calls *k, int kvm, uint64_t type, struct err *e);

#endif
