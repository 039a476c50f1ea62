/* SPDX-License-Identifier: GPL-2.0-only */
/* Opening ELF files with libelf: 64-bit little-endian ones only. Private to this folder. */
#ifndef IMAGE_ELF_FILE_H
#define IMAGE_ELF_FILE_H

#include <gelf.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* Zero-initialised is closed. */
struct elf_file {
	Elf *elf;
	const char *name; /* for messages; borrowed */
	GElf_Ehdr head;
};

void elf_file_close(struct elf_file *f);
static inline void elf_file_close_scoped(struct elf_file *f)
{
	elf_file_close(f);
}
/* @fd and @data must stay as long as @f is open. -ENOEXEC: not such a file. */
int elf_file_open(struct elf_file *f, int fd, const char *name, struct err *e);
int elf_file_open_mem(struct elf_file *f, const void *data, size_t len, const char *name,
		      struct err *e);

/* Bytes of a section as they are in the file; valid until @f is closed. -ENOENT, -EBADMSG. */
int elf_file_section(struct elf_file *f, const char *section, const uint8_t **ret, size_t *ret_len,
		     struct err *e);

#endif
