/* SPDX-License-Identifier: GPL-2.0-only */
/* What this host can run VMs with, found out by trying; the answer is cached per boot of the host. */
#ifndef VM_PROBE_H
#define VM_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "machine/arch.h"

enum probe_state {
	PROBE_YES,
	PROBE_ABSENT,	 /* no device node, or no QEMU of that kind */
	PROBE_FORBIDDEN, /* there, but not for this user */
	PROBE_UNUSABLE,	 /* there, but cannot run kernels */
	PROBE_TOO_OLD,
	PROBE_FOREIGN, /* KVM for a guest of another architecture */
	PROBE_LAST = PROBE_FOREIGN,
};

struct probe_result {
	enum probe_state state;
	uint64_t took_ns;
	char text[400];	  /* one sentence: what was found */
	char remedy[200]; /* what to do, "" if nothing */
	char version[64]; /* "QEMU 10.0.2 (Debian 1:10.0.2+ds-2)", "KVM API 12" */
	char path[256];	  /* of the program or device that was tried */
};

/* Runs a tiny 64-bit guest with paging, BMI2 and SSE (ARCHITECTURE section 2). < 50 ms, cached. */
void probe_kvm(enum arch guest, struct probe_result *ret);
/* Finds qemu-system-<arch> (or @path) and checks its version (>= 10). */
void probe_qemu(enum arch guest, const char *path, struct probe_result *ret);
/*
 * Where answers are kept for other processes when there is no XDG_RUNTIME_DIR (there it is the folder
 * ktstr). Without this call they are not.
 */
void probe_store_in(const char *dir);
/* For tests and diagnoses: forget the cached answers of this process, and neither read nor write stored ones. */
void probe_no_cache(void);

#endif
