/* SPDX-License-Identifier: GPL-2.0-only */
/* Fetching with the real apt from a repository beside this file: no network, own key. */
#include "unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "catalog/tree.h"
#include "catalog_util.h"

static const char *fixture; /* tests/unit/catalog_repo */

static int copy_one(void *ctx, const struct tree_file *f, struct err *e)
{
	struct path to = path_format("%s/%s", (const char *)ctx, f->name), dir = to;

	*strrchr(dir.s, '/') = 0;
	int r = make_dirs(dir.s, 0755, e);
	return r < 0 ? r : file_copy(f->path, to.s, e);
}

/* A copy of the repository to spoil, and the environment that points at it. */
static struct path new_mirror(void)
{
	struct path m = new_dir();

	if (access("/usr/bin/apt-get", X_OK) < 0)
		skip();
	assert_int_equal(tree_walk(fixture, copy_one, m.s, NULL), 0);
	setenv("KTSTR_DEBIAN_MIRROR", path_format("file://%s", m.s).s, 1);
	setenv("KTSTR_DEBIAN_KEYRING", path_format("%s/key.gpg", m.s).s, 1);
	return m;
}

static struct path deb_of(const struct path *mirror)
{
	return path_format("%s/pool/linux-binary-9.9.9+t-cloud-arm64.deb", mirror->s);
}

/* Changes one byte of a file in the middle of what it says. */
static void spoil(struct path file, off_t at)
{
	SCOPED(close_fd) int fd = open(file.s, O_RDWR | O_CLOEXEC);
	char c;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, at), 1);
	c ^= 1;
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
}

static void assert_empty(struct catalog *c)
{
	assert_int_equal(nr_names(cache_path(c, "/kernels").s), 0);
	assert_int_equal(nr_names(cache_path(c, "/tmp").s), 0);
}

static void must_fail(const char *spec, const char *says)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	struct kernel k;
	struct err e = { 0 };
	bool is_new = true;

	assert_true(catalog_fetch(c, spec, ARCH_ARM64, NULL, &k, &is_new, &e) < 0);
	assert_says(e, says);
	assert_empty(c);
	assert_true(catalog_resolve(c, spec, ARCH_ARM64, NULL, &k, &e) < 0);
	assert_says(e, says);
	assert_empty(c);
}

TEST(a_signed_kernel_is_fetched_once_and_serves_offline)
{
	struct path mirror = new_mirror();
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
	SCOPED(kernel_fini) struct kernel again = { .lock_fd = -1 };
	SCOPED(kernel_fini) struct kernel offline = { .lock_fd = -1 };
	struct err e = { 0 };
	bool is_new = false;

	if (catalog_fetch(c, "debian:test", ARCH_ARM64, NULL, &k, &is_new, &e) < 0)
		fail_msg("%s", e.text);
	assert_true(is_new);
	assert_string_equal(k.name, "debian 9.9.9 cloud-arm64");
	assert_string_equal(k.version, "9.9.9+t-cloud-arm64");
	assert_string_equal(k.source, "debian:test:cloud linux-image-9.9.9+t-cloud-arm64 9.9.9-1");
	assert_true(exists(path_format("%s/kernel/drivers/a.ko", k.modules_dir).s));
	assert_false(exists(path_format("%s/dtb", k.modules_dir).s));
	assert_true(exists(k.config_path));
	assert_null(k.system_map); /* a line of text in its place */
	assert_int_equal(catalog_fetch(c, "debian:test", ARCH_ARM64, NULL, &again, &is_new, &e), 0);
	assert_false(is_new);
	assert_string_equal(again.key, k.key);
	assert_int_equal(remove_tree(mirror.s, NULL), 0);
	assert_int_equal(catalog_resolve(c, "debian:test", ARCH_ARM64, NULL, &offline, &e), 0);
	assert_string_equal(offline.key, k.key);
	assert_int_equal(nr_names(cache_path(c, "/tmp").s), 0);
}

TEST(without_a_mirror_the_error_says_what_to_do)
{
	struct path mirror = new_mirror();

	setenv("KTSTR_DEBIAN_KEYRING", path_format("%s/key.gpg", fixture).s, 1);
	assert_int_equal(remove_tree(mirror.s, NULL), 0);
	must_fail("debian:test", "debian test (arm64): update: ");
	setenv("KTSTR_DEBIAN_MIRROR", "http://127.0.0.1:9/debian", 1);
	must_fail("debian:test", "check the network, or name a mirror in KTSTR_DEBIAN_MIRROR");
}

TEST(a_tampered_package_never_becomes_an_entry)
{
	struct path mirror = new_mirror();

	spoil(deb_of(&mirror), 500);
	must_fail("debian:test", "Hash Sum mismatch");
}

TEST(a_truncated_package_never_becomes_an_entry)
{
	struct path mirror = new_mirror();

	assert_int_equal(truncate(deb_of(&mirror).s, 400), 0);
	must_fail("debian:test", "the mirror is damaged");
}

TEST(tampered_package_lists_are_refused)
{
	struct path mirror = new_mirror();

	spoil(path_format("%s/dists/test/main/binary-arm64/Packages", mirror.s), 300);
	must_fail("debian:test", "debian test (arm64): update: ");
}

