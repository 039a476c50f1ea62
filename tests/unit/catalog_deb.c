/* SPDX-License-Identifier: GPL-2.0-only */
/* Debian packages: what is taken out of good ones, and that hostile ones get nowhere. */
#include "unit.h"

#include <archive.h>
#include <archive_entry.h>
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "catalog/deb.h"
#include "catalog/libarchive.h"
#include "catalog/packages.h"
#include "catalog_util.h"

struct member {
	const char *name;
	mode_t type; /* AE_IFREG when 0 */
	const char *body;
	const char *link; /* target of a symbolic or hard link */
};

static la_ssize_t to_buf(struct archive *a, void *ctx, const void *data, size_t n)
{
	buf_put(ctx, data, n);
	return (la_ssize_t)n;
}

static void add_member(struct archive *a, const struct member *m)
{
	struct archive_entry *ae = archive_entry_new();

	archive_entry_set_pathname(ae, m->name);
	archive_entry_set_filetype(ae, m->type ? m->type : AE_IFREG);
	archive_entry_set_perm(ae, 0644);
	if (m->link && m->type == AE_IFLNK)
		archive_entry_set_symlink(ae, m->link);
	else if (m->link)
		archive_entry_set_hardlink(ae, m->link);
	archive_entry_set_size(ae, m->body ? (la_int64_t)strlen(m->body) : 0);
	assert_int_equal(archive_write_header(a, ae), ARCHIVE_OK);
	if (m->body)
		archive_write_data(a, m->body, strlen(m->body));
	archive_entry_free(ae);
}

static void make_tar(const struct member *m, int filter, struct buf *out)
{
	struct archive *a = archive_write_new();

	assert_int_equal(archive_write_add_filter(a, filter), ARCHIVE_OK);
	assert_int_equal(archive_write_set_format_gnutar(a), ARCHIVE_OK);
	assert_int_equal(archive_write_set_bytes_in_last_block(a, 1), ARCHIVE_OK);
	assert_int_equal(archive_write_open(a, out, NULL, to_buf, NULL), ARCHIVE_OK);
	for (; m->name; m++)
		add_member(a, m);
	assert_int_equal(archive_write_free(a), ARCHIVE_OK);
}

static void put_ar_member(struct buf *out, const char *name, const void *data, size_t len)
{
	buf_printf(out, "%-16s%-12d%-6d%-6d%-8o%-10zu`\n", name, 0, 0, 0, 0100644, len);
	buf_put(out, data, len);
	if (len % 2)
		buf_putc(out, '\n');
}

static void make_deb(const struct member *m, int filter, struct buf *out)
{
	SCOPED(buf_fini) struct buf tar = { 0 };

	make_tar(m, filter, &tar);
	buf_puts(out, "!<arch>\n");
	put_ar_member(out, "debian-binary", "2.0\n", 4);
	put_ar_member(out, "control.tar.xz", "not looked at", 13);
	put_ar_member(out, "data.tar.xz", tar.at, tar.len);
	assert_int_equal(out->bad, 0);
}

static bool is_boot(const char *name)
{
	return !strncmp(name, "boot/", 5) || !strncmp(name, "lib/modules/", 12);
}

static int unpack(const struct member *m, const char *dir, struct err *e)
{
	SCOPED(buf_fini) struct buf deb = { 0 };

	make_deb(m, ARCHIVE_FILTER_XZ, &deb);
	return deb_unpack(deb.at, deb.len, is_boot, dir, 1 << 20, e);
}

static void assert_file(const char *dir, const char *name, const char *body)
{
	SCOPED(mem_free) char *text = NULL;

	assert_int_equal(read_file(path_format("%s/%s", dir, name).s, 1 << 20, &text, NULL, NULL),
			 0);
	assert_string_equal(text, body);
}

static const struct member good[] = {
	{ .name = "./", .type = AE_IFDIR },
	{ .name = "./boot/", .type = AE_IFDIR },
	{ .name = "./boot/vmlinuz-9", .body = "kernel" },
	{ .name = "./usr/lib/modules/9/kernel/a.ko", .body = "module" },
	{ .name = "./usr/lib/modules/9/build", .type = AE_IFLNK, .link = "/usr/src/linux" },
	{ .name = "./usr/share/doc/x", .body = "not wanted" },
	{ 0 },
};

TEST(wanted_files_come_out_of_every_compression)
{
	static const int filters[] = { ARCHIVE_FILTER_XZ, ARCHIVE_FILTER_ZSTD, ARCHIVE_FILTER_GZIP,
				       ARCHIVE_FILTER_NONE };

	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		SCOPED(buf_fini) struct buf deb = { 0 };
		struct path dir = new_dir();
		struct err e = { 0 };

		make_deb(good, filters[i], &deb);
		if (deb_unpack(deb.at, deb.len, is_boot, dir.s, 1 << 20, &e) < 0)
			fail_msg("%s", e.text);
		assert_file(dir.s, "boot/vmlinuz-9", "kernel");
		assert_file(dir.s, "lib/modules/9/kernel/a.ko", "module");
		assert_int_equal(nr_names(dir.s), 2);
		assert_false(exists(path_format("%s/lib/modules/9/build", dir.s).s));
	}
}

