/* SPDX-License-Identifier: GPL-2.0-only */
#include "tiny_vm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "tiny.h"
#include "vm/vm.h"

#define MEMORY (128ull << 20)

extern const char tiny_image[], tiny_image_end[];

static int write_image(const char *path, uint64_t order, uint64_t detail, struct err *e)
{
	char image[4096];
	size_t len = (size_t)(tiny_image_end - tiny_image);

	if (len > sizeof(image))
		return err_set(e, -E2BIG, "the tiny guest: %zu bytes", len);
	memcpy(image, tiny_image, len);
	memcpy(image + TINY_ORDER, &order, sizeof(order));
	memcpy(image + TINY_DETAIL, &detail, sizeof(detail));
	return write_file_atomic(path, image, len, 0600, e);
}

static int boot(const char *backend, struct vm_config *c, struct vm **ret, struct err *e)
{
	const struct vm_backend *b;
	struct vm_about about;
	int r = vm_choose(backend, ARCH_ARM64, VM_ACCEL_KVM, VM_TIME_REAL, &b, &about, e);

	if (r < 0)
		return r;
	SCOPED(vm_destroy) struct vm *vm = NULL;
	r = vm_create(b, c, &vm, e);
	if (r >= 0)
		r = vm_start(vm, e);
	if (r >= 0)
		*ret = hand_over(vm);
	return r;
}

int tiny_start(const char *backend, const char *topology, uint64_t order, uint64_t detail,
	       struct vm **ret, struct err *e)
{
	struct vm_config c = { .arch = ARCH_ARM64,
			       .memory_bytes = MEMORY,
			       .initrd_fd = -1,
			       .cmdline = "",
			       .accel = VM_ACCEL_KVM,
			       .time = VM_TIME_REAL };
	char path[64];

	snprintf(path, sizeof(path), "/tmp/tiny.%d", getpid());
	c.kernel_path = path;
	int r = topo_parse(topology, &c.topo, e);
	if (r >= 0)
		r = write_image(path, order, detail, e);
	if (r >= 0)
		r = boot(backend, &c, ret, e);
	unlink(path);
	return r;
}

uint64_t tiny_counter(struct vm *vm, uint32_t cpu)
{
	uint64_t gpa = TINY_COUNTERS + ((uint64_t)cpu << TINY_COUNTER_SHIFT);
	const volatile uint64_t *c = vm_memory(vm, gpa, sizeof(*c));

	return c ? *c : 0;
}
