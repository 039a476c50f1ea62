/* SPDX-License-Identifier: GPL-2.0-only */
/* What a user may call a kernel, and what lies beside one that is named by its path. */
#include "unit.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "catalog/debian.h"
#include "catalog_util.h"
#include "image/kernel.h"
#include "mini_kernel.h"

TEST(debian_specs_are_suite_and_flavour)
{
	static const struct {
		const char *text, *suite, *flavour;
	} rows[] = {
		{ "debian", "trixie-backports", "cloud" },
		{ "debian:sid", "sid", "cloud" },
		{ "debian:rt", "trixie-backports", "rt" },
		{ "debian:bookworm-backports:generic", "bookworm-backports", "generic" },
		{ KERNEL_DEFAULT, "trixie-backports", "cloud" },
		{ "debian:", NULL, "suite" },
		{ "debian:sid:", NULL, "flavour" },
		{ "debian::cloud", NULL, "suite" },
		{ "debian:sid:cloud:x", NULL, "flavour" },
		{ "debian:Sid", NULL, "suite" },
		{ "debian:../x", NULL, "suite" },
		{ "debian:-x", NULL, "suite" },
		{ "debian:sid main", NULL, "suite" },
		{ "debian:sid:azure", NULL, "there are cloud, generic and rt" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct debian_spec s;
		struct err e = { 0 };
		int r = debian_spec_parse(rows[i].text, ARCH_ARM64, &s, &e);

		if (r != (rows[i].suite ? 0 : -EINVAL))
			fail_msg("%s: %d %s", rows[i].text, r, e.text);
		if (rows[i].suite) {
			assert_string_equal(s.suite, rows[i].suite);
			assert_string_equal(s.flavour->name, rows[i].flavour);
		} else {
			assert_says(e, rows[i].flavour);
			assert_says(e, rows[i].text);
		}
	}
}

TEST(what_is_no_kernel_is_told_what_would_be)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	static const struct {
		const char *spec;
		int want;
		const char *says;
	} rows[] = {
		{ "debain", -EINVAL, "did you mean debian?" },
		{ "debian-sid", -EINVAL, "debian[:SUITE][:FLAVOUR]" },
		{ "6.12", -EINVAL, "name one as debian" },
		{ "no/such/file", -ENOENT, "no/such/file" },
		{ "./no", -ENOENT, "./no" },
		{ "abcdef12", -ENOENT, "ktstr kernel list" },
		{ "abc", -EINVAL, "6 to 64 digits" },
		{ "/dev/null", -EINVAL, "/dev/null" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kernel k;
		struct err e = { 0 };
		int r = catalog_resolve(c, rows[i].spec, ARCH_ARM64, NULL, &k, &e);

		if (r != rows[i].want)
			fail_msg("%s: %d %s", rows[i].spec, r, e.text);
		assert_says(e, rows[i].says);
	}
}

static void resolve(struct catalog *c, const char *spec, struct kernel *ret)
{
	struct err e = { 0 };

	if (catalog_resolve(c, spec, ARCH_ARM64, NULL, ret, &e) < 0)
		fail_msg("%s", e.text);
}

TEST(a_compressed_kernel_is_unpacked_once)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	SCOPED(kernel_fini) struct kernel first = { .lock_fd = -1 };
	SCOPED(kernel_fini) struct kernel again = { .lock_fd = -1 };
	struct path dir = new_dir();
	struct stat a, b;

	put_image_gz(dir.s, "Image.gz", "9.9.9-t", 1);
	put_image_gz(dir.s, "copy.gz", "9.9.9-t", 1);
	resolve(c, path_format("%s/Image.gz", dir.s).s, &first);
	assert_string_equal(first.name, "Image.gz");
	assert_string_equal(first.version, "9.9.9-t");
	assert_non_null(strstr(first.boot_path, catalog_dir(c)));
	assert_true(first.lock_fd > 2);
	assert_null(first.modules_dir);
	resolve(c, path_format("%s/copy.gz", dir.s).s, &again);
	assert_string_equal(again.name, "copy.gz");
	assert_string_equal(again.key, first.key);
	assert_int_equal(stat(first.boot_path, &a), 0);
	assert_int_equal(stat(again.boot_path, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_int_equal(nr_names(cache_path(c, "/kernels").s), 1);
}

TEST(a_bootable_kernel_is_used_where_it_lies)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
	struct path image = path_format("%s/Image", new_dir().s), dir = image;

	*strrchr(dir.s, '/') = 0;
	put_image(dir.s, "Image", "9.9.9-t", 1);
	resolve(c, image.s, &k);
	assert_string_equal(k.boot_path, image.s);
	assert_int_equal(nr_names(cache_path(c, "/kernels").s), 0);
}

static void make_kernel(int how, struct buf *b)
{
	if (how == 0)
		mini_vmlinux(b, EM_X86_64);
	else if (how == 1)
		mini_vmlinux(b, EM_AARCH64);
	else if (how == 2)
		mini_bzimage_of(b, "zstd");
	else
		mini_image(b);
}

TEST(only_what_does_not_boot_as_it_is_goes_into_the_cache)
{
	static const struct {
		enum arch arch;
		size_t entries;
	} rows[] = { { ARCH_X86_64, 0 }, { ARCH_ARM64, 1 }, { ARCH_X86_64, 1 }, { ARCH_ARM64, 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
		SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
		SCOPED(mapping_close) struct mapping boot = { 0 };
		SCOPED(buf_fini) struct buf file = { 0 };
		struct path dir = new_dir(), name = path_format("%s/kernel", dir.s);
		struct kernel_info info;
		struct err e = { 0 };

		make_kernel((int)i, &file);
		assert_int_equal(write_file_atomic(name.s, file.at, file.len, 0644, NULL), 0);
		if (catalog_resolve(c, name.s, rows[i].arch, NULL, &k, &e) < 0)
			fail_msg("%s", e.text);
		assert_int_equal(nr_names(cache_path(c, "/kernels").s), rows[i].entries);
		assert_int_equal(mapping_open(&boot, k.boot_path, NULL), 0);
		assert_int_equal(kernel_inspect(boot.at, boot.len, &info, NULL), 0);
		assert_int_equal(info.format,
				 rows[i].arch == ARCH_ARM64 ? KERNEL_IMAGE : KERNEL_ELF);
		assert_int_equal(info.arch, rows[i].arch);
	}
}

TEST(an_unpacked_kernel_that_was_damaged_is_made_again)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
	struct path dir = new_dir(), image = path_format("%s/Image.gz", dir.s);
	char key[KEY_LEN + 1];
	struct stat st;

	put_image_gz(dir.s, "Image.gz", "9.9.9-t", 1);
	resolve(c, image.s, &k);
	memcpy(key, k.key, sizeof(key));
	kernel_fini(&k);
	assert_int_equal(truncate(cache_path(c, "/kernels/%s/boot", key).s, 10), 0);
	resolve(c, image.s, &k);
	assert_int_equal(stat(k.boot_path, &st), 0);
	assert_int_equal(st.st_size, 8192);
}

TEST(the_wrong_architecture_is_named)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
	struct path dir = new_dir(), image = path_format("%s/Image.gz", dir.s);
	struct path tree = new_dir();
	const struct path *const specs[] = { &image, &tree };

	put_image_gz(dir.s, "Image.gz", "9.9.9-t", 1);
	put_image(tree.s, "arch/arm64/boot/Image", "9.9.9-t", 1);
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct err e = { 0 };

		assert_int_equal(catalog_resolve(c, specs[i]->s, ARCH_X86_64, NULL, &k, &e),
				 -EXDEV);
		assert_says(e, "for arm64, the guest is x86_64");
		assert_says(e, specs[i]->s);
	}
	resolve(c, image.s, &k);
	struct err e = { 0 };
	struct kernel other;
	assert_int_equal(catalog_resolve(c, k.key, ARCH_X86_64, NULL, &other, &e), -EXDEV);
	assert_says(e, "for arm64, the guest is x86_64");
}

