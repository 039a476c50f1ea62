/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Linked into a ktstr: its machines have what no command asks for, a disk (the file $LAB_DISK), a network
 * that returns every frame, and a source of random numbers; and their kernel's own drivers are loaded.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/err.h"
#include "vm/vm.h"

int __real_vm_create(const struct vm_backend *b, const struct vm_config *cfg, struct vm **ret,
		     struct err *e);
int __wrap_vm_create(const struct vm_backend *b, const struct vm_config *cfg, struct vm **ret,
		     struct err *e);

int __wrap_vm_create(const struct vm_backend *b, const struct vm_config *cfg, struct vm **ret,
		     struct err *e)
{
	static struct vm_disk disk; /* for the machine's life, which is the program's */
	struct vm_config c = *cfg;
	const char *path = getenv("LAB_DISK");

	disk.fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (disk.fd < 0)
		return err_set(e, -EINVAL, "LAB_DISK: no file that can be opened");
	c.disk = &disk;
	c.net = c.rng = true;
	return __real_vm_create(b, &c, ret, e);
}

const char *const *__wrap_vm_guest_modules(const struct vm_backend *b, enum arch a);

const char *const *__wrap_vm_guest_modules(const struct vm_backend *b, enum arch a)
{
	static const char *const drivers[] = { "virtio_mmio", "virtio_blk", "virtio_net",
					       "virtio_rng", NULL };

	return drivers;
}
