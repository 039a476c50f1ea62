/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "image/module.h"
#include "image/module_info.h"
#include "mini_elf.h"
#include "squeeze.h"
#include "tree.h"

static struct buf module_with(const char *info, size_t len)
{
	struct mini_elf m = { .type = ET_REL, .machine = EM_AARCH64 };
	struct buf b = { 0 };

	mini_elf_section(&m, ".text", "code", 4);
	mini_elf_section(&m, ".modinfo", info, len);
	mini_elf_finish(&m, &b);
	return b;
}

/* A module file below the tree, compressed as its name says. */
static void put_module(const struct tree *t, const char *path, const char *depends)
{
	SCOPED(buf_fini) struct buf info = { 0 };
	SCOPED(buf_fini) struct buf packed = { 0 };
	static const char *const how[][2] = { { ".xz", "xz" },
					      { ".zst", "zstd" },
					      { ".gz", "gzip" } };
	const char *suffix = strrchr(path, '.');

	buf_puts(&info, "license=GPL");
	buf_zero(&info, 3);
	buf_printf(&info, "depends=%s", depends);
	buf_zero(&info, 1);
	buf_puts(&info, "name=x");
	buf_zero(&info, 1);
	SCOPED(buf_fini) struct buf elf = module_with(info.at, info.len);
	for (size_t i = 0; i < ARRAY_SIZE(how); i++)
		if (!strcmp(suffix, how[i][0]))
			squeeze_named(how[i][1])->put(&packed, elf.at, elf.len);
	if (packed.len)
		tree_file(t, path, packed.at, packed.len, 0644);
	else
		tree_file(t, path, elf.at, elf.len, 0644);
}

static struct tree modules_tree(void)
{
	struct tree t = tree_make();

	put_module(&t, "m/kernel/a/app.ko", "lib-one,lib_two");
	put_module(&t, "m/kernel/b/lib-one.ko.xz", "base");
	put_module(&t, "m/kernel/b/lib_two.ko.zst", "base");
	put_module(&t, "m/kernel/c/base.ko.gz", "");
	tree_text(&t, "m/modules.builtin",
		  "kernel/fs/ext4/ext4.ko\nkernel/drivers/virtio-pci.ko\n");
	tree_text(&t, "m/modules.order", "kernel/a/app.o\n");
	return t;
}

/* "base lib_one": the names in order. */
static char *names_of(const struct module_list *l)
{
	static char text[200];

	text[0] = 0;
	for (size_t i = 0; i < l->nr; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
			 l->at[i].name);
	return text;
}

static int close_over(const struct tree *t, const char *name, struct module_list *l, struct err *e)
{
	return module_closure(tree_path(t, "m"), (const char *const[]){ name, NULL }, l, NULL, e);
}

TEST(dependencies_come_first_and_once)
{
	SCOPED(tree_remove) struct tree t = modules_tree();
	SCOPED(module_list_fini) struct module_list l = { 0 };

	assert_int_equal(close_over(&t, "app", &l, NULL), 0);
	assert_string_equal(names_of(&l), "base lib_one lib_two app");
	assert_string_equal(l.at[0].path, tree_path(&t, "m/kernel/c/base.ko.gz"));
	assert_int_equal(close_over(&t, "lib_two", &l, NULL), 0);
	assert_int_equal(l.nr, 4); /* a second call adds only what is missing */
}

TEST(dashes_and_underscores_are_the_same)
{
	SCOPED(tree_remove) struct tree t = modules_tree();
	SCOPED(module_list_fini) struct module_list l = { 0 };

	assert_int_equal(close_over(&t, "lib_one", &l, NULL), 0);
	assert_int_equal(close_over(&t, "lib-two", &l, NULL), 0);
	assert_string_equal(names_of(&l), "base lib_one lib_two");
}

TEST(built_in_modules_add_nothing)
{
	SCOPED(tree_remove) struct tree t = modules_tree();
	SCOPED(module_list_fini) struct module_list l = { 0 };

	assert_int_equal(close_over(&t, "ext4", &l, NULL), 0);
	assert_int_equal(close_over(&t, "virtio_pci", &l, NULL), 0);
	assert_int_equal(l.nr, 0);
}

TEST(modules_dep_is_used_when_there_is_one)
{
	SCOPED(tree_remove) struct tree t = modules_tree();
	SCOPED(module_list_fini) struct module_list l = { 0 };
	struct err e = { 0 };

	/* it says something else than the files do, so that the difference shows */
	tree_text(&t, "m/modules.dep",
		  "kernel/a/app.ko: kernel/c/base.ko.gz\nkernel/c/base.ko.gz:\n");
	assert_int_equal(close_over(&t, "app", &l, NULL), 0);
	assert_string_equal(names_of(&l), "base app");
	assert_int_equal(close_over(&t, "lib_one", &l, &e), -ENOENT);
	tree_text(&t, "m/modules.dep", "no colon\n");
	assert_int_equal(close_over(&t, "app", &l, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "modules.dep: \"no colon\""));
}

