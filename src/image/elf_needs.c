/* SPDX-License-Identifier: GPL-2.0-only */
#include "image/elf_needs.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "image/elf_file.h"

#define NEEDED_MAX 1024
#define DYNAMIC_MAX 65536
#define STRINGS_MAX (16u << 20)

/* The dynamic table and the texts it refers to; both borrowed from the ELF file. */
struct dynamic {
	Elf_Data *table;
	size_t nr;
	const char *strings;
	size_t strings_len;
};

void elf_needs_fini(struct elf_needs *n)
{
	free(n->interp);
	free(n->soname);
	free(n->rpath);
	free(n->runpath);
	for (size_t i = 0; i < n->nr_needed; i++)
		free(n->needed[i]);
	free(n->needed);
	*n = (struct elf_needs){ 0 };
}

static bool find_segment(struct elf_file *f, uint32_t type, GElf_Phdr *ret)
{
	size_t nr;

	if (elf_getphdrnum(f->elf, &nr))
		return false;
	for (size_t i = 0; i < nr && i < INT_MAX; i++)
		if (gelf_getphdr(f->elf, (int)i, ret) && ret->p_type == type)
			return true;
	return false;
}

/* Where in the file the byte at @vaddr is, and how many follow it in its segment. */
static bool find_address(struct elf_file *f, uint64_t vaddr, uint64_t *ret_at, uint64_t *ret_left)
{
	GElf_Phdr ph;
	size_t nr;

	if (elf_getphdrnum(f->elf, &nr))
		return false;
	for (size_t i = 0; i < nr && i < INT_MAX; i++) {
		if (!gelf_getphdr(f->elf, (int)i, &ph) || ph.p_type != PT_LOAD)
			continue;
		if (vaddr < ph.p_vaddr || vaddr - ph.p_vaddr >= ph.p_filesz)
			continue;
		*ret_left = ph.p_filesz - (vaddr - ph.p_vaddr);
		return !__builtin_add_overflow(ph.p_offset, vaddr - ph.p_vaddr, ret_at);
	}
	return false;
}

/* NULL unless all of it is in the file. */
static Elf_Data *chunk(struct elf_file *f, uint64_t at, uint64_t len, Elf_Type type)
{
	if (at > INT64_MAX || len > INT64_MAX - at)
		return NULL;
	return elf_getdata_rawchunk(f->elf, (int64_t)at, len, type);
}

static int damaged(struct elf_file *f, const char *what, struct err *e)
{
	return err_set(e, -EBADMSG, "%s: damaged ELF file: %s", f->name, what);
}

/* First entry with @tag; false if there is none. */
static bool find_tag(const struct dynamic *d, int64_t tag, uint64_t *ret)
{
	GElf_Dyn dyn;

	for (size_t i = 0; i < d->nr && gelf_getdyn(d->table, (int)i, &dyn); i++) {
		if (dyn.d_tag == tag) {
			*ret = dyn.d_un.d_val;
			return true;
		}
		if (dyn.d_tag == DT_NULL)
			break;
	}
	return false;
}

static int open_strings(struct elf_file *f, struct dynamic *d, struct err *e)
{
	uint64_t vaddr, len, at, left;

	if (!find_tag(d, DT_STRTAB, &vaddr) || !find_tag(d, DT_STRSZ, &len))
		return 0; /* then no entry can have a text */
	if (!find_address(f, vaddr, &at, &left) || len > left || len > STRINGS_MAX)
		return damaged(f, "its dynamic strings are outside of the file", e);
	Elf_Data *data = len ? chunk(f, at, len, ELF_T_BYTE) : NULL;
	if (len && (!data || !data->d_buf))
		return damaged(f, "its dynamic strings are outside of the file", e);
	d->strings = len ? data->d_buf : NULL;
	d->strings_len = len;
	return 0;
}