TEST(a_tampered_release_is_refused)
{
	struct path mirror = new_mirror();

	spoil(path_format("%s/dists/test/InRelease", mirror.s), 70);
	must_fail("debian:test", "debian test (arm64): update: ");
}

TEST(a_release_without_signature_is_refused)
{
	struct path mirror = new_mirror();
	struct path signed_ = path_format("%s/dists/test/InRelease", mirror.s);
	SCOPED(mem_free) char *text = NULL;

	assert_int_equal(read_file(signed_.s, 1 << 16, &text, NULL, NULL), 0);
	*strstr(text, "-----BEGIN PGP SIGNATURE") = 0;
	put_file(mirror.s, "dists/test/Release", strstr(text, "Origin:"));
	assert_int_equal(unlink(signed_.s), 0);
	must_fail("debian:test", "is not signed");
}

TEST(a_signature_of_somebody_else_is_refused)
{
	new_mirror();
	setenv("KTSTR_DEBIAN_KEYRING", "/usr/share/keyrings/debian-archive-keyring.gpg", 1);
	if (!exists(getenv("KTSTR_DEBIAN_KEYRING")))
		skip();
	must_fail("debian:test", "debian test (arm64): update: ");
}

TEST(what_is_missing_is_named)
{
	struct path mirror = new_mirror();
	SCOPED(mem_free) char *path = strdup(getenv("PATH"));

	must_fail("debian:nosuch", "is there such a suite?");
	must_fail("debian:test:rt", "this suite has no such kernel");
	setenv("KTSTR_DEBIAN_KEYRING", "/no/such/keyring", 1);
	must_fail("debian:test", "keyring /no/such/keyring");
	setenv("KTSTR_DEBIAN_MIRROR", "http://a b/", 1);
	must_fail("debian:test", "KTSTR_DEBIAN_MIRROR \"http://a b/\"");
	setenv("KTSTR_DEBIAN_MIRROR", path_format("file://%s", mirror.s).s, 1);
	setenv("KTSTR_DEBIAN_KEYRING", path_format("%s/key.gpg", mirror.s).s, 1);
	setenv("PATH", "/no/such/dir", 1);
	must_fail("debian:test", "apt is not installed");
	setenv("PATH", path, 1);
}

TEST(one_kernel_in_two_suites_is_one_entry)
{
	struct path mirror = new_mirror();
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	struct path from = path_format("%s/dists/test", mirror.s);
	struct path to = path_format("%s/dists/other", mirror.s);
	static const char *const specs[] = { "debian:test", "debian:other" };

	assert_int_equal(tree_walk(from.s, copy_one, to.s, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
		struct err e = { 0 };
		bool is_new;

		if (catalog_fetch(c, specs[i], ARCH_ARM64, NULL, &k, &is_new, &e) < 0)
			fail_msg("%s", e.text);
		assert_int_equal(is_new, i == 0);
	}
	assert_int_equal(remove_tree(mirror.s, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };

		assert_int_equal(catalog_resolve(c, specs[i], ARCH_ARM64, NULL, &k, NULL), 0);
	}
	assert_int_equal(nr_names(cache_path(c, "/kernels").s), 1);
}

static int fetch_once(void *arg)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(((struct path *)arg)->s);
	SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
	bool is_new;

	if (catalog_fetch(c, "debian:test", ARCH_ARM64, NULL, &k, &is_new, NULL) < 0)
		return 2;
	return is_new ? 1 : 0;
}

TEST(two_fetches_at_once_both_succeed_and_one_is_new)
{
	struct path cache = new_dir();

	new_mirror();
	pid_t a = start_child(fetch_once, &cache), b = start_child(fetch_once, &cache);
	assert_int_equal(wait_for(a) + wait_for(b), 1);
	SCOPED(catalog_close) struct catalog *c = open_cache(cache.s);
	assert_int_equal(nr_names(cache_path(c, "/kernels").s), 1);
	assert_int_equal(nr_names(cache_path(c, "/tmp").s), 0);
}

static int fetch_as_nobody(void *arg)
{
	become_nobody();
	return fetch_once(arg);
}

TEST(no_root_is_needed)
{
	struct path cache = new_dir();

	new_mirror();
	assert_int_equal(chmod(cache.s, 0777), 0);
	assert_int_equal(in_child(fetch_as_nobody, &cache), 1);
}

TEST(a_damaged_kernel_is_fetched_again)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
	struct err e = { 0 };

	new_mirror();
	assert_int_equal(catalog_resolve(c, "debian:test", ARCH_ARM64, NULL, &k, &e), 0);
	struct path boot = path_format("%s", k.boot_path);
	kernel_fini(&k);
	assert_int_equal(unlink(boot.s), 0);
	assert_int_equal(catalog_resolve(c, "debian:test", ARCH_ARM64, NULL, &k, &e), 0);
	assert_true(exists(k.boot_path));
}

int main(int argc, char **argv)
{
	fixture = getenv("CATALOG_REPO");
	if (!fixture)
		return 2;
	return unit_run(NULL, remove_new_dirs);
}