TEST(newer_modules_replace_the_kernels_own)
{
	SCOPED(tree_remove) struct tree t = modules_tree();
	SCOPED(module_list_fini) struct module_list l = { 0 };

	put_module(&t, "m/updates/base.ko", "");
	assert_int_equal(close_over(&t, "base", &l, NULL), 0);
	assert_int_equal(l.nr, 1);
	assert_string_equal(l.at[0].path, tree_path(&t, "m/updates/base.ko"));
}

TEST(what_is_missing_is_named_with_who_needs_it)
{
	SCOPED(tree_remove) struct tree t = modules_tree();
	SCOPED(module_list_fini) struct module_list l = { 0 };
	struct err e = { 0 };

	assert_int_equal(close_over(&t, "nothing", &l, &e), -ENOENT);
	assert_non_null(strstr(e.text, "module nothing: not in "));
	put_module(&t, "m/kernel/x.ko", "gone");
	assert_int_equal(close_over(&t, "x", &l, &e), -ENOENT);
	assert_non_null(strstr(e.text, "module gone, needed by x: not in "));
	assert_true(module_closure(tree_path(&t, "none"), (const char *const[]){ "x", NULL }, &l,
				   NULL, &e) == -ENOENT);
	assert_non_null(strstr(e.text, "none"));
}

TEST(circles_end)
{
	SCOPED(tree_remove) struct tree t = modules_tree();
	SCOPED(module_list_fini) struct module_list l = { 0 };
	struct err e = { 0 };

	put_module(&t, "m/kernel/hen.ko", "egg");
	put_module(&t, "m/kernel/egg.ko", "hen");
	assert_int_equal(close_over(&t, "egg", &l, &e), -ELOOP);
	assert_non_null(strstr(e.text, "circle"));
}

TEST(files_that_are_no_modules_are_refused)
{
	SCOPED(tree_remove) struct tree t = modules_tree();
	SCOPED(module_list_fini) struct module_list l = { 0 };
	struct err e = { 0 };

	tree_text(&t, "m/kernel/text.ko", "hello");
	assert_int_equal(close_over(&t, "text", &l, &e), -ENOEXEC);
	assert_non_null(strstr(e.text, "text.ko: not an ELF file"));
	tree_text(&t, "m/kernel/half.ko.xz", "\xfd\x37zXZ");
	assert_true(close_over(&t, "half", &l, &e) < 0);
	tree_file(&t, "m/kernel/cut.ko.xz", "\xfd\x37zXZ\0\0\0", 8, 0644);
	assert_true(close_over(&t, "cut", &l, &e) < 0);
	assert_non_null(strstr(e.text, "cut.ko.xz: xz data: "));
}

TEST(modules_are_read_decompressed)
{
	static const char *const paths[] = { "m/kernel/a/app.ko", "m/kernel/b/lib-one.ko.xz",
					     "m/kernel/b/lib_two.ko.zst", "m/kernel/c/base.ko.gz" };
	SCOPED(tree_remove) struct tree t = modules_tree();

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		SCOPED(buf_fini) struct buf b = { 0 };

		assert_int_equal(module_read(tree_path(&t, paths[i]), &b, NULL), 0);
		assert_memory_equal(b.at, ELFMAG, SELFMAG);
	}
}

TEST(module_info_is_read_with_care)
{
	static const struct {
		const char *info;
		size_t len;
		const char *want;
		size_t want_len;
	} row[] = {
		{ "depends=a,b\0", 12, "a\0b\0", 4 },
		{ "depends=a,b", 11, "a\0b\0", 4 }, /* without its NUL */
		{ "depends=\0x=y", 12, "", 0 },
		{ "depends=,,a,\0", 13, "a\0", 2 },
		{ "xdepends=a\0", 11, "", 0 },
		{ "\0\0\0", 3, "", 0 },
		{ "", 0, "", 0 },
	};
	struct mini_elf program = { .type = ET_EXEC, .machine = EM_X86_64 };
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		SCOPED(buf_fini) struct buf b = module_with(row[i].info, row[i].len);
		SCOPED(buf_fini) struct buf out = { 0 };

		assert_int_equal(module_depends(b.at, b.len, "m", &out, &e), 0);
		assert_int_equal(out.len, row[i].want_len);
		assert_memory_equal(buf_str(&out), row[i].want, row[i].want_len);
	}
	SCOPED(buf_fini) struct buf b = { 0 };
	SCOPED(buf_fini) struct buf out = { 0 };
	mini_elf_section(&program, ".modinfo", "", 1);
	mini_elf_finish(&program, &b);
	assert_int_equal(module_depends(b.at, b.len, "m", &out, &e), -ENOEXEC);
	assert_string_equal(e.text, "m: not a kernel module");
}

UNIT_MAIN(NULL, NULL)