static int copy_text(struct elf_file *f, const char *text, size_t cap, char **ret, struct err *e)
{
	size_t len = strnlen(text, cap);

	if (len == cap || memchr(text, '\n', len))
		return damaged(f, "a name in it has no end", e);
	free(*ret);
	*ret = strdup(text);
	return *ret ? 0 : err_sys(e, -ENOMEM, "%s", f->name);
}

static int copy_string(struct elf_file *f, const struct dynamic *d, uint64_t at, char **ret,
		       struct err *e)
{
	if (at >= d->strings_len)
		return damaged(f, "a name in it is outside of its dynamic strings", e);
	return copy_text(f, d->strings + at, d->strings_len - at, ret, e);
}

static int add_needed(struct elf_file *f, const struct dynamic *d, uint64_t at, struct elf_needs *n,
		      struct err *e)
{
	if (n->nr_needed == NEEDED_MAX)
		return damaged(f, "it needs too many libraries", e);
	n->needed[n->nr_needed] = NULL;
	int r = copy_string(f, d, at, &n->needed[n->nr_needed], e);
	n->nr_needed += !r;
	return r;
}

static int take_entry(struct elf_file *f, const struct dynamic *d, const GElf_Dyn *dyn,
		      struct elf_needs *n, struct err *e)
{
	switch (dyn->d_tag) {
	case DT_NEEDED:
		return add_needed(f, d, dyn->d_un.d_val, n, e);
	case DT_SONAME:
		return copy_string(f, d, dyn->d_un.d_val, &n->soname, e);
	case DT_RPATH:
		return copy_string(f, d, dyn->d_un.d_val, &n->rpath, e);
	case DT_RUNPATH:
		return copy_string(f, d, dyn->d_un.d_val, &n->runpath, e);
	case DT_FLAGS_1:
		n->no_default_dirs = dyn->d_un.d_val & DF_1_NODEFLIB;
		return 0;
	default:
		return 0;
	}
}

static int read_interp(struct elf_file *f, struct elf_needs *n, struct err *e)
{
	GElf_Phdr ph;

	if (!find_segment(f, PT_INTERP, &ph))
		return 0;
	Elf_Data *d = ph.p_filesz && ph.p_filesz <= PATH_MAX
			      ? chunk(f, ph.p_offset, ph.p_filesz, ELF_T_BYTE)
			      : NULL;
	if (!d || !d->d_buf)
		return damaged(f, "the name of its interpreter is outside of the file", e);
	return copy_text(f, d->d_buf, d->d_size, &n->interp, e);
}

static int read_dynamic(struct elf_file *f, struct elf_needs *n, struct err *e)
{
	struct dynamic d = { 0 };
	GElf_Phdr ph;
	GElf_Dyn dyn;

	if (!find_segment(f, PT_DYNAMIC, &ph) || !ph.p_filesz)
		return 0;
	d.nr = ph.p_filesz / sizeof(Elf64_Dyn);
	if (!d.nr || d.nr > DYNAMIC_MAX ||
	    !(d.table = chunk(f, ph.p_offset, d.nr * sizeof(Elf64_Dyn), ELF_T_DYN)))
		return damaged(f, "its dynamic table is outside of the file", e);
	int r = open_strings(f, &d, e);
	n->needed = r ? NULL : calloc(NEEDED_MAX, sizeof(*n->needed));
	if (!r && !n->needed)
		r = err_sys(e, -ENOMEM, "%s", f->name);
	for (size_t i = 0; !r && i < d.nr && gelf_getdyn(d.table, (int)i, &dyn); i++) {
		if (dyn.d_tag == DT_NULL)
			break;
		r = take_entry(f, &d, &dyn, n, e);
	}
	return r;
}

int elf_needs_read(struct elf_file *f, struct elf_needs *ret, struct err *e)
{
	SCOPED(elf_needs_fini) struct elf_needs n = { .machine = f->head.e_machine };
	int r = read_interp(f, &n, e);

	if (!r)
		r = read_dynamic(f, &n, e);
	if (r < 0)
		return r;
	*ret = n;
	n = (struct elf_needs){ 0 };
	return 0;
}
