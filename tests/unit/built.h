/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest archives, built and looked into. */
#ifndef UNIT_BUILT_H
#define UNIT_BUILT_H

#include "unit.h"

#include "base/io.h"
#include "image/guest.h"
#include "mini_cpio.h"
#include "tree.h"

/* A finished archive, mapped. */
struct built {
	struct guest_build b;
	struct mapping m;
};

void built_fini(struct built *x);
DEFINE_SCOPED_FINI(struct built, built_fini)
void build(const struct guest_spec *spec, struct built *ret);	  /* must work */
struct cpio_entry entry(const struct built *x, const char *name); /* must be there */
void assert_contents(const struct built *x, const char *name, const char *text);
void assert_refused(const struct guest_spec *spec, int code, const char *text);
/* One module directory, "m", with one module, which needs nothing. */
void put_modules(const struct tree *t);

#endif
