/* SPDX-License-Identifier: GPL-2.0-only */
/* Environments and argument vectors of what init starts; init itself, as the build embeds it. */
#include "unit.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "guest/env.h"
#include "image/guest.h"

static const char *value_of(const struct job_list *env, const char *name)
{
	const char *found = NULL;
	size_t n = strlen(name);

	for (size_t i = 0; i < env->nr; i++) {
		if (strncmp(env->at[i], name, n) || env->at[i][n] != '=')
			continue;
		assert_null(found); /* once only */
		found = env->at[i] + n + 1;
	}
	return found;
}

TEST(the_job_adds_to_and_overrides_the_environment)
{
	SCOPED(job_fini) struct job j = { 0 };
	SCOPED(list_fini) struct job_list env = { 0 };

	assert_int_equal(job_set(&j.term, "xterm"), 0);
	assert_int_equal(job_list_add(&j.env, "HOME=/tmp"), 0);
	assert_int_equal(job_list_add(&j.env, "HOMER=1"), 0);
	assert_int_equal(job_list_add(&j.env, "HOMER=2"), 0);
	assert_int_equal(env_build(&j, &env), 0);
	assert_int_equal(strncmp(value_of(&env, "PATH"), GUEST_BIN_DIR ":", 11), 0);
	assert_string_equal(value_of(&env, "HOME"), "/tmp");
	assert_string_equal(value_of(&env, "HOMER"), "2");
	assert_string_equal(value_of(&env, "TERM"), "xterm");
}

TEST(vectors_end_with_null)
{
	SCOPED(list_fini) struct job_list l = { 0 };
	SCOPED(mem_free) char **none = list_vector(&l);

	assert_non_null(none);
	assert_null(none[0]);
	assert_int_equal(job_list_add(&l, "a"), 0);
	SCOPED(mem_free) char **one = list_vector(&l);
	assert_string_equal(one[0], "a");
	assert_null(one[1]);
}

/* Static programs of the right machine, small enough to be nobody's concern. */
static void judge_blob(const void *at, size_t len, enum arch a)
{
	const Elf64_Ehdr *h = at;

	assert_in_range(len, sizeof(*h), 1 << 20);
	assert_memory_equal(h->e_ident, ELFMAG, SELFMAG);
	assert_int_equal(h->e_machine, arch_names(a)->elf_machine);
	assert_true(h->e_phoff + h->e_phnum * sizeof(Elf64_Phdr) <= len);
	const Elf64_Phdr *p = (const void *)((const char *)at + h->e_phoff);
	for (int i = 0; i < h->e_phnum; i++)
		assert_int_not_equal(p[i].p_type, PT_INTERP);
}

TEST(init_is_there_or_its_package_is_named)
{
	int found = 0;

	for (int a = 0; a < NR_ARCHES; a++) {
		struct err e = { 0 };
		const void *at;
		size_t len;
		int r = init_blob((enum arch)a, &at, &len, &e);

		if (r == 0)
			judge_blob(at, len, (enum arch)a);
		else
			assert_non_null(strstr(e.text, "install the package gcc-"));
		assert_true(r == 0 || r == -ENOENT);
		found += r == 0;
	}
	assert_in_range(found, 1, NR_ARCHES); /* the host's own at least */
}

static bool is_code(const uint8_t *at, uint64_t address)
{
	const Elf64_Ehdr *h = (const void *)at;
	const Elf64_Phdr *p = (const void *)(at + h->e_phoff);

	for (int i = 0; i < h->e_phnum; i++)
		if (p[i].p_type == PT_LOAD && p[i].p_flags & PF_X && address >= p[i].p_vaddr &&
		    address - p[i].p_vaddr < p[i].p_filesz)
			return true;
	return false;
}

/* A breakpoint there that is never met would be a guest that is never frozen. */
TEST(init_says_at_which_of_its_instructions_it_can_be_frozen)
{
	for (int a = 0; a < NR_ARCHES; a++) {
		struct err e = { 0 };
		uint64_t address = 1;
		const void *at;
		size_t len;
		int r = init_freeze_at((enum arch)a, &address, &e);

		assert_int_equal(r, init_blob((enum arch)a, &at, &len, NULL));
		if (r < 0) {
			assert_int_equal(address, 1);
			continue;
		}
		if (!is_code(at, address))
			fail_msg("0x%llx is no code", (unsigned long long)address);
		if (a == ARCH_ARM64)
			assert_int_equal(address % 4, 0);
	}
}

UNIT_MAIN(NULL, NULL)
