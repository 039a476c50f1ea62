/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "image/closure.h"
#include "image/inputs.h"
#include "image/ld_cache.h"
#include "mini_elf.h"
#include "tree.h"

#define LD "/lib/ld-linux-aarch64.so.1"

/* Writes an ELF file; NEEDS("a", "b") for its libraries. */
#define NEEDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void put_elf_of(const struct tree *t, uint16_t machine, const char *path,
		       const struct mini_dynamic *d)
{
	struct mini_elf m = { .type = ET_DYN, .machine = machine };
	SCOPED(buf_fini) struct buf b = { 0 };

	if (d->interp || d->needed || d->soname)
		mini_elf_dynamic(&m, d);
	mini_elf_finish(&m, &b);
	tree_file(t, path, b.at, b.len, 0755);
}

#define PUT_ELF(t, path, ...) put_elf_of(t, EM_AARCH64, path, &(struct mini_dynamic){ __VA_ARGS__ })

/* A sysroot in which there are a loader and a C library that needs the loader back. */
static struct tree sysroot_tree(void)
{
	struct tree t = tree_make();

	PUT_ELF(&t, "root" LD, .soname = "ld-linux-aarch64.so.1");
	PUT_ELF(&t, "root/usr/lib/aarch64-linux-gnu/libc-2.so", .soname = "libc.so.6",
		.needed = NEEDS("ld-linux-aarch64.so.1"));
	tree_link(&t, "root/usr/lib/aarch64-linux-gnu/libc.so.6", "libc-2.so");
	return t;
}

static int add(struct closure *c, const struct tree *t, const char *program, struct err *e)
{
	struct closure_query q = { .program = tree_path(t, program),
				   .arch = ARCH_ARM64,
				   .sysroot = tree_path(t, "root") };

	q.guest_path = q.program;
	return closure_add(c, &q, e);
}

/* "guest=host guest=host", with the tree's root cut off host paths. */
static const char *text_of(const struct closure *c, const struct tree *t)
{
	static char text[2000];
	char root[PATH_MAX];
	size_t n = 0;

	assert_non_null(realpath(t->root, root));
	text[0] = 0;
	for (size_t i = 0; i < c->nr; i++) {
		const char *host = c->at[i].host_path;

		if (!strncmp(host, root, strlen(root)))
			host += strlen(root);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s=%s", i ? " " : "",
				      c->at[i].guest_path, host);
	}
	return text;
}

#define LD_TEXT LD "=/root" LD
#define LIBC_TEXT "/usr/lib/aarch64-linux-gnu/libc.so.6=/root/usr/lib/aarch64-linux-gnu/libc-2.so"

TEST(interpreter_and_libraries_come_from_the_sysroot)
{
	SCOPED(tree_remove) struct tree t = sysroot_tree();
	SCOPED(closure_fini) struct closure c = { 0 };
	struct err e = { 0 };

	PUT_ELF(&t, "prog", .interp = LD, .needed = NEEDS("libc.so.6"));
	assert_int_equal(add(&c, &t, "prog", &e), 0);
	assert_string_equal(text_of(&c, &t), LD_TEXT " " LIBC_TEXT);
	assert_null(c.at[0].name);
	assert_string_equal(c.at[1].name, "libc.so.6");
	PUT_ELF(&t, "other", .interp = LD, .needed = NEEDS("libc.so.6"));
	assert_int_equal(add(&c, &t, "other", &e), 0);
	assert_int_equal(c.nr, 2); /* each once */
}

TEST(static_programs_add_nothing)
{
	SCOPED(tree_remove) struct tree t = sysroot_tree();
	SCOPED(closure_fini) struct closure c = { 0 };

	PUT_ELF(&t, "prog", 0);
	assert_int_equal(add(&c, &t, "prog", NULL), 0);
	assert_int_equal(c.nr, 0);
}