static void assert_beside(const struct kernel *k, const char *root, const char *modules,
			  const char *config)
{
	assert_non_null(k->modules_dir);
	assert_non_null(k->config_path);
	assert_string_equal(k->modules_dir, path_format("%s/%s", root, modules).s);
	assert_string_equal(k->config_path, path_format("%s/%s", root, config).s);
}

TEST(modules_are_found_where_distributions_put_them)
{
	static const struct {
		const char *image, *modules, *config;
	} rows[] = {
		{ "boot/vmlinuz-9.9.9-t", "lib/modules/9.9.9-t", "boot/config-9.9.9-t" },
		{ "boot/vmlinuz-9.9.9-t", "usr/lib/modules/9.9.9-t", "boot/config-9.9.9-t" },
		{ "lib/modules/9.9.9-t/vmlinuz", "lib/modules/9.9.9-t",
		  "lib/modules/9.9.9-t/config" },
	};
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
		struct path root = new_dir();

		put_image_gz(root.s, rows[i].image, "9.9.9-t", 1);
		put_file(root.s, path_format("%s/kernel/a.ko", rows[i].modules).s, "module");
		put_file(root.s, rows[i].config, "CONFIG_SMP=y\n");
		resolve(c, path_format("%s/%s", root.s, rows[i].image).s, &k);
		assert_beside(&k, root.s, rows[i].modules, rows[i].config);
	}
	assert_int_equal(nr_names(cache_path(c, "/kernels").s), 1);
}

TEST(what_lies_beside_another_kernel_is_left_alone)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
	struct path root = new_dir();

	put_image_gz(root.s, "boot/vmlinuz-1.1.1", "9.9.9-t", 1);
	put_file(root.s, "lib/modules/1.1.1/kernel/a.ko", "module");
	put_file(root.s, "boot/config-1.1.1", "x");
	resolve(c, path_format("%s/boot/vmlinuz-1.1.1", root.s).s, &k);
	assert_null(k.modules_dir);
	assert_null(k.config_path);
	assert_string_equal(k.version, "9.9.9-t");
}

static struct path new_tree(void)
{
	struct path tree = new_dir();

