/* SPDX-License-Identifier: GPL-2.0-only */
#include "cli/opt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/parse.h"
#include "base/scoped.h"
#include "base/text.h"

const char *opt_name(const struct opt *o, char buf[OPT_NAME_MAX])
{
	const char *dot = strrchr(o->field, '.');
	const char *s = dot ? dot + 1 : o->field;
	size_t i;

	for (i = 0; s[i] && i < OPT_NAME_MAX - 1; i++)
		buf[i] = s[i] == '_' ? '-' : s[i];
	buf[i] = 0;
	return buf;
}

const struct opt *opt_find(const struct opt *opts, const char *name)
{
	char own[OPT_NAME_MAX];

	for (const struct opt *o = opts; o && o->field; o++)
		if (!strcmp(opt_name(o, own), name))
			return o;
	return NULL;
}

const struct opt *opt_find_letter(const struct opt *opts, char letter)
{
	for (const struct opt *o = opts; o && o->field; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

static int list_add(struct opt_list *l, const char *s)
{
	const char **at = reallocarray(l->at, l->nr + 1, sizeof(*at));

	if (!at)
		return -ENOMEM;
	l->at = at;
	l->at[l->nr++] = s;
	return 0;
}

static int parse_hex(const char *s, uint64_t *ret)
{
	uint64_t v = 0;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		s += 2;
	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		static const char digits[] = "0123456789abcdef";
		const char *d = strchr(digits, *s | 0x20);

		if (!d || (*s < '0'))
			return -EINVAL;
		if (v >> 60)
			return -ERANGE;
		v = v << 4 | (uint64_t)(d - digits);
	}
	*ret = v;
	return 0;
}

static int set_flag(const struct opt *o, const char *s, void *field)
{
	*(bool *)field = true;
	return 0;
}

static int set_text(const struct opt *o, const char *s, void *field)
{
	*(const char **)field = s;
	return 0;
}

static int set_list(const struct opt *o, const char *s, void *field)
{
	return list_add(field, s);
}

static int set_u32(const struct opt *o, const char *s, void *field)
{
	return parse_u32(s, &((struct opt_u32 *)field)->v);
}

static int set_u64(const struct opt *o, const char *s, void *field)
{
	return parse_u64(s, &((struct opt_u64 *)field)->v);
}

static int set_hex(const struct opt *o, const char *s, void *field)
{
	return parse_hex(s, &((struct opt_hex *)field)->v);
}

static int set_size(const struct opt *o, const char *s, void *field)
{
	return parse_size(s, o->unit ? o->unit : 1, &((struct opt_size *)field)->v);
}

static int set_duration(const struct opt *o, const char *s, void *field)
{
	return parse_duration(s, &((struct opt_duration *)field)->v);
}

static int set_choice(const struct opt *o, const char *s, void *field)
{
	for (uint32_t i = 0; o->names[i]; i++) {
		if (strcmp(o->names[i], s) != 0)
			continue;
		((struct opt_choice *)field)->v = i;
		return 0;
	}
	return -EINVAL;
}

#define GIVEN_OF(type) ((int)offsetof(struct type, given))

/* One row per kind: how a value gets into the field, and what to say about a bad one. */
static const struct kind {
	int (*set)(const struct opt *o, const char *s, void *field);
	int given_at; /* offset of .given in the field, -1 = has none */
	const char *arg;
	const char *what;
} kinds[NR_OPT_KINDS] = {
	[OPT_FLAG] = { set_flag, -1, NULL, NULL },
	[OPT_TEXT] = { set_text, -1, "TEXT", NULL },
	[OPT_LIST] = { set_list, -1, "TEXT", NULL },
	[OPT_U32] = { set_u32, GIVEN_OF(opt_u32), "N", "a number" },
	[OPT_U64] = { set_u64, GIVEN_OF(opt_u64), "N", "a number" },
	[OPT_HEX] = { set_hex, GIVEN_OF(opt_hex), "HEX", "a hexadecimal number such as 1f3a" },
	[OPT_SIZE] = { set_size, GIVEN_OF(opt_size), "SIZE", "a size such as 512M or 2G" },
	[OPT_DURATION] = { set_duration, GIVEN_OF(opt_duration), "TIME",
			   "a time such as 30s, 2m or 250ms" },
	[OPT_CHOICE] = { set_choice, GIVEN_OF(opt_choice), "NAME", NULL },
};

const char *opt_arg(const struct opt *o)
{
	return o->arg ? o->arg : kinds[o->kind].arg;
}

/* State of one opt_parse(). */
struct parse {
	const struct opt *opts;
	char *args;
	uint64_t seen; /* bit per row: given by the user */
	struct err *e;
};

static int bad_choice(const struct opt *o, const char *s, struct err *e)
{
	SCOPED(buf_fini) struct buf all = { 0 };
	char name[OPT_NAME_MAX];
	size_t nr = 0;

	for (; o->names[nr]; nr++)
		buf_printf(&all, "%s%s", nr ? ", " : "", o->names[nr]);
	const char *near = name_nearest(s, o->names, nr);
	if (near)
		return err_set(e, -EINVAL, "--%s: \"%s\" is none of %s; did you mean %s?",
			       opt_name(o, name), s, buf_str(&all), near);
	return err_set(e, -EINVAL, "--%s: \"%s\" is none of %s", opt_name(o, name), s,
		       buf_str(&all));
}

static int bad_value(const struct opt *o, const char *s, int r, struct err *e)
{
	char name[OPT_NAME_MAX];

	if (r == -ENOMEM)
		return err_sys(e, r, "--%s", opt_name(o, name));
	if (o->kind == OPT_CHOICE)
		return bad_choice(o, s, e);
	if (r == -ERANGE)
		return err_set(e, -EINVAL, "--%s: \"%s\" is too large", opt_name(o, name), s);
	return err_set(e, -EINVAL, "--%s: \"%s\" is not %s", opt_name(o, name), s,
		       kinds[o->kind].what);
}

static int set_value(struct parse *p, const struct opt *o, const char *s, bool by_user)
{
	const struct kind *k = &kinds[o->kind];
	char *field = p->args + o->offset;
	int r = k->set(o, s, field);

	if (r < 0)
		return bad_value(o, s, r, p->e);
	if (!by_user)
		return 0;
	if (k->given_at >= 0)
		*(bool *)(field + k->given_at) = true;
	p->seen |= 1ull << (o - p->opts);
	return 0;
}

static int set_fallbacks(struct parse *p)
{
	int r = 0;

	for (const struct opt *o = p->opts; o && o->field && !r; o++)
		if (o->fallback)
			r = set_value(p, o, o->fallback, false);
	return r;
}

static int unknown_long(struct parse *p, const char *name, struct err *e)
{
	char own[64][OPT_NAME_MAX];
	const char *names[64 + 1] = { "help" };
	size_t nr = 1;

	for (const struct opt *o = p->opts; o && o->field && nr <= 64; o++, nr++)
		names[nr] = opt_name(o, own[nr - 1]);
	const char *near = name_nearest(name, names, nr);
	if (near)
		return err_set(e, -EINVAL, "unknown option --%s; did you mean --%s?", name, near);
	return err_set(e, -EINVAL, "unknown option --%s", name);
}

/* One value wanted: after "=", or the next argument. Moves *i past what it takes. */
static int take_value(struct parse *p, const struct opt *o, const char *inline_value, int *i,
		      int argc, char **argv)
{
	char name[OPT_NAME_MAX];

	if (o->kind == OPT_FLAG && inline_value)
		return err_set(p->e, -EINVAL, "--%s takes no value", opt_name(o, name));
	if (o->kind != OPT_FLAG && !inline_value) {
		if (*i + 1 >= argc)
			return err_set(p->e, -EINVAL, "--%s needs a value: %s", opt_name(o, name),
				       opt_arg(o));
		inline_value = argv[++*i];
	}
	return set_value(p, o, inline_value, true);
}

static int parse_long(struct parse *p, int *i, int argc, char **argv, struct opt_rest *ret)
{
	const char *s = argv[*i] + 2;
	size_t n = strcspn(s, "=");
	char name[OPT_NAME_MAX];

	snprintf(name, sizeof(name), "%.*s", (int)MIN(n, sizeof(name)), s);
	if (!strcmp(s, "help")) {
		ret->help = OPT_HELP_LONG;
		return 0;
	}
	const struct opt *o = opt_find(p->opts, name);
	if (!o)
		return unknown_long(p, name, p->e);
	return take_value(p, o, s[n] ? s + n + 1 : NULL, i, argc, argv);
}

/* A bundle: any number of flags, then at most one option with its value ("-vj4", "-j 4"). */
static int parse_letters(struct parse *p, int *i, int argc, char **argv, struct opt_rest *ret)
{
	for (const char *s = argv[*i] + 1; *s; s++) {
		const struct opt *o = opt_find_letter(p->opts, *s);
		int r;

		if (!o && *s == 'h') {
			ret->help = OPT_HELP_SHORT;
			return 0;
		}
		if (!o)
			return err_set(p->e, -EINVAL, "unknown option -%c", *s);
		if (o->kind != OPT_FLAG)
			return take_value(p, o, s[1] ? s + 1 : NULL, i, argc, argv);
		r = set_value(p, o, NULL, true);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_exclusions(const struct parse *p)
{
	for (const struct opt *o = p->opts; o && o->field; o++) {
		char a[OPT_NAME_MAX];
		const struct opt *other = o->not_with ? opt_find(p->opts, o->not_with) : NULL;

		if (other && (p->seen >> (o - p->opts) & 1) && (p->seen >> (other - p->opts) & 1))
			return err_set(p->e, -EINVAL, "--%s and --%s exclude each other",
				       opt_name(o, a), o->not_with);
	}
	return 0;
}

int opt_parse(const struct opt *opts, bool first_ends, int argc, char **argv, void *args,
	      struct opt_rest *ret, struct err *e)
{
	struct parse p = { .opts = opts, .args = args, .e = e };
	struct opt_rest rest = { .argv = argv };
	bool open = true;
	int r = set_fallbacks(&p);

	for (int i = 0; i < argc && !r && !rest.help; i++) {
		const char *s = argv[i];

		if (open && !strcmp(s, "--")) {
			open = false;
		} else if (open && s[0] == '-' && s[1] == '-') {
			r = parse_long(&p, &i, argc, argv, &rest);
		} else if (open && s[0] == '-' && s[1]) {
			r = parse_letters(&p, &i, argc, argv, &rest);
		} else {
			argv[rest.argc++] = argv[i];
			open = open && !first_ends;
		}
	}
	if (!r && !rest.help)
		r = check_exclusions(&p);
	if (r < 0)
		return r;
	*ret = rest;
	return 0;
}

void opt_fini(const struct opt *opts, void *args)
{
	for (const struct opt *o = opts; o && o->field; o++) {
		struct opt_list *l = (struct opt_list *)((char *)args + o->offset);

		if (o->kind != OPT_LIST)
			continue;
		free(l->at);
		*l = (struct opt_list){ 0 };
	}
}