TEST(our_own_program_resolves_on_this_host)
{
	SCOPED(closure_fini) struct closure c = { 0 };
	const char *self = "/proc/self/exe";
	struct closure_query q = { self, .guest_path = self, .arch = arch_host(), .sysroot = "" };
	struct err e = { 0 };
	bool libc = false;

	if (closure_add(&c, &q, &e) < 0)
		fail_msg("%s", e.text);
	for (size_t i = 0; i < c.nr; i++) {
		struct stat st;

		assert_int_equal(lstat(c.at[i].host_path, &st), 0);
		assert_true(S_ISREG(st.st_mode));
		libc = libc || strstr(c.at[i].guest_path, "libc.so");
	}
	assert_true(libc);
}

TEST(origin_counts_from_where_the_program_is)
{
	SCOPED(tree_remove) struct tree t = sysroot_tree();
	SCOPED(closure_fini) struct closure c = { 0 };
	struct err e = { 0 };

	PUT_ELF(&t, "build/bin/prog", .interp = LD, .needed = NEEDS("libone.so"),
		.runpath = "/nowhere:$ORIGIN/../lib");
	PUT_ELF(&t, "build/lib/libone.so", .soname = "libone.so", .needed = NEEDS("libtwo.so"),
		.runpath = "${ORIGIN}/deep");
	PUT_ELF(&t, "build/lib/deep/libtwo.so", .soname = "libtwo.so");
	tree_link(&t, "link", "build/bin/prog"); /* $ORIGIN is that of the file behind it */
	struct closure_query q = { .program = tree_path(&t, "link"),
				   .guest_path = "/ktstr/test",
				   .arch = ARCH_ARM64,
				   .sysroot = tree_path(&t, "root") };
	if (closure_add(&c, &q, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(text_of(&c, &t),
			    LD_TEXT " /lib/libone.so=/build/lib/libone.so "
				    "/lib/deep/libtwo.so=/build/lib/deep/libtwo.so");
	assert_null(c.at[1].name);
}

TEST(rpath_is_inherited_and_runpath_is_not)
{
	SCOPED(tree_remove) struct tree t = sysroot_tree();
	SCOPED(closure_fini) struct closure c = { 0 };
	struct err e = { 0 };

	PUT_ELF(&t, "root/opt/libone.so", .needed = NEEDS("libtwo.so"), .soname = "libone.so");
	PUT_ELF(&t, "root/opt/libtwo.so", .soname = "libtwo.so");
	PUT_ELF(&t, "old", .needed = NEEDS("libone.so"), .rpath = "/opt");
	assert_int_equal(add(&c, &t, "old", &e), 0);
	assert_string_equal(text_of(&c, &t), "/opt/libone.so=/root/opt/libone.so "
					     "/opt/libtwo.so=/root/opt/libtwo.so");
	PUT_ELF(&t, "new", .needed = NEEDS("libone.so"), .runpath = "/opt");
	assert_int_equal(add(&c, &t, "new", &e), -ENOENT);
	assert_non_null(strstr(e.text, "library libtwo.so, needed by "));
	assert_non_null(strstr(e.text, "/opt/libone.so: not found below "));
	PUT_ELF(&t, "both", .needed = NEEDS("libone.so"), .rpath = "/opt", .runpath = "/nowhere");
	assert_int_equal(add(&c, &t, "both", &e), -ENOENT); /* RUNPATH switches RPATH off */
	PUT_ELF(&t, "root/opt/libone.so", .needed = NEEDS("libtwo.so"), .runpath = "/nowhere");
	assert_int_equal(add(&c, &t, "old", &e), -ENOENT); /* that of its users too */
}

TEST(lib_token_finds_the_multiarch_directory)
{
	SCOPED(tree_remove) struct tree t = sysroot_tree();
	SCOPED(closure_fini) struct closure c = { 0 };

	PUT_ELF(&t, "root/opt/lib/aarch64-linux-gnu/libx.so", .soname = "libx.so");
	PUT_ELF(&t, "root/opt/lib64/liby.so", .soname = "liby.so");
	PUT_ELF(&t, "root/opt/aarch64/libz.so", .soname = "libz.so");
	PUT_ELF(&t, "prog", .needed = NEEDS("libx.so", "liby.so", "libz.so"),
		.runpath = "/opt/$LIB:/opt/${LIB}:/opt/$PLATFORM");
	assert_int_equal(add(&c, &t, "prog", NULL), 0);
	assert_int_equal(c.nr, 3);
	assert_string_equal(c.at[0].guest_path, "/opt/lib/aarch64-linux-gnu/libx.so");
	assert_string_equal(c.at[1].guest_path, "/opt/lib64/liby.so");
	assert_string_equal(c.at[2].guest_path, "/opt/aarch64/libz.so");
}

TEST(paths_never_lead_out_of_the_sysroot)
{
	SCOPED(tree_remove) struct tree t = sysroot_tree();
	SCOPED(closure_fini) struct closure c = { 0 };
	struct err e = { 0 };

	/* an absolute link counts from the sysroot; ".." stops at it; outside is the same name */
	PUT_ELF(&t, "outside/libone.so", .soname = "libone.so");
	PUT_ELF(&t, "root/real/libone.so", .soname = "libone.so");
	tree_link(&t, "root/usr/lib/libone.so", "/real/libone.so");
	PUT_ELF(&t, "prog", .needed = NEEDS("libone.so"));
	assert_int_equal(add(&c, &t, "prog", &e), 0);
	assert_string_equal(text_of(&c, &t), "/usr/lib/libone.so=/root/real/libone.so");
	tree_link(&t, "root/usr/lib/libtwo.so", tree_path(&t, "outside/libone.so"));
	PUT_ELF(&t, "prog2", .needed = NEEDS("libtwo.so"));
	assert_int_equal(add(&c, &t, "prog2", &e), -ENOENT);
	PUT_ELF(&t, "prog3", .needed = NEEDS("libone.so"), .runpath = "/../../../../outside");
	tree_link(&t, "root/usr/lib/libone.so", "../../../../outside/libone.so");
	assert_int_equal(add(&c, &t, "prog3", &e), -ENOENT);
	tree_link(&t, "root/usr/lib/libone.so", "libone.so");
	assert_int_equal(add(&c, &t, "prog", &e), -ENOENT); /* a link to itself ends */
}

TEST(libraries_of_another_architecture_are_passed_over)
{
	SCOPED(tree_remove) struct tree t = sysroot_tree();
	SCOPED(closure_fini) struct closure c = { 0 };
	struct err e = { 0 };
	const struct mini_dynamic lib = { .soname = "libone.so" };

	put_elf_of(&t, EM_X86_64, "root/lib64/libone.so", &lib);
	tree_text(&t, "root/lib/aarch64-linux-gnu/libone.so", "/* GNU ld script */");
	PUT_ELF(&t, "prog", .needed = NEEDS("libone.so"));
	assert_int_equal(add(&c, &t, "prog", &e), -ENOENT);
	assert_non_null(strstr(e.text, "there is only "));
	assert_non_null(strstr(e.text, "/root/lib64/libone.so, not for arm64"));
	PUT_ELF(&t, "root/usr/lib/libone.so", .soname = "libone.so");
	assert_int_equal(add(&c, &t, "prog", &e), 0);
	assert_string_equal(text_of(&c, &t), "/usr/lib/libone.so=/root/usr/lib/libone.so");
}

TEST(programs_of_another_architecture_are_refused)
{
	SCOPED(tree_remove) struct tree t = sysroot_tree();
	SCOPED(closure_fini) struct closure c = { 0 };
	struct err e = { 0 };

	put_elf_of(&t, EM_X86_64, "prog", &(struct mini_dynamic){ 0 });
	assert_int_equal(add(&c, &t, "prog", &e), -EXDEV);
	assert_non_null(strstr(e.text, "prog: not built for arm64, which the guest is"));
	tree_text(&t, "text", "hello");
	assert_int_equal(add(&c, &t, "text", &e), -ENOEXEC);
	assert_non_null(strstr(e.text, "text: neither an ELF program nor a script"));
	assert_int_equal(add(&c, &t, "missing", &e), -ENOENT);
	assert_non_null(strstr(e.text, "missing: No such file"));
	assert_int_equal(c.nr, 0);
}

TEST(ld_so_conf_adds_directories)
{
	SCOPED(tree_remove) struct tree t = sysroot_tree();
	SCOPED(closure_fini) struct closure c = { 0 };
	struct err e = { 0 };

	tree_text(&t, "root/etc/ld.so.conf",
		  "# comment\ninclude ld.so.conf.d/*.conf\n /opt/a # x\n");
	tree_text(&t, "root/etc/ld.so.conf.d/b.conf", "/opt/b\n\n");
	tree_text(&t, "root/etc/ld.so.conf.d/b.other", "/opt/c\n");
	PUT_ELF(&t, "root/opt/a/liba.so", .soname = "liba.so");
	PUT_ELF(&t, "root/opt/b/libb.so", .soname = "libb.so");
	PUT_ELF(&t, "root/opt/c/libc.so", .soname = "libc.so");
	PUT_ELF(&t, "prog", .needed = NEEDS("liba.so", "libb.so"));
	assert_int_equal(add(&c, &t, "prog", &e), 0);
	assert_string_equal(
		text_of(&c, &t),
		"/opt/a/liba.so=/root/opt/a/liba.so /opt/b/libb.so=/root/opt/b/libb.so");
	assert_string_equal(c.at[0].name, "liba.so"); /* the guest's loader must be told */
	PUT_ELF(&t, "prog", .needed = NEEDS("libc.so"));
	assert_int_equal(add(&c, &t, "prog", &e), -ENOENT);
}

TEST(ld_so_cache_is_asked_before_the_default_directories)
{
	SCOPED(tree_remove) struct tree t = sysroot_tree();
	SCOPED(closure_fini) struct closure c = { 0 };
	SCOPED(buf_fini) struct buf cache = { 0 };
	struct ld_entry rows[] = { { "libb.so.1", "/opt/b/libb.so.1" },
				   { "liba.so", "/opt/gone/liba.so" } };

	ld_cache_write(&cache, rows, 2, ARCH_ARM64);
	tree_file(&t, "root/etc/ld.so.cache", cache.at, cache.len, 0644);
	PUT_ELF(&t, "root/opt/b/libb.so.1", .soname = "libb.so.1");
	PUT_ELF(&t, "root/usr/lib/libb.so.1", .soname = "libb.so.1");
	PUT_ELF(&t, "root/usr/lib/liba.so", .soname = "liba.so");
	PUT_ELF(&t, "prog", .needed = NEEDS("libb.so.1", "liba.so"));
	assert_int_equal(add(&c, &t, "prog", NULL), 0);
	assert_string_equal(text_of(&c, &t), "/opt/b/libb.so.1=/root/opt/b/libb.so.1 "
					     "/usr/lib/liba.so=/root/usr/lib/liba.so");
}

TEST(scripts_bring_their_interpreters)
{
	SCOPED(tree_remove) struct tree t = sysroot_tree();
	SCOPED(closure_fini) struct closure c = { 0 };
	struct err e = { 0 };

	PUT_ELF(&t, "root/bin/sh", .interp = LD, .needed = NEEDS("libc.so.6"));
	PUT_ELF(&t, "root/usr/bin/env", 0);
	PUT_ELF(&t, "root/usr/local/bin/tool", 0);
	tree_text(&t, "sh", "#! /bin/sh -e\necho hello\n");
	assert_int_equal(add(&c, &t, "sh", &e), 0);
	assert_string_equal(text_of(&c, &t), "/bin/sh=/root/bin/sh " LD_TEXT " " LIBC_TEXT);
	closure_fini(&c);
	tree_text(&t, "env", "#!/usr/bin/env -S X=1 tool -x\n");
	assert_int_equal(add(&c, &t, "env", &e), 0);
	assert_string_equal(
		text_of(&c, &t),
		"/usr/bin/env=/root/usr/bin/env /usr/local/bin/tool=/root/usr/local/bin/tool");
	tree_text(&t, "bad", "#!/bin/nothing\n");
	assert_int_equal(add(&c, &t, "bad", &e), -ENOENT);
	assert_non_null(strstr(e.text, "bad: its interpreter "));
	tree_text(&t, "bad", "#!/usr/bin/env nothing\n");
	assert_int_equal(add(&c, &t, "bad", &e), -ENOENT);
	tree_text(&t, "bad", "#!tool\n");
	assert_int_equal(add(&c, &t, "bad", &e), -ENOEXEC);
	tree_text(&t, "root/loop", "#!/loop\n");
	assert_int_equal(add(&c, &t, "root/loop", &e), -ELOOP);
}

TEST(two_libraries_cannot_be_in_one_place)
{
	SCOPED(tree_remove) struct tree t = sysroot_tree();
	SCOPED(closure_fini) struct closure c = { 0 };
	struct err e = { 0 };

	for (int i = 0; i < 2; i++) {
		char prog[16], lib[32];

		snprintf(prog, sizeof(prog), "%d/prog", i);
		snprintf(lib, sizeof(lib), "%d/libx.so", i);
		PUT_ELF(&t, prog, .needed = NEEDS("libx.so"), .runpath = "$ORIGIN");
		PUT_ELF(&t, lib, .soname = "libx.so");
		struct closure_query q = { .program = tree_path(&t, prog),
					   .guest_path = "/ktstr/x",
					   .arch = ARCH_ARM64,
					   .sysroot = "" };
		assert_int_equal(closure_add(&c, &q, &e), i ? -EEXIST : 0);
	}
	assert_non_null(strstr(e.text, "/ktstr/libx.so in the guest: both "));
	assert_non_null(strstr(e.text, "/0/libx.so and "));
}

TEST(what_was_looked_at_is_told)
{
	SCOPED(tree_remove) struct tree t = sysroot_tree();
	SCOPED(closure_fini) struct closure c = { 0 };
	SCOPED(inputs_fini) struct inputs in = { 0 };
	struct closure_query q = { .guest_path = "/ktstr/x", .arch = ARCH_ARM64, .in = &in };

	PUT_ELF(&t, "prog", .needed = NEEDS("libone.so"), .runpath = "/first:/second");
	PUT_ELF(&t, "root/second/libone.so", .soname = "libone.so");
	q.program = tree_path(&t, "prog");
	q.sysroot = tree_path(&t, "root");
	assert_int_equal(closure_add(&c, &q, NULL), 0);
	assert_true(inputs_unchanged(&in));
	PUT_ELF(&t, "root/first/libone.so", .soname = "libone.so");
	assert_false(inputs_unchanged(&in)); /* it would be found there now */
	assert_int_equal(remove_tree(tree_path(&t, "root/first"), NULL), 0);
	assert_true(inputs_unchanged(&in));
	tree_link(&t, "root/second/libone.so", "../elsewhere");
	assert_false(inputs_unchanged(&in));
}

TEST(a_sysroot_behind_a_link_is_followed_and_told)
{
	SCOPED(tree_remove) struct tree t = sysroot_tree();
	SCOPED(closure_fini) struct closure c = { 0 };
	SCOPED(inputs_fini) struct inputs in = { 0 };
	struct closure_query q = { .guest_path = "/x", .arch = ARCH_ARM64, .in = &in };

	tree_link(&t, "link", "root");
	PUT_ELF(&t, "prog", .interp = LD);
	q.program = tree_path(&t, "prog");
	q.sysroot = tree_path(&t, "link");
	assert_int_equal(closure_add(&c, &q, NULL), 0);
	assert_string_equal(text_of(&c, &t), LD_TEXT);
	assert_true(inputs_unchanged(&in));
	tree_link(&t, "link", "root/.");
	assert_false(inputs_unchanged(&in));
}

TEST(damaged_elf_files_are_refused)
{
	SCOPED(tree_remove) struct tree t = sysroot_tree();
	SCOPED(closure_fini) struct closure c = { 0 };
	struct err e = { 0 };
	struct mini_elf m = { .type = ET_DYN, .machine = EM_AARCH64 };
	SCOPED(buf_fini) struct buf b = { 0 };
	Elf64_Dyn table[] = { { DT_STRTAB, { 0x1000 } },
			      { DT_STRSZ, { 100 } },
			      { DT_NULL, { 0 } } };

	mini_elf_segment(&m, PT_DYNAMIC, 0, 0, table, sizeof(table), sizeof(table));
	mini_elf_finish(&m, &b);
	tree_file(&t, "prog", b.at, b.len, 0755);
	assert_int_equal(add(&c, &t, "prog", &e), -EBADMSG);
	assert_non_null(strstr(e.text, "its dynamic strings are outside of the file"));
	buf_clear(&b);
	mini_elf_segment(&m, PT_INTERP, 0, 0, "/lib/ld", 7, 7); /* no NUL */
	mini_elf_finish(&m, &b);
	tree_file(&t, "prog", b.at, b.len, 0755);
	assert_int_equal(add(&c, &t, "prog", &e), -EBADMSG);
	assert_non_null(strstr(e.text, "prog: damaged ELF file: a name in it has no end"));
}

TEST(ld_cache_finds_what_was_written)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	struct ld_entry rows[] = { { "liba.so.9", "/x/a9" },
				   { "liba.so.10", "/x/a10" },
				   { "libb.so", "/x/b" },
				   { "liba.so", "/x/a" } };

	ld_cache_write(&b, rows, 4, ARCH_X86_64);
	assert_string_equal(rows[0].soname, "libb.so"); /* descending, numbers as numbers */
	assert_string_equal(rows[1].soname, "liba.so.10");
	assert_string_equal(rows[2].soname, "liba.so.9");
	assert_string_equal(rows[3].soname, "liba.so");
	assert_string_equal(ld_cache_find(b.at, b.len, "liba.so.10", ARCH_X86_64), "/x/a10");
	assert_string_equal(ld_cache_find(b.at, b.len, "liba.so", ARCH_X86_64), "/x/a");
	assert_null(ld_cache_find(b.at, b.len, "liba", ARCH_X86_64));
	assert_null(ld_cache_find(b.at, b.len, "liba.so", ARCH_ARM64));
	b.at[48 + 16] = 1; /* the first entry becomes one for particular CPUs */
	assert_null(ld_cache_find(b.at, b.len, "libb.so", ARCH_X86_64));
	b.at[48 + 16] = 0;
	for (size_t n = 0; n < b.len; n++) {
		SCOPED(mem_free) char *cut = malloc(n ? n : 1); /* exact, for ASan */

		memcpy(cut, b.at, n);
		ld_cache_find(cut, n, "libb.so", ARCH_X86_64);
	}
}

TEST(this_hosts_ld_cache_is_understood)
{
	SCOPED(mem_free) char *data = NULL;
	size_t len;

	if (read_file("/etc/ld.so.cache", 64u << 20, &data, &len, NULL) < 0)
		skip();
	const char *path = ld_cache_find(data, len, "libc.so.6", arch_host());
	assert_non_null(path);
	assert_int_equal(access(path, R_OK), 0);
}

TEST(the_default_sysroot_follows_the_rules)
{
	enum arch foreign = arch_host() == ARCH_X86_64 ? ARCH_ARM64 : ARCH_X86_64;

	assert_string_equal(closure_default_sysroot(arch_host()), "");
	assert_int_equal(setenv("KTSTR_SYSROOT", "/some/where", 1), 0);
	assert_string_equal(closure_default_sysroot(foreign), "/some/where");
	assert_string_equal(closure_default_sysroot(arch_host()), "");
	assert_int_equal(unsetenv("KTSTR_SYSROOT"), 0);
	const char *found = closure_default_sysroot(foreign);
	assert_true(!found || access(found, X_OK) == 0);
}

UNIT_MAIN(NULL, NULL)
