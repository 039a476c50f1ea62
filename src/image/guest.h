/* SPDX-License-Identifier: GPL-2.0-only */
/* Assembles a guest's archive: init, modules, job, programs and their libraries. Parts are cached. */
#ifndef IMAGE_GUEST_H
#define IMAGE_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scoped.h"
#include "machine/arch.h"

struct err;

/* One host file or directory (recursive) to be found in the guest. */
struct guest_include {
	const char *host_path;
	const char *guest_path; /* absolute */
	bool program;		/* pack its libraries too */
};

struct guest_spec {
	enum arch arch;
	const char *modules_dir;    /* NULL = kernel has all it needs built in */
	const char *const *modules; /* names to load, NULL-terminated, NULL = none */
	const char *sysroot;	    /* for libraries; NULL = closure_default_sysroot() */
	const char
		*busybox; /* host path of a static busybox of the guest's architecture, or NULL */
	const struct guest_include *includes;
	size_t nr_includes;
	const char *cache_dir; /* where parts are cached; NULL = no cache */
};

/* Zero-initialised is valid and holds nothing. */
struct guest_build {
	int fd;		   /* memfd with the whole archive; hand_over_fd() takes it out */
	uint64_t size;	   /* 0 = there is no fd */
	uint64_t unpacked; /* bytes the files take in the guest's RAM */
	bool from_cache;   /* nothing but the job had to be built */
	uint64_t took_ns;
	char **modules; /* file names in load order for the job, NULL-terminated; NULL = none */
	/* The archive as it is without the job. */
	uint64_t plain_size;
	char plain_sha256[65];
	char *plain_file; /* that has it, in the cache; NULL = none */
};

void guest_build_fini(struct guest_build *b);
DEFINE_SCOPED_FINI(struct guest_build, guest_build_fini)

/*
 * Two steps because the job names the modules: guest_image_open() resolves and caches everything but
 * the job; guest_image_finish() appends job text and sentinel. ktstr-init is embedded (init_blob()).
 */
int guest_image_open(const struct guest_spec *spec, struct guest_build *ret, struct err *e);
int guest_image_finish(struct guest_build *b, const void *job, size_t job_len, struct err *e);

/* Instead of the first step: the first @size bytes of @fd are the archive without its job. */
int guest_image_take(int fd, uint64_t size, struct guest_build *ret, struct err *e);

/* The static PID 1 built for @a, embedded at build time. -ENOENT if this build has none. */
int init_blob(enum arch a, const void **ret, size_t *ret_len, struct err *e);
/* The address at which it waits to be frozen, if its job tells it to. */
int init_freeze_at(enum arch a, uint64_t *ret, struct err *e);

#endif