	put_image(tree.s, "arch/arm64/boot/Image", "9.9.9-t", 1);
	put_file(tree.s, "include/config/kernel.release", "9.9.9-t\n");
	put_file(tree.s, ".config", "CONFIG_SMP=y\n");
	return tree;
}

TEST(a_build_tree_is_a_kernel_with_its_modules)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
	SCOPED(kernel_fini) struct kernel own = { .lock_fd = -1 };
	SCOPED(kernel_fini) struct kernel image = { .lock_fd = -1 };
	SCOPED(kernel_fini) struct kernel installed = { .lock_fd = -1 };
	struct path tree = new_tree();

	resolve(c, tree.s, &k);
	assert_null(k.modules_dir);
	assert_string_equal(k.config_path, path_format("%s/.config", tree.s).s);
	put_file(tree.s, "modules.order", "drivers/a.o\n");
	resolve(c, tree.s, &own);
	assert_string_equal(own.modules_dir, tree.s);
	resolve(c, path_format("%s/arch/arm64/boot/Image", tree.s).s, &image);
	assert_string_equal(image.modules_dir, tree.s);
	put_file(tree.s, "out/lib/modules/9.9.9-t/kernel/a.ko", "module");
	setenv("INSTALL_MOD_PATH", "out", 1);
	resolve(c, tree.s, &installed);
	unsetenv("INSTALL_MOD_PATH");
	assert_beside(&installed, tree.s, "out/lib/modules/9.9.9-t", ".config");
}

TEST(a_tree_that_was_not_built_says_what_is_missing)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	struct path tree = new_dir();
	struct kernel k;
	struct err e = { 0 };

	assert_int_equal(catalog_resolve(c, tree.s, ARCH_X86_64, NULL, &k, &e), -ENOENT);
	assert_says(e, "no arch/x86/boot/bzImage in it");
	assert_says(e, tree.s);
}

TEST(only_modules_are_imported_from_a_tree)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
	struct path tree = new_tree();
	struct err e = { 0 };

	put_file(tree.s, "modules.order", "drivers/a.o\n");
	put_file(tree.s, "drivers/a.ko", "module");
	put_file(tree.s, "drivers/a.c", "source");
	put_file(tree.s, "drivers/a.ko.cmd", "not a module, but harmless");
	if (catalog_import(c, tree.s, NULL, NULL, &k, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(k.name, strrchr(tree.s, '/') + 1);
	assert_true(exists(path_format("%s/drivers/a.ko", k.modules_dir).s));
	assert_true(exists(path_format("%s/modules.order", k.modules_dir).s));
	assert_false(exists(path_format("%s/drivers/a.c", k.modules_dir).s));
	assert_false(exists(path_format("%s/arch", k.modules_dir).s));
	assert_false(exists(path_format("%s/.config", k.modules_dir).s));
}

TEST(modules_for_an_import_may_be_named)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	struct path dir = new_dir(), mods = new_dir();
	struct path image = path_format("%s/Image", dir.s);
	const struct path ways[] = { mods, path_format("%s/lib/modules/9.9.9-t", mods.s) };
	struct kernel none;
	struct err e = { 0 };

	put_image(dir.s, "Image", "9.9.9-t", 1);
	put_file(mods.s, "lib/modules/9.9.9-t/kernel/a.ko", "module");
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };

		assert_int_equal(catalog_import(c, image.s, ways[i].s, "named", &k, &e), 0);
		assert_true(exists(path_format("%s/kernel/a.ko", k.modules_dir).s));
	}
	assert_int_equal(nr_names(cache_path(c, "/kernels").s), 1);
	assert_int_equal(catalog_import(c, image.s, "/no/such/dir", NULL, &none, &e), -ENOENT);
	assert_says(e, "/no/such/dir");
	assert_int_equal(catalog_import(c, image.s, dir.s, NULL, &none, &e), -ENOENT);
	assert_says(e, "no modules in it");
	assert_int_equal(catalog_import(c, image.s, NULL, "", &none, &e), -EINVAL);
}

TEST(a_broken_kernel_file_is_named)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	struct path dir = new_dir(), text = path_format("%s/text", dir.s);
	struct path cut = path_format("%s/cut.gz", dir.s);
	struct kernel k;
	struct err e = { 0 };

	put_file(dir.s, "text", "this is no kernel\n");
	put_image_gz(dir.s, "cut.gz", "9.9.9-t", 1);
	assert_int_equal(truncate(cut.s, 60), 0);
	assert_true(catalog_resolve(c, text.s, ARCH_ARM64, NULL, &k, &e) < 0);
	assert_says(e, text.s);
	assert_says(e, "a text file");
	assert_true(catalog_resolve(c, cut.s, ARCH_ARM64, NULL, &k, &e) < 0);
	assert_says(e, cut.s);
	assert_true(catalog_import(c, text.s, NULL, NULL, &k, &e) < 0);
	assert_int_equal(nr_names(cache_path(c, "/kernels").s), 0);
	assert_int_equal(nr_names(cache_path(c, "/tmp").s), 0);
}

UNIT_MAIN(NULL, remove_new_dirs)
