/* SPDX-License-Identifier: GPL-2.0-only */
#include "vm/kvm/ram.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/err.h"
#include "base/scoped.h"
#include "kvm/calls.h"

#ifndef MFD_HUGE_2MB /* glibc 2.36 has the other flag only */
#define MFD_HUGE_2MB (21u << 26)
#endif
#define PLACEHOLDER 4096
#define THP "/sys/kernel/mm/transparent_hugepage/enabled"
#define THP_FILES "/sys/kernel/mm/transparent_hugepage/shmem_enabled"
#define FREE_HUGE "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"

void warn_add(struct warnings *w, const char *fmt, ...)
{
	size_t n = strlen(w->text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->text + n, sizeof(w->text) - n, fmt, ap);
	va_end(ap);
	n = strlen(w->text);
	snprintf(w->text + n, sizeof(w->text) - n, "\n");
}

void ram_init(struct ram *r, const struct kvm_calls *k)
{
	*r = (struct ram){ .calls = k, .file = -1 };
}

void ram_fini(struct ram *r)
{
	kvm_close(r->calls, &r->file);
	r->mem.nr = 0;
	if (r->reserved)
		r->calls->munmap(r->calls->ctx, r->reserved, r->reserved_len);
	r->reserved = NULL;
}

/* Whatever comes of it: there is no memory just now. */
static int no_memory(struct err *e, int code, const char *what, uint64_t bytes)
{
	err_sys(e, code, "guest memory of %llu MiB: %s", (unsigned long long)(bytes >> 20), what);
	return err_class(e, ERR_CONTENTION, code);
}

