/* SPDX-License-Identifier: GPL-2.0-only */
#include "catalog/metadata.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "base/err.h"
#include "base/scoped.h"

#define FORMAT 1

const char *const part_names[NR_PARTS] = {
	[PART_BOOT] = "boot",
	[PART_IMAGE] = "image",
	[PART_CONFIG] = "config",
	[PART_MAP] = "System.map",
};

enum kind { TEXT, NUMBER };

/* Adding a field: a member of struct metadata and a row. Read and written alike. */
static const struct field {
	const char *name;
	enum kind kind;
	size_t at, cap;
} fields[] = {
#define TEXT_AT(m, text) \
	{ text, TEXT, offsetof(struct metadata, m), sizeof(((struct metadata *)0)->m) }
#define NUMBER_AT(m, text) { text, NUMBER, offsetof(struct metadata, m), sizeof(uint64_t) }
	TEXT_AT(key, "key"),
	TEXT_AT(name, "name"),
	TEXT_AT(release, "release"),
	TEXT_AT(source, "source"),
	TEXT_AT(suite, "suite"),
	TEXT_AT(flavour, "flavour"),
	TEXT_AT(package_version, "package_version"),
	NUMBER_AT(fetched_at, "fetched_at"),
	NUMBER_AT(size[PART_BOOT], "boot"),
	NUMBER_AT(size[PART_IMAGE], "image"),
	NUMBER_AT(size[PART_CONFIG], "config"),
	NUMBER_AT(size[PART_MAP], "system_map"),
	NUMBER_AT(nr_modules, "modules"),
	NUMBER_AT(modules_bytes, "modules_bytes"),
	NUMBER_AT(disk_bytes, "disk_bytes"),
};

static void json_close(json_t *j)
{
	json_decref(j);
}
DEFINE_SCOPED(json_t *, json_close)

static int read_field(const json_t *root, const struct field *f, struct metadata *m, struct err *e)
{
	const json_t *v = json_object_get(root, f->name);
	char *to = (char *)m + f->at;

	if (f->kind == TEXT) {
		const char *s = json_string_value(v);

		if (!s || json_string_length(v) >= f->cap)
			return err_set(e, -EBADMSG, "\"%s\": no text of at most %zu bytes", f->name,
				       f->cap - 1);
		memcpy(to, s, strlen(s) + 1);
		return 0;
	}
	json_int_t n = json_integer_value(v);
	if (!json_is_integer(v) || n < 0)
		return err_set(e, -EBADMSG, "\"%s\": no natural number", f->name);
	memcpy(to, &(uint64_t){ (uint64_t)n }, sizeof(uint64_t));
	return 0;
}

/* It becomes a directory name below the entry. */
static bool release_is_safe(const char *s)
{
	return *s != '.' && !strchr(s, '/');
}

static int check(const struct metadata *m, struct err *e)
{
	if (strlen(m->key) != 64 || strspn(m->key, "0123456789abcdef") != 64)
		return err_set(e, -EBADMSG, "\"key\": not 64 hexadecimal digits");
	if (!release_is_safe(m->release))
		return err_set(e, -EBADMSG, "\"release\": not the name of a directory");
	if (m->nr_modules && !m->release[0])
		return err_set(e, -EBADMSG, "\"release\": missing, but there are modules");
	if (!m->size[PART_BOOT])
		return err_set(e, -EBADMSG, "\"boot\": missing");
	return 0;
}

int metadata_parse(const char *text, size_t len, struct metadata *ret, struct err *e)
{
	json_error_t why;
	SCOPED(json_close) json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	struct metadata m = { 0 };

	if (!root)
		return err_set(e, -EBADMSG, "line %d: %s", why.line, why.text);
	json_int_t format = json_integer_value(json_object_get(root, "format"));
	if (format != FORMAT)
		return err_set(e, -EBADMSG, "\"format\": %" PRIdMAX " instead of %d",
			       (intmax_t)format, FORMAT);
	const char *arch = json_string_value(json_object_get(root, "arch"));
	if (!arch || arch_parse(arch, &m.arch) < 0)
		return err_set(e, -EBADMSG, "\"arch\": no architecture we know");
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		int r = read_field(root, &fields[i], &m, e);

		if (r < 0)
			return r;
	}
	int r = check(&m, e);
	if (r == 0)
		*ret = m;
	return r;
}

void metadata_format(const struct metadata *m, struct buf *out)
{
	buf_printf(out, "{\n  \"format\": %d,\n  \"arch\": \"%s\"", FORMAT,
		   arch_names(m->arch)->name);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const char *from = (const char *)m + fields[i].at;

		buf_printf(out, ",\n  \"%s\": ", fields[i].name);
		if (fields[i].kind == TEXT)
			buf_json_str(out, from);
		else
			buf_printf(out, "%" PRIu64, *(const uint64_t *)(const void *)from);
	}
	buf_puts(out, "\n}\n");
}

bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = words; (p = strstr(p, word)); p += n)
		if ((p == words || p[-1] == ' ') && (p[n] == 0 || p[n] == ' '))
			return true;
	return false;
}
