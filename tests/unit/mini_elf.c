/* SPDX-License-Identifier: GPL-2.0-only */
#include "mini_elf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define DYNAMIC_BASE 0x400000ull

/* Offset in the file of what is put next. */
static size_t put(struct mini_elf *m, const void *data, size_t len)
{
	buf_align(&m->body, 16);
	size_t at = sizeof(Elf64_Ehdr) + m->body.len;
	buf_put(&m->body, data, len);
	return at;
}

static uint32_t add_name(struct mini_elf *m, const char *name)
{
	size_t at = m->names_len ? m->names_len : 1, n = strlen(name) + 1;

	assert(at + n <= sizeof(m->names));
	memcpy(m->names + at, name, n);
	m->names_len = at + n;
	return (uint32_t)at;
}

void mini_elf_section(struct mini_elf *m, const char *name, const void *data, size_t len)
{
	assert(m->nr_sections < MINI_MAX - 2);
	m->section[++m->nr_sections] = (Elf64_Shdr){
		.sh_name = add_name(m, name),
		.sh_type = SHT_PROGBITS,
		.sh_offset = put(m, data, len),
		.sh_size = len,
		.sh_addralign = 8,
	};
}

void mini_elf_segment(struct mini_elf *m, uint32_t type, uint64_t vaddr, uint64_t paddr,
		      const void *data, size_t len, uint64_t memsz)
{
	assert(m->nr_segments < MINI_MAX);
	m->segment[m->nr_segments++] = (Elf64_Phdr){
		.p_type = type,
		.p_offset = put(m, data, len),
		.p_vaddr = vaddr,
		.p_paddr = paddr,
		.p_filesz = len,
		.p_memsz = memsz,
		.p_align = 4,
	};
}

static void add_tag(struct buf *table, int64_t tag, uint64_t value)
{
	buf_put(table, &(Elf64_Dyn){ .d_tag = tag, .d_un.d_val = value }, sizeof(Elf64_Dyn));
}

static void add_text_tag(struct buf *table, struct buf *text, int64_t tag, const char *value)
{
	if (!value)
		return;
	add_tag(table, tag, text->len);
	buf_put(text, value, strlen(value) + 1);
}

void mini_elf_dynamic(struct mini_elf *m, const struct mini_dynamic *d)
{
	struct buf table = { 0 }, text = { 0 };

	buf_putc(&text, 0);
	for (size_t i = 0; d->needed && d->needed[i]; i++)
		add_text_tag(&table, &text, DT_NEEDED, d->needed[i]);
	add_text_tag(&table, &text, DT_SONAME, d->soname);
	add_text_tag(&table, &text, DT_RPATH, d->rpath);
	add_text_tag(&table, &text, DT_RUNPATH, d->runpath);
	add_tag(&table, DT_STRTAB, DYNAMIC_BASE);
	add_tag(&table, DT_STRSZ, text.len);
	add_tag(&table, DT_NULL, 0);
	if (d->interp)
		mini_elf_segment(m, PT_INTERP, 0, 0, d->interp, strlen(d->interp) + 1,
				 strlen(d->interp) + 1);
	mini_elf_segment(m, PT_LOAD, DYNAMIC_BASE, DYNAMIC_BASE, text.at, text.len, text.len);
	mini_elf_segment(m, PT_DYNAMIC, 0, 0, table.at, table.len, table.len);
	buf_fini(&table);
	buf_fini(&text);
}

static void finish_sections(struct mini_elf *m)
{
	m->section[++m->nr_sections] =
		(Elf64_Shdr){ .sh_name = add_name(m, ".shstrtab"), .sh_type = SHT_STRTAB };
	Elf64_Shdr *names = &m->section[m->nr_sections++];
	names->sh_offset = put(m, m->names, m->names_len);
	names->sh_size = m->names_len;
}

void mini_elf_finish(struct mini_elf *m, struct buf *out)
{
	Elf64_Ehdr eh = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = m->type,
		.e_machine = m->machine,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(eh),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (uint16_t)m->nr_segments,
		.e_shentsize = sizeof(Elf64_Shdr),
	};

	finish_sections(m);
	eh.e_phoff = put(m, m->segment, m->nr_segments * sizeof(m->segment[0]));
	eh.e_shoff = put(m, m->section, m->nr_sections * sizeof(m->section[0]));
	eh.e_shnum = (uint16_t)m->nr_sections;
	eh.e_shstrndx = (uint16_t)(m->nr_sections - 1);
	buf_put(out, &eh, sizeof(eh));
	buf_put(out, m->body.at, m->body.len);
	buf_fini(&m->body);
	*m = (struct mini_elf){ .type = m->type, .machine = m->machine };
}
