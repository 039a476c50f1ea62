/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#include "base/parse.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/scoped.h"

static int take_u64(const char **s, uint64_t *ret)
{
	uint64_t v = 0;
	const char *p = *s;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return -ERANGE;
	*s = p;
	*ret = v;
	return 0;
}

int parse_u64(const char *s, uint64_t *ret)
{
	uint64_t v;
	int r = take_u64(&s, &v);

	if (r < 0)
		return r;
	if (*s)
		return -EINVAL;
	*ret = v;
	return 0;
}

int parse_u32(const char *s, uint32_t *ret)
{
	uint64_t v;
	int r = parse_u64(s, &v);

	if (r < 0)
		return r;
	if (v > UINT32_MAX)
		return -ERANGE;
	*ret = (uint32_t)v;
	return 0;
}

int parse_size(const char *s, uint64_t unit, uint64_t *ret)
{
	static const char *const suffix[] = { "K", "M", "G", "T" };
	uint64_t v;
	int r = take_u64(&s, &v);

	if (r < 0)
		return r;
	uint64_t mul = *s ? 0 : unit;
	for (size_t i = 0; i < ARRAY_SIZE(suffix); i++)
		if (*s == suffix[i][0] && (!s[1] || !strcmp(s + 1, "iB")))
			mul = 1ull << (10 * (i + 1));
	if (!mul)
		return -EINVAL;
	return __builtin_mul_overflow(v, mul, ret) ? -ERANGE : 0;
}

/* Up to nine digits after a point, as parts of 10^9. */
static int take_fraction(const char **s, uint64_t *ret)
{
	uint64_t v = 0, scale = 1000000000;
	const char *p = *s;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (scale == 1)
			return -ERANGE;
		scale /= 10;
		v += (uint64_t)(*p - '0') * scale;
	}
	*s = p;
	*ret = v;
	return 0;
}

int parse_duration(const char *s, uint64_t *ret_ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} unit[] = {
		{ "", 1000000000 }, { "s", 1000000000 },  { "ms", 1000000 },	  { "us", 1000 },
		{ "ns", 1 },	    { "m", 60000000000 }, { "h", 3600000000000 },
	};
	uint64_t whole, part = 0, ns;
	int r = take_u64(&s, &whole);

	if (r < 0)
		return r;
	if (*s == '.') {
		s++;
		r = take_fraction(&s, &part);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < ARRAY_SIZE(unit); i++) {
		if (strcmp(s, unit[i].name))
			continue;
		uint64_t frac = (uint64_t)((__uint128_t)part * unit[i].ns / 1000000000);
		if (__builtin_mul_overflow(whole, unit[i].ns, &ns) ||
		    __builtin_add_overflow(ns, frac, &ns))
			return -ERANGE;
		*ret_ns = ns;
		return 0;
	}
	return -EINVAL;
}

int cpuset_parse(const char *s, struct cpuset *ret)
{
	struct cpuset set = { 0 };

	while (*s) {
		uint64_t lo, hi;
		int r = take_u64(&s, &lo);

		if (r < 0)
			return r;
		hi = lo;
		if (*s == '-') {
			s++;
			r = take_u64(&s, &hi);
			if (r < 0)
				return r;
		}
		if (hi < lo)
			return -EINVAL;
		if (hi >= CPUSET_MAX)
			return -ERANGE;
		for (uint64_t c = lo; c <= hi; c++)
			cpuset_add(&set, (uint32_t)c);
		if (*s == ',' && s[1])
			s++;
		else if (*s)
			return -EINVAL;
	}
	*ret = set;
	return 0;
}

int cpuset_format(const struct cpuset *s, char *buf, size_t cap)
{
	size_t len = 0;

	if (!cap)
		return -ENOSPC;
	buf[0] = 0;
	for (uint32_t c = 0; c < CPUSET_MAX; c++) {
		uint32_t last = c;
		int n;

		if (!cpuset_has(s, c))
			continue;
		while (last + 1 < CPUSET_MAX && cpuset_has(s, last + 1))
			last++;
		const char *comma = len ? "," : "";
		if (last > c)
			n = snprintf(buf + len, cap - len, "%s%u-%u", comma, c, last);
		else
			n = snprintf(buf + len, cap - len, "%s%u", comma, c);
		if (n < 0 || (size_t)n >= cap - len)
			return -ENOSPC;
		len += (size_t)n;
		c = last;
	}
	return (int)len;
}

void cpuset_add(struct cpuset *s, uint32_t cpu)
{
	s->bits[cpu / 64] |= 1ull << (cpu % 64);
}

bool cpuset_has(const struct cpuset *s, uint32_t cpu)
{
	return cpu < CPUSET_MAX && (s->bits[cpu / 64] >> (cpu % 64) & 1);
}

uint32_t cpuset_count(const struct cpuset *s)
{
	uint32_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(s->bits); i++)
		n += (uint32_t)__builtin_popcountll(s->bits[i]);
	return n;
}

bool cpuset_equal(const struct cpuset *a, const struct cpuset *b)
{
	return !memcmp(a, b, sizeof(*a));
}

struct cpuset cpuset_and(const struct cpuset *a, const struct cpuset *b)
{
	struct cpuset r;

	for (size_t i = 0; i < ARRAY_SIZE(r.bits); i++)
		r.bits[i] = a->bits[i] & b->bits[i];
	return r;
}

struct cpuset cpuset_minus(const struct cpuset *a, const struct cpuset *b)
{
	struct cpuset r;

	for (size_t i = 0; i < ARRAY_SIZE(r.bits); i++)
		r.bits[i] = a->bits[i] & ~b->bits[i];
	return r;
}

bool glob_match(const char *pattern, const char *s)
{
	return fnmatch(pattern, s, 0) == 0;
}
