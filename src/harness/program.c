/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include "base/buf.h"
#include "base/io.h"
#include "image/closure.h"

int program_fits(const char *path, enum arch a)
{
	unsigned char id[20] = { 0 };
	SCOPED(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int r = read_full(fd, id, sizeof(id));
	if (r < 0)
		return r;
	if (id[0] == '#' && id[1] == '!')
		return 0;
	if (memcmp(id, ELFMAG, SELFMAG))
		return -ENOEXEC;
	uint16_t machine = (uint16_t)(id[18] | id[19] << 8);
	return machine == arch_names(a)->elf_machine ? 0 : -EXDEV;
}

int program_add_place(struct words *places, const char *fmt, ...)
{
	SCOPED(buf_fini) struct buf path = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&path, fmt, ap);
	va_end(ap);
	return path.bad ? path.bad : words_add(places, buf_str(&path));
}

int program_add_path(struct words *places)
{
	const char *env = getenv("PATH");
	int r = 0;

	while (!r && env && *env) {
		size_t len = strcspn(env, ":");
		r = program_add_place(places, "%.*s", (int)len, env);
		env += len + (env[len] == ':');
	}
	return r;
}

static int take_copy(const char *path, char **ret)
{
	char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	free(*ret);
	*ret = copy;
	return 0;
}

int program_find(const struct words *places, const char *name, enum arch a, char **ret,
		 char **ret_misfit)
{
	int r = -ENOENT;

	if (strchr(name, '/')) {
		r = program_fits(name, a);
		if (r == -ENOEXEC || r == -ENODATA)
			r = -EXDEV;
		return r < 0 ? r : take_copy(name, ret);
	}
	for (size_t i = 0; i < places->nr; i++) {
		SCOPED(buf_fini) struct buf path = { 0 };
		buf_printf(&path, "%s/%s", places->at[i], name);
		int one = program_fits(buf_str(&path), a);
		if (!one)
			return take_copy(buf_str(&path), ret);
		if (one != -EXDEV || *ret_misfit)
			continue;
		r = take_copy(buf_str(&path), ret_misfit);
		if (r < 0)
			return r;
		r = -EXDEV;
	}
	return r;
}

const char *program_sysroot(enum arch a)
{
	return closure_default_sysroot(a);
}
