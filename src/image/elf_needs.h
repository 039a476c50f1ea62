/* SPDX-License-Identifier: GPL-2.0-only */
/* What an ELF file asks of the dynamic loader. Pure reading; hostile input. Private to this folder. */
#ifndef IMAGE_ELF_NEEDS_H
#define IMAGE_ELF_NEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scoped.h"

struct elf_file;
struct err;

/* Texts are owned and never contain a NUL or a newline; NULL = not there. */
struct elf_needs {
	uint16_t machine;
	bool no_default_dirs; /* DF_1_NODEFLIB */
	char *interp;
	char *soname;
	char *rpath;
	char *runpath;
	char **needed;
	size_t nr_needed;
};

void elf_needs_fini(struct elf_needs *n);
DEFINE_SCOPED_FINI(struct elf_needs, elf_needs_fini)

int elf_needs_read(struct elf_file *f, struct elf_needs *ret, struct err *e);

#endif
