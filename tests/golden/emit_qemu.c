/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes the arguments QEMU is started with, one a line: emit_qemu ARCH TOPOLOGY MIB [WORD...] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "vm/qemu/args.h"

static bool given(int argc, char **argv, const char *word)
{
	for (int i = 4; i < argc; i++)
		if (!strcmp(argv[i], word))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	SCOPED(arglist_fini) struct arglist list = { 0 };
	struct err e = { .text = "usage: emit_qemu ARCH TOPOLOGY MIB "
				 "[kvm|tty|verbose|virtual|turns|fed|save|resume]..." };

	if (argc < 4)
		return fprintf(stderr, "%s\n", e.text), 2;
	bool save = given(argc, argv, "save"), resume = given(argc, argv, "resume");
	struct qemu_shape s = {
		.memory_bytes = strtoull(argv[3], NULL, 10) << 20,
		.parcel_bytes = save || resume ? 16 << 20 : 0,
		.start = resume ? QEMU_RESUMES
			 : save ? QEMU_BOOTS_TO_FREEZE
				: QEMU_BOOTS,
		.gdb = save,
		.kvm = given(argc, argv, "kvm"),
		.tty = given(argc, argv, "tty"),
		.verbose = given(argc, argv, "verbose"),
		.initrd = true,
		.virtual_time = given(argc, argv, "virtual"),
		.fed = given(argc, argv, "fed"),
		.pace = { .rate_shift = 2, .turn_us = given(argc, argv, "turns") ? 400 : 0 },
		.seed = 0x1f3a,
		.emulator = "/usr/bin/qemu-system",
		.cmdline = "sysctl.kernel.sched_schedstats=1 two words",
	};
	if (arch_parse(argv[1], &s.arch) < 0 || topo_parse(argv[2], &s.topo, &e) < 0 ||
	    qemu_shape_check(&s, &e) < 0 || qemu_args(&s, &list) < 0)
		return fprintf(stderr, "%s\n", e.text), 1;
	SCOPED(mem_free) char **args = arglist_argv(&list);
	for (size_t i = 0; args && i < list.nr; i++)
		puts(args[i]);
	return 0;
}
