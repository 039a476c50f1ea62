/* SPDX-License-Identifier: GPL-2.0-only */
/* Device tree writer, the only door to libfdt. The first error sticks; dt_finish() returns it. */
#ifndef MACHINE_FDT_H
#define MACHINE_FDT_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

struct dt {
	void *blob;
	size_t cap;
	int bad; /* an error of libfdt, then everything is ignored */
};

void dt_fini(struct dt *d);
static inline void dt_fini_scoped(struct dt *d)
{
	dt_fini(d);
}
void dt_init(struct dt *d); /* a tree whose root node is open */
/* Closes the root and appends the blob to @out. */
int dt_finish(struct dt *d, struct buf *out, struct err *e);

void dt_open(struct dt *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void dt_close(struct dt *d);

void dt_put_bytes(struct dt *d, const char *name, const void *data, size_t n);
void dt_put_flag(struct dt *d, const char *name);
void dt_put_str(struct dt *d, const char *name, const char *s);
void dt_put_u32(struct dt *d, const char *name, uint32_t v);
void dt_put_u64(struct dt *d, const char *name, uint64_t v);
void dt_put_cells(struct dt *d, const char *name, const uint32_t *v, size_t nr);
void dt_put_pairs(struct dt *d, const char *name, const uint64_t *v, size_t nr);

/* Strings in one literal: DT_STRS(d, "compatible", "most exact\0less exact") */
#define DT_STRS(d, name, literal) dt_put_bytes(d, name, literal, sizeof(literal))
/* 32-bit cells: DT_CELLS(d, "interrupts", 0, 1, 4) */
#define DT_CELLS(d, name, ...) \
	dt_put_cells(d, name, (const uint32_t[]){ __VA_ARGS__ }, \
		     sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))
/* 64-bit values, as in a reg of two address and two size cells. */
#define DT_PAIRS(d, name, ...) \
	dt_put_pairs(d, name, (const uint64_t[]){ __VA_ARGS__ }, \
		     sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

#endif
