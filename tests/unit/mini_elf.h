/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes small ELF files for tests: sections, segments and dynamic tables, sound or not. */
#ifndef UNIT_MINI_ELF_H
#define UNIT_MINI_ELF_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define MINI_MAX 8

/* Zero-initialised and with type and machine set it is a file without contents. */
struct mini_elf {
	uint16_t type, machine;
	struct buf body; /* what follows the ELF header */
	Elf64_Phdr segment[MINI_MAX];
	size_t nr_segments;
	Elf64_Shdr section[MINI_MAX];
	char names[256];
	size_t names_len;
	size_t nr_sections;
};

/* What a dynamic table says; lists end with NULL, members may be NULL. */
struct mini_dynamic {
	const char *interp, *soname, *rpath, *runpath;
	const char *const *needed;
};

void mini_elf_section(struct mini_elf *m, const char *name, const void *data, size_t len);
/* A segment of @len file bytes and @memsz bytes in memory at virtual and physical addresses. */
void mini_elf_segment(struct mini_elf *m, uint32_t type, uint64_t vaddr, uint64_t paddr,
		      const void *data, size_t len, uint64_t memsz);
void mini_elf_dynamic(struct mini_elf *m, const struct mini_dynamic *d);
/* Appends the file to @out and forgets everything. */
void mini_elf_finish(struct mini_elf *m, struct buf *out);

#endif
