/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Scope-bound ownership: SCOPED(x_destroy) struct x *v = ...; hand_over(v) gives it away. */
#ifndef BASE_SCOPED_H
#define BASE_SCOPED_H

#include <stdlib.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define ALIGN_UP(x, a) (((x) + (a) - 1) / (a) * (a))

/*
 * DEFINE_SCOPED(struct x *, x_destroy) once beside the destroyer's prototype makes
 * SCOPED(x_destroy) usable on variables of that type. The destroyer accepts NULL.
 */
#define DEFINE_SCOPED(type, fn) \
	static inline void fn##_scoped(type *p) \
	{ \
		fn(*p); \
	}

/* The same for destroyers of caller-owned storage: fn(struct x *) on a struct x variable. */
#define DEFINE_SCOPED_FINI(type, fn) \
	static inline void fn##_scoped(type *p) \
	{ \
		fn(p); \
	}

#define SCOPED(fn) __attribute__((cleanup(fn##_scoped)))

/* Empties pointer @p and yields what it held. */
#define hand_over(p) \
	__extension__({ \
		__typeof__(p) handed_ = (p); \
		(p) = NULL; \
		handed_; \
	})

/* free() for SCOPED(mem_free) char *s. */
static inline void mem_free(void *p)
{
	free(p);
}
static inline void mem_free_scoped(void *p)
{
	free(*(void **)p);
}

#endif
