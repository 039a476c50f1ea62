/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs one fuzz target over its corpus without a fuzzer: every file as it is, its truncations, and
 * mutations from a fixed seed, so that a failure happens again. Inputs are exact allocations, for
 * ASan. Usage: fuzz-NAME DIRECTORY|FILE...
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"

#define NR_MUTANTS 400
#define NR_PREFIXES 256
#define LARGEST_INPUT (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t random_state = 0x6b74737472;

/* splitmix64 */
static uint64_t random_next(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint8_t *copy_of(const uint8_t *data, size_t size)
{
	uint8_t *p = malloc(size ? size : 1);

	if (!p) {
		perror("fuzz replay");
		exit(1);
	}
	if (size)
		memcpy(p, data, size);
	return p;
}

static void run_prefix(const uint8_t *data, size_t size)
{
	SCOPED(mem_free) uint8_t *p = copy_of(data, size);

	LLVMFuzzerTestOneInput(p, size);
}

/* One to four places become another bit, another byte, or an extreme. */
static void run_mutant(const uint8_t *data, size_t size)
{
	static const uint8_t extremes[] = { 0, 1, 0x7f, 0x80, 0xff };
	SCOPED(mem_free) uint8_t *p = copy_of(data, size);

	for (uint64_t n = random_next() % 4 + 1; n; n--) {
		uint8_t *at = &p[random_next() % size];
		uint64_t how = random_next();

		if (how % 3 == 0)
			*at ^= (uint8_t)(1 << (how >> 8 & 7));
		else if (how % 3 == 1)
			*at = (uint8_t)(how >> 8);
		else
			*at = extremes[(how >> 8) % ARRAY_SIZE(extremes)];
	}
	LLVMFuzzerTestOneInput(p, size);
}

static void run_input(const uint8_t *data, size_t size)
{
	size_t step = size / NR_PREFIXES + 1;

	run_prefix(data, size);
	for (size_t n = 0; n < size; n += step)
		run_prefix(data, n);
	for (int i = 0; i < NR_MUTANTS && size; i++)
		run_mutant(data, size);
}

static int run_file(const char *path)
{
	struct err e = { 0 };
	char *data;
	size_t size;

	if (read_file(path, LARGEST_INPUT, &data, &size, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		return -1;
	}
	run_input((const uint8_t *)data, size);
	free(data);
	return 1;
}

/* Number of inputs run, or negative. */
static int run_path(const char *path)
{
	struct dirent **entry;
	struct stat st;
	int ran = 0;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return run_file(path);
	int n = scandir(path, &entry, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		char file[4096];

		snprintf(file, sizeof(file), "%s/%s", path, entry[i]->d_name);
		int r = entry[i]->d_name[0] == '.' || ran < 0 ? 0 : run_file(file);
		ran = r < 0 ? r : ran + r;
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
	return ran;
}

int main(int argc, char **argv)
{
	int total = 0;

	for (int i = 1; i < argc; i++) {
		int ran = run_path(argv[i]);

		if (ran <= 0) {
			fprintf(stderr, "fuzz replay: nothing ran in %s\n", argv[i]);
			return 1;
		}
		total += ran;
	}
	printf("%d inputs and their mutations\n", total);
	return total ? 0 : 1;
}