static int reserve(struct ram *r, uint64_t bytes, struct err *e)
{
	/* room to begin at a huge page wherever it comes to lie */
	size_t n = ALIGN_UP(bytes, HUGE_PAGE) + HUGE_PAGE;
	void *p = r->calls->mmap(r->calls->ctx, NULL, n, PROT_NONE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (kvm_is_bad(p))
		return no_memory(e, kvm_bad(p), "reserve addresses", bytes);
	r->reserved = p;
	r->reserved_len = n;
	return 0;
}

static uint64_t free_huge_pages(const struct kvm_calls *k)
{
	char line[32];

	return k->read_line(k->ctx, FREE_HUGE, line, sizeof(line)) > 0 ? strtoull(line, NULL, 10)
								       : 0;
}

static bool want_huge(const struct ram_plan *p, struct warnings *w)
{
	uint64_t need = ALIGN_UP(p->bytes, HUGE_PAGE) / HUGE_PAGE, have;

	if (p->huge_pages)
		return true;
	if (!p->performance)
		return false;
	have = free_huge_pages(p->calls);
	if (have < need)
		warn_add(w, "huge pages: %llu of 2 MiB are free, %llu needed: ordinary pages",
			 (unsigned long long)have, (unsigned long long)need);
	return have >= need;
}

/* Whether a setting of the kernel, "one [two] three", is one of those. */
static bool chosen(const struct kvm_calls *k, const char *path, const char *const *words)
{
	char line[128];

	if (k->read_line(k->ctx, path, line, sizeof(line)) <= 0)
		return false;
	for (; *words; words++)
		if (strstr(line, *words))
			return true;
	return false;
}

/*
 * A boot touches its memory in some 16000 small pages or in a hundred huge ones, each an exit of the
 * guest and a fault of the host. Most hosts have huge pages for what is private and none for
 * memory files, so there guest memory is private.
 */
static bool better_private(struct ram *r)
{
	static const char *const own[] = { "[always]", "[madvise]", NULL };
	static const char *const none[] = { "[never]", "[deny]", NULL };
	bool for_own = chosen(r->calls, THP, own);

	r->thp = for_own;
	return for_own && chosen(r->calls, THP_FILES, none);
}

static int open_file(struct ram *r, const struct ram_plan *p, bool huge)
{
	const struct kvm_calls *k = r->calls;
	unsigned int flags = huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0;
	int fd = k->memfd(k->ctx, "ktstr-ram", flags);

	if (fd < 0)
		return fd;
	r->file = fd;
	r->huge = huge;
	return k->ftruncate(k->ctx, fd, (off_t)(huge ? ALIGN_UP(p->bytes, HUGE_PAGE) : p->bytes));
}

/* Guest memory from @off on, which is at @at. */
static void *map_part(struct ram *r, void *at, size_t len, off_t off)
{
	int flags = r->file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED;

	return r->calls->mmap(r->calls->ctx, at, len, PROT_READ | PROT_WRITE, flags | MAP_FIXED,
			      r->file, r->file < 0 ? 0 : off);
}

static int map_nodes(struct ram *r, const struct ram_plan *p)
{
	uint8_t *at = (uint8_t *)ALIGN_UP((uintptr_t)r->reserved, HUGE_PAGE);
	uint64_t off, len;

	r->mem.nr = 0;
	for (uint32_t node = 0; node < topo_nodes(&p->topo); node++) {
		topo_node_memory(&p->topo, p->bytes, node, &off, &len);
		if (!len)
			continue;
		/* the last node's part of a huge page is all its own */
		void *m =
			map_part(r, at + off, r->huge ? ALIGN_UP(len, HUGE_PAGE) : len, (off_t)off);
		if (kvm_is_bad(m))
			return kvm_bad(m);
		r->mem.region[r->mem.nr++] =
			(struct gmem_region){ p->base + off, len, at + off, node };
	}
	return 0;
}

static int open_and_map(struct ram *r, const struct ram_plan *p, bool huge)
{
	r->huge = false;
	int ret = !huge && better_private(r) ? 0 : open_file(r, p, huge);

	return ret < 0 ? ret : map_nodes(r, p);
}

/* Before any page is there. Policy is a wish: a host that refuses it still runs the guest. */
static void bind_nodes(struct ram *r, const struct ram_plan *p, struct warnings *w)
{
	for (uint32_t i = 0; p->host_nodes && i < r->mem.nr; i++) {
		const struct gmem_region *g = &r->mem.region[i];
		uint64_t nodes = p->host_nodes[g->node];
		int ret = nodes ? r->calls->mbind(r->calls->ctx, g->host, g->len, nodes) : 0;

		if (ret < 0)
			warn_add(w, "memory of node %u: not bound to host nodes 0x%llx: %s",
				 g->node, (unsigned long long)nodes, strerror(-ret));
	}
}

static void advise(struct ram *r, const struct ram_plan *p, struct warnings *w)
{
	const struct kvm_calls *k = r->calls;

	for (uint32_t i = 0; i < r->mem.nr; i++) {
		const struct gmem_region *g = &r->mem.region[i];

		if (!r->huge) /* if the host has them for memory files; no matter if not */
			k->madvise(k->ctx, g->host, g->len, MADV_HUGEPAGE);
		int ret = p->performance ? k->madvise(k->ctx, g->host, g->len, MADV_POPULATE_WRITE)
					 : 0;
		if (ret < 0)
			warn_add(w, "memory of node %u: not there before the guest wants it: %s",
				 g->node, strerror(-ret));
	}
}

int ram_alloc(struct ram *r, const struct ram_plan *p, struct warnings *w, struct err *e)
{
	bool huge = want_huge(p, w);
	int ret = reserve(r, p->bytes, e);

	if (ret < 0)
		return ret;
	ret = open_and_map(r, p, huge);
	if (ret < 0 && huge) { /* others were faster, or there are none: mapped anew over it */
		warn_add(w, "huge pages: %s: ordinary pages", strerror(-ret));
		kvm_close(r->calls, &r->file);
		ret = open_and_map(r, p, false);
	}
	if (ret < 0)
		return no_memory(e, ret, "map", p->bytes);
	bind_nodes(r, p, w);
	advise(r, p, w);
	return 0;
}

void ram_restore(struct ram *r, void *at, size_t len)
{
	const uint8_t *first = (uint8_t *)ALIGN_UP((uintptr_t)r->reserved, HUGE_PAGE);

	map_part(r, at, len, (uint8_t *)at - first);
}

int ram_placeholder(struct ram *r, uint64_t base, struct err *e)
{
	void *p = r->calls->mmap(r->calls->ctx, NULL, PLACEHOLDER, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (kvm_is_bad(p))
		return err_class(e, ERR_CONTENTION,
				 err_sys(e, kvm_bad(p), "allocate placeholder guest memory"));
	r->reserved = p;
	r->reserved_len = PLACEHOLDER;
	r->mem.region[0] = (struct gmem_region){ base, PLACEHOLDER, p, 0 };
	r->mem.nr = 1;
	return 0;
}
