/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * backend_bench BACKEND: one machine of 2 vCPUs, from nothing to its guest's first store, and what
 * ending it takes; one line "setup_us kill_us". Nothing of a kernel is in these figures.
 */
#include <stdio.h>

#include "base/err.h"
#include "base/io.h"
#include "tiny.h"
#include "tiny_vm.h"
#include "vm/vm.h"

#define LIMIT_NS 30000000000ull

static int measure(const char *backend, struct err *e)
{
	SCOPED(vm_destroy) struct vm *vm = NULL;
	struct vm_event ev = { 0 };
	uint64_t began_ns = now_ns();
	int r = tiny_start(backend, "1n1l2c1t", TINY_COUNT, 1, &vm, e);

	while (!r && !tiny_counter(vm, 0) && now_ns() < began_ns + LIMIT_NS)
		r = vm_next(vm, now_ns() + 200000, &ev, e);
	if (r < 0)
		return r;
	uint64_t up_ns = now_ns();
	vm_kill(vm);
	while (!r && ev.kind != VM_EVENT_STOPPED)
		r = vm_next(vm, up_ns + LIMIT_NS, &ev, e);
	uint64_t end_ns = now_ns();
	printf("%llu %llu\n", (unsigned long long)(up_ns - began_ns) / 1000,
	       (unsigned long long)(end_ns - up_ns) / 1000);
	return r;
}

int main(int argc, char **argv)
{
	struct err e;

	if (argc == 2 && measure(argv[1], &e) == 0)
		return 0;
	fprintf(stderr, "backend_bench: %s\n", argc == 2 ? e.text : "which backend?");
	return 1;
}