void *__real_dlopen(const char *name, int flags);
void *__wrap_dlopen(const char *name, int flags);
static bool library_is_missing;

void *__wrap_dlopen(const char *name, int flags)
{
	return __real_dlopen(library_is_missing ? "libnowhere.so.1" : name, flags);
}

TEST(a_machine_without_the_library_is_told_what_is_missing)
{
	const struct libarchive loaded = libarchive;
	struct err e = { 0 };

	libarchive = (struct libarchive){ NULL };
	library_is_missing = true;
	int r = unpack(good, new_dir().s, &e);
	library_is_missing = false;
	libarchive = loaded;
	assert_int_equal(r, -ENOTSUP);
	assert_non_null(strstr(e.text, "the library that unpacks packages: libnowhere.so.1: "));
}

TEST(names_that_lead_out_are_refused)
{
	static const char *const names[] = {
		"/boot/x",	   "../boot/x",
		"./../boot/x",	   "boot/../../x",
		"boot/..",	   "boot/./x",
		"./usr/../boot/x", ".//boot/x",
		"boot//x",	   "./usr/lib/../../../x",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct member m[] = { { .name = names[i], .body = "evil" }, { 0 } };
		struct path outer = new_dir();
		struct path dir = path_format("%s/a/b/c", outer.s);
		struct err e = { 0 };

		assert_int_equal(make_dirs(dir.s, 0755, NULL), 0);
		if (unpack(m, dir.s, &e) != -EBADMSG)
			fail_msg("%s was taken", names[i]);
		assert_says(e, names[i]);
		assert_int_equal(nr_names(dir.s), 0);
		assert_int_equal(nr_names(outer.s), 1);
	}
}

