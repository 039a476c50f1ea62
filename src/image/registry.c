/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads the records and sorts them; what may stand in them is in registry_check.c. */
#include "image/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "image/elf_file.h"
#include "image/registry_check.h"

#define SECTION_MAX (64u << 20)

/* The start that all kinds of records share. */
struct record_head {
	uint32_t magic;
	uint16_t version;
	uint16_t size;
	char name[KTSTR_NAME_MAX];
};
_Static_assert(offsetof(struct ktstr_test_record, name) == offsetof(struct record_head, name) &&
		       offsetof(struct ktstr_sched_record, name) ==
			       offsetof(struct record_head, name),
	       "the start of the records is not the same");

/* One section's records, copied. */
struct record_array {
	char *at;
	size_t nr;
	size_t size; /* of one */
	const char *file;
	const char *section;
};

void registry_fini(struct registry *r)
{
	free(r->tests);
	free(r->scheds);
	*r = (struct registry){ 0 };
}

static int check_head(const struct record_array *a, const uint8_t *at, size_t left, struct err *e)
{
	struct record_head h;

	if (left < sizeof(h))
		return err_set(e, -EBADMSG, "%s: section %s: record %zu is cut off", a->file,
			       a->section, a->nr);
	memcpy(&h, at, sizeof(h));
	if (h.magic != KTSTR_REGISTRY_MAGIC)
		return err_set(e, -EBADMSG, "%s: section %s: record %zu is damaged", a->file,
			       a->section, a->nr);
	if (h.version != KTSTR_REGISTRY_VERSION || h.size != a->size)
		return err_set(e, -EPROTO,
			       "%s: built with another libktstr (registry version %u of %u bytes, "
			       "this ktstr reads %u of %zu): build it again",
			       a->file, h.version, h.size, KTSTR_REGISTRY_VERSION, a->size);
	if (left < a->size)
		return err_set(e, -EBADMSG, "%s: section %s: record %zu is cut off", a->file,
			       a->section, a->nr);
	return 0;
}

/* Zero words between records are the compiler's padding. */
static bool is_padding(const uint8_t *at, size_t left)
{
	static const uint8_t zero[8];

	return !memcmp(at, zero, left < sizeof(zero) ? left : sizeof(zero));
}

static int copy_records(struct record_array *a, const uint8_t *data, size_t len, struct err *e)
{
	if (len > SECTION_MAX)
		return err_set(e, -EFBIG, "%s: section %s: %zu bytes is too large", a->file,
			       a->section, len);
	a->at = calloc(len / a->size + 1, a->size);
	if (!a->at)
		return err_sys(e, -ENOMEM, "%s", a->file);
	for (size_t at = 0; at < len;) {
		if (is_padding(data + at, len - at)) {
			at += 8;
			continue;
		}
		int r = check_head(a, data + at, len - at, e);
		if (r < 0)
			return r;
		memcpy(a->at + a->nr++ * a->size, data + at, a->size);
		at += a->size;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct record_head *x = a, *y = b;

	return strncmp(x->name, y->name, sizeof(x->name));
}

/* A missing section is an empty array. */
static int read_records(struct elf_file *f, struct record_array *a, struct err *e)
{
	const uint8_t *data;
	size_t len;
	int r = elf_file_section(f, a->section, &data, &len, e);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	a->file = f->name;
	r = copy_records(a, data, len, e);
	if (!r)
		qsort(a->at, a->nr, a->size, by_name);
	return r;
}

static int read_all(struct elf_file *f, struct registry *g, struct err *e)
{
	struct record_array tests = { .section = KTSTR_TESTS_SECTION, .size = sizeof(*g->tests) };
	struct record_array scheds = { .section = KTSTR_SCHEDS_SECTION,
				       .size = sizeof(*g->scheds) };
	int r = read_records(f, &tests, e);

	if (!r)
		r = read_records(f, &scheds, e);
	*g = (struct registry){ .arch = g->arch,
				.tests = (struct ktstr_test_record *)(void *)tests.at,
				.nr_tests = tests.nr,
				.scheds = (struct ktstr_sched_record *)(void *)scheds.at,
				.nr_scheds = scheds.nr };
	if (r < 0)
		return r;
	if (!g->nr_tests)
		return err_set(e, -ENOEXEC, "%s: not a ktstr test binary: it registers no tests",
			       f->name);
	return registry_check(g, f->name, e);
}

static int read_elf(struct elf_file *f, struct registry *ret, struct err *e)
{
	SCOPED(registry_fini) struct registry g = { 0 };

	if (arch_from_elf(f->head.e_machine, &g.arch) < 0)
		return err_set(e, -ENOEXEC, "%s: built for an architecture that is not supported",
			       f->name);
	if (f->head.e_type != ET_EXEC && f->head.e_type != ET_DYN)
		return err_set(e, -ENOEXEC, "%s: not a program (an object file, not linked)",
			       f->name);
	int r = read_all(f, &g, e);
	if (r < 0)
		return r;
	*ret = g;
	g = (struct registry){ 0 };
	return 0;
}

int registry_read(const char *path, struct registry *ret, struct err *e)
{
	SCOPED(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	SCOPED(elf_file_close) struct elf_file f = { 0 };

	if (fd < 0)
		return err_sys(e, -errno, "%s", path);
	int r = elf_file_open(&f, fd, path, e);
	return r < 0 ? r : read_elf(&f, ret, e);
}

int registry_read_mem(const void *data, size_t len, const char *name, struct registry *ret,
		      struct err *e)
{
	SCOPED(elf_file_close) struct elf_file f = { 0 };
	int r = elf_file_open_mem(&f, data, len, name, e);

	return r < 0 ? r : read_elf(&f, ret, e);
}

const struct ktstr_sched_record *registry_sched(const struct registry *r, const char *name)
{
	struct record_head key = { 0 };

	if (!r->nr_scheds || strlen(name) >= sizeof(key.name))
		return NULL;
	strcpy(key.name, name);
	return bsearch(&key, r->scheds, r->nr_scheds, sizeof(*r->scheds), by_name);
}
