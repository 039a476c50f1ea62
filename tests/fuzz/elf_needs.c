/* SPDX-License-Identifier: GPL-2.0-only */
/* The dynamic part of an ELF file, which decides what the closure of a program looks for. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "image/elf_file.h"
#include "image/elf_needs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text)
{
	if (text && strchr(text, '\n'))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(elf_file_close) struct elf_file f = { 0 };
	SCOPED(elf_needs_fini) struct elf_needs n = { 0 };
	struct err e = { 0 };

	if (elf_file_open_mem(&f, data, size, "input", &e) < 0 || elf_needs_read(&f, &n, &e) < 0) {
		if (strncmp(e.text, "input: ", 7) || n.needed)
			abort();
		return 0;
	}
	check_text(n.interp);
	check_text(n.soname);
	check_text(n.rpath);
	check_text(n.runpath);
	for (size_t i = 0; i < n.nr_needed; i++)
		check_text(n.needed[i]);
	return 0;
}
