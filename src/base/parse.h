/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Strict text to value: the whole string must match, ranges are checked, nothing is guessed. */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* Decimal, no sign, no spaces. -EINVAL or -ERANGE. */
int parse_u64(const char *s, uint64_t *ret);
int parse_u32(const char *s, uint32_t *ret);

/* "512", "512K", "512M", "2G", "2GiB": bytes; a bare number is taken as @unit bytes each. */
int parse_size(const char *s, uint64_t unit, uint64_t *ret);

/* "2" (seconds), "1.5s", "250ms", "10us", "2m", "1h": nanoseconds. */
int parse_duration(const char *s, uint64_t *ret_ns);

/* CPU (or node) lists as the kernel prints them: "0-3,8,10-11". Bit set of fixed capacity. */
#define CPUSET_MAX 1024
struct cpuset {
	uint64_t bits[CPUSET_MAX / 64];
};
int cpuset_parse(const char *list, struct cpuset *ret); /* "" is the empty set */
/* Writes the canonical list and returns its length, or -ENOSPC. */
int cpuset_format(const struct cpuset *s, char *buf, size_t cap);
void cpuset_add(struct cpuset *s, uint32_t cpu); /* cpu < CPUSET_MAX */
bool cpuset_has(const struct cpuset *s, uint32_t cpu);
uint32_t cpuset_count(const struct cpuset *s);
bool cpuset_equal(const struct cpuset *a, const struct cpuset *b);
struct cpuset cpuset_and(const struct cpuset *a, const struct cpuset *b);
struct cpuset cpuset_minus(const struct cpuset *a, const struct cpuset *b);

/* Shell-like glob over the whole of @s: * ? [a-z] (fnmatch without path rules). */
bool glob_match(const char *pattern, const char *s);

#endif