TEST(links_and_devices_are_never_made)
{
	const struct member m[] = {
		{ .name = "boot", .type = AE_IFLNK, .link = "/tmp" },
		{ .name = "boot/link", .type = AE_IFLNK, .link = "/etc/passwd" },
		{ .name = "boot/hard", .link = "/etc/passwd" },
		{ .name = "boot/pipe", .type = AE_IFIFO },
		{ .name = "boot/null", .type = AE_IFCHR },
		{ .name = "boot/link", .body = "plain" },
		{ 0 },
	};
	struct path dir = new_dir();
	struct stat st;

	assert_int_equal(unpack(m, dir.s, NULL), 0);
	assert_file(dir.s, "boot/link", "plain");
	assert_int_equal(lstat(path_format("%s/boot", dir.s).s, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(nr_names(path_format("%s/boot", dir.s).s), 1);
}

TEST(a_file_cannot_be_replaced_by_a_later_one)
{
	const struct member twice[] = { { .name = "boot/a", .body = "1" },
					{ .name = "boot/a", .body = "2" },
					{ 0 } };
	const struct member under[] = { { .name = "boot/a", .body = "1" },
					{ .name = "boot/a/b", .body = "2" },
					{ 0 } };
	struct err e = { 0 };
	struct path dir = new_dir();

	assert_int_equal(unpack(twice, dir.s, &e), -EBADMSG);
	assert_says(e, "boot/a");
	assert_file(dir.s, "boot/a", "1");
	assert_int_equal(unpack(under, new_dir().s, &e), -ENOTDIR);
}

TEST(a_package_that_unpacks_to_too_much_is_refused)
{
	SCOPED(buf_fini) struct buf deb = { 0 };
	SCOPED(mem_free) char *zeros = malloc(100001);
	struct err e = { 0 };

	memset(zeros, '0', 100000);
	zeros[100000] = 0;
	const struct member m[] = { { .name = "boot/bomb", .body = zeros }, { 0 } };
	make_deb(m, ARCHIVE_FILTER_XZ, &deb);
	assert_int_equal(deb_unpack(deb.at, deb.len, is_boot, new_dir().s, 99999, &e), -EBADMSG);
	assert_says(e, "boot/bomb");
	assert_int_equal(deb_unpack(deb.at, deb.len, is_boot, new_dir().s, 100000, &e), 0);
}

TEST(every_truncation_is_an_error)
{
	SCOPED(buf_fini) struct buf deb = { 0 };

	make_deb(good, ARCHIVE_FILTER_GZIP, &deb);
	for (size_t len = 0; len + 40 < deb.len; len += 7) {
		struct path dir = new_dir();
		struct err e = { 0 };

		if (deb_unpack(deb.at, len, is_boot, dir.s, 1 << 20, &e) != -EBADMSG)
			fail_msg("%zu of %zu bytes were good enough", len, deb.len);
		assert_true(e.text[0]);
		assert_int_equal(remove_new_dirs(NULL), 0);
	}
}

TEST(what_is_no_package_is_told_apart)
{
	static const char *const bad[] = { "", "!<arch>\n", "hello, this is text", "\177ELF" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err e = { 0 };

		assert_int_equal(deb_unpack(bad[i], strlen(bad[i]), is_boot, new_dir().s, 1, &e),
				 -EBADMSG);
		assert_says(e, "not a Debian package");
	}
}

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

TEST(versions_are_ordered_as_debian_does)
{
	static const struct {
		const char *a, *b;
		int want;
	} rows[] = {
		{ "7.3.4-1~bpo13+1", "7.3.4-1", -1 },
		{ "7.3.4-1~bpo13+1", "7.3.4-1~bpo13+1", 0 },
		{ "6.12.107-1", "6.12.95-1", 1 },
		{ "7.3~rc2-1", "7.3-1~exp1", -1 },
		{ "7.3~rc2-1", "7.3~rc10-1", -1 },
		{ "1:6.1-1", "6.12-1", 1 },
		{ "6.1-1", "6.1-1+b1", -1 },
		{ "1.0a", "1.0", 1 },
		{ "1.0+x", "1.0a", 1 },
		{ "1.0", "1.0-0", 0 },
		{ "007", "7", 0 },
		{ "7.3.4", "7.3.10", -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int d = sign(deb_version_compare(rows[i].a, rows[i].b));

		if (d != rows[i].want || sign(deb_version_compare(rows[i].b, rows[i].a)) != -d)
			fail_msg("%s and %s", rows[i].a, rows[i].b);
	}
}

TEST(fields_are_found_by_their_whole_name)
{
	static const char record[] =
		"Package: x\nPre-Depends: a\nDepends: b (= 1), c\nEmpty:\nLast: z";
	const char *v;

	assert_int_equal(deb_field(record, "Depends", &v), 10);
	assert_memory_equal(v, "b (= 1), c", 10);
	assert_int_equal(deb_field(record, "last", &v), 1);
	assert_int_equal(deb_field(record, "Empty", &v), 0);
	assert_int_equal(deb_field(record, "Pack", &v), 0);
}

TEST(parts_of_a_kernel_are_followed_by_exact_dependencies)
{
	static const char meta[] =
		"Package: linux-image-cloud-amd64\nVersion: 7.3.4-1\nSize: 1524\n"
		"Depends: linux-base-cloud-amd64 (= 7.3.4-1), linux-image-7.3.4+deb13-cloud-amd64 "
		"(= "
		"7.3.4-1), linux-modules-cloud-amd64 (= 7.3.4-1)\n";
	static const char image[] =
		"Package: linux-image-7.3.4+deb13-cloud-amd64\nVersion: 7.3.4-1\nSize: 1928\n"
		"Depends: dracut | initramfs-tools (>= 0.120), linux-base-7.3.4+deb13-cloud-amd64 "
		"(= "
		"7.3.4-1), linux-binary-7.3.4+deb13-cloud-amd64 (= 7.3.4-1), linux-base (>= 4.3~), "
		"linux-modules-9.9 (>= 1), linux-image-1 | linux-image-2 (= 3)\n\n"
		"Package: linux-image-7.3.4+deb13-cloud-amd64\nDepends: "
		"linux-image-7.3.4+deb13-cloud-"
		"amd64 (= 7.3.4-1)";
	struct packages all = { 0 };

	assert_int_equal(packages_follow(meta, &all, NULL), 0);
	assert_int_equal(all.nr, 1);
	assert_string_equal(all.at[0].name, "linux-image-7.3.4+deb13-cloud-amd64");
	assert_string_equal(all.at[0].version, "7.3.4-1");
	assert_int_equal(packages_follow(image, &all, NULL), 0);
	assert_int_equal(all.nr, 3);
	assert_int_equal(all.at[0].size, 1928);
	assert_string_equal(all.at[1].name, "linux-base-7.3.4+deb13-cloud-amd64");
	assert_string_equal(all.at[2].name, "linux-binary-7.3.4+deb13-cloud-amd64");
}

TEST(a_record_cannot_name_packages_without_end)
{
	SCOPED(buf_fini) struct buf text = { 0 };
	struct packages all = { 0 };
	struct err e = { 0 };

	buf_puts(&text, "Depends: linux-image-1 (= 1)");
	for (int i = 2; i < 40; i++)
		buf_printf(&text, ", linux-image-%d (= 1)", i);
	assert_int_equal(packages_follow(buf_str(&text), &all, &e), -E2BIG);
	assert_int_equal(all.nr, PACKAGES_MAX);
}

UNIT_MAIN(NULL, remove_new_dirs)
