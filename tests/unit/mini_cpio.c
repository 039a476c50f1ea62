/* SPDX-License-Identifier: GPL-2.0-only */
#include "mini_cpio.h"

#include <string.h>

#include "unit.h"

#define TRAILER "TRAILER!!!"

static uint32_t field(const char *header, int i)
{
	char text[9] = { 0 };

	memcpy(text, header + 6 + 8 * i, 8);
	return (uint32_t)strtoul(text, NULL, 16);
}

bool cpio_next(const char *data, size_t len, size_t *at, struct cpio_entry *ret)
{
	if (*at == len)
		return false;
	assert_true(*at % 4 == 0 && len - *at >= 110);
	const char *h = data + *at;
	assert_memory_equal(h, "070701", 6);
	*ret = (struct cpio_entry){ .name = h + 110,
				    .mode = field(h, 1),
				    .nlink = field(h, 4),
				    .len = field(h, 6),
				    .major = field(h, 9),
				    .minor = field(h, 10),
				    .name_len = field(h, 11) };
	assert_true(ret->name_len >= 1 && ret->name_len <= 4096);
	ret->data_at = ALIGN_UP(*at + 110 + ret->name_len, 4);
	*at = ALIGN_UP(ret->data_at + ret->len, 4);
	assert_true(*at <= len);
	assert_int_equal(ret->name[ret->name_len - 1], 0);
	ret->data = data + ret->data_at;
	if (!strcmp(ret->name, TRAILER)) /* zeros may follow, then another archive */
		while (*at < len && !data[*at])
			++*at;
	return true;
}

bool cpio_find(const char *data, size_t len, const char *name, struct cpio_entry *ret)
{
	for (size_t at = 0; cpio_next(data, len, &at, ret);)
		if (!strcmp(ret->name, name))
			return true;
	return false;
}
