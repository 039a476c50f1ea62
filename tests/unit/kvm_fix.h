/* SPDX-License-Identifier: GPL-2.0-only */
/* A machine on the fake KVM, as a fixture: state of every test is a struct fix. */
#ifndef UNIT_KVM_FIX_H
#define UNIT_KVM_FIX_H

#include "unit.h"

#include "base/err.h"
#include "kvm/fake.h"
#include "machine/memmap.h"
#include "vm/kvm/machine.h"

#define MIB (1ull << 20)

struct fix {
	struct kvm_fake *f;
	struct machine_spec spec; /* 1n1l2c1t, 128 MiB */
	struct machine *m;
	struct err e;
};

static inline struct fix fix_of(void)
{
	struct fix x = { .f = kvm_fake_create() };

	x.spec = (struct machine_spec){
		.calls = &x.f->calls,
		.board = &board_kvm_arm64,
		.topo = { .nodes = 1, .llcs = 1, .cores = 2, .threads = 1 },
		.memory_bytes = 128 * MIB,
	};
	return x;
}

/* Destroys the machine, if there is one: no rule was broken and nothing is left. */
static inline void fix_end(struct fix *x)
{
	char leak[100];

	machine_destroy(x->m);
	x->m = NULL;
	assert_string_equal(x->f->broken, "");
	assert_string_equal(kvm_fake_leak(x->f, leak, sizeof(leak)), "");
	kvm_fake_destroy(x->f);
	x->f = NULL;
}

static inline int fix_create(struct fix *x)
{
	return machine_create(&x->spec, &x->m, &x->e);
}

static inline void fix_must_create(struct fix *x)
{
	if (fix_create(x) < 0)
		fail_msg("%s", x->e.text);
}

/* Lines in the order in which they have to be in the trace; each must be there. */
static inline void expect_order(struct fix *x, const char *const *lines, size_t n)
{
	uint32_t last = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t at = kvm_fake_line(x->f, lines[i], 0);

		if (at <= last)
			fail_msg("\"%s\" is line %u, the one before it %u", lines[i], at, last);
		last = at;
	}
}
#define EXPECT_ORDER(x, ...) \
	expect_order(x, (const char *const[]){ __VA_ARGS__ }, \
		     ARRAY_SIZE(((const char *const[]){ __VA_ARGS__ })))

/* Creation fails with @code and class and a text that has @text in it, and leaves nothing. */
static inline void expect_refused(struct fix *x, int code, enum err_class cls, const char *text)
{
	assert_int_equal(fix_create(x), code);
	assert_null(x->m);
	assert_int_equal(x->e.code, code);
	assert_int_equal(x->e.cls, cls);
	if (!strstr(x->e.text, text))
		fail_msg("\"%s\" is not in \"%s\"", text, x->e.text);
	fix_end(x);
}

#endif
