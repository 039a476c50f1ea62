/* SPDX-License-Identifier: GPL-2.0-only */
#include "built.h"

#include <elf.h>
#include <string.h>

#include "base/err.h"
#include "mini_elf.h"

void built_fini(struct built *x)
{
	mapping_close(&x->m);
	guest_build_fini(&x->b);
}
void build(const struct guest_spec *spec, struct built *ret)
{
	struct err e = { 0 };

	if (guest_image_open(spec, &ret->b, &e) < 0 ||
	    guest_image_finish(&ret->b, "job=1\nmode=test\n", 16, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(mapping_open_fd(&ret->m, ret->b.fd, "archive", &e), 0);
	assert_int_equal(ret->m.len, ret->b.size);
}

struct cpio_entry entry(const struct built *x, const char *name)
{
	struct cpio_entry en;

	if (!cpio_find((const char *)x->m.at, x->m.len, name, &en))
		fail_msg("%s is not in the archive", name);
	return en;
}

void assert_contents(const struct built *x, const char *name, const char *text)
{
	struct cpio_entry en = entry(x, name);

	assert_int_equal(en.len, strlen(text));
	assert_memory_equal(en.data, text, en.len);
}

void assert_refused(const struct guest_spec *spec, int code, const char *text)
{
	struct guest_build b = { 0 };
	struct err e = { 0 };

	assert_int_equal(guest_image_open(spec, &b, &e), code);
	if (!strstr(e.text, text))
		fail_msg("\"%s\" does not say \"%s\"", e.text, text);
	assert_int_equal(b.size, 0);
}

void put_modules(const struct tree *t)
{
	struct mini_elf m = { .type = ET_REL, .machine = EM_X86_64 };
	SCOPED(buf_fini) struct buf b = { 0 };

	mini_elf_section(&m, ".modinfo", "depends=\0", 10);
	mini_elf_finish(&m, &b);
	tree_file(t, "m/kernel/one-mod.ko", b.at, b.len, 0644);
	tree_text(t, "m/modules.builtin", "kernel/two.ko\n");
}
