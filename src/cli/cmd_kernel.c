/* SPDX-License-Identifier: GPL-2.0-only */
/* ktstr kernel fetch|list|show|import|rm|gc: the kernels of the cache */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "catalog/catalog.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/table.h"

#define SHORT_KEY 12
#define UNUSED_DAYS "30"
#define KEEP_RUNS "20"

struct kernel_args {
	struct opt_choice arch;
	struct opt_u32 unused_days, keep_runs;
	const char *modules, *name;
	bool json, dry_run;
};

/* clang-format off */
#define OPT_JSON OPT(struct kernel_args, json, "JSON instead of text")
#define OPT_ARCH \
	OPT(struct kernel_args, arch, "architecture of the guests it is for", \
	    .names = common_arch_names, .default_text = "the host's")
/* clang-format on */

static const char *human_size(uint64_t bytes, char buf[24])
{
	snprintf(buf, 24, "%.1f MB", (double)bytes / 1e6);
	return buf;
}

/* What a kernel is, as text and as JSON. Adding a field: a row. */
static const struct field {
	const char *name;
	size_t at;
	enum { TEXT_INSIDE, TEXT_POINTER, TIME, BYTES } kind;
} fields[] = {
	{ "key", offsetof(struct kernel, key), TEXT_INSIDE },
	{ "name", offsetof(struct kernel, name), TEXT_INSIDE },
	{ "release", offsetof(struct kernel, version), TEXT_INSIDE },
	{ "source", offsetof(struct kernel, source), TEXT_INSIDE },
	{ "boot", offsetof(struct kernel, boot_path), TEXT_POINTER },
	{ "modules", offsetof(struct kernel, modules_dir), TEXT_POINTER },
	{ "config", offsetof(struct kernel, config_path), TEXT_POINTER },
	{ "system_map", offsetof(struct kernel, system_map), TEXT_POINTER },
	{ "size", offsetof(struct kernel, size_bytes), BYTES },
	{ "fetched", offsetof(struct kernel, fetched_at), TIME },
	{ "used", offsetof(struct kernel, used_at), TIME },
};

static const void *field_at(const struct kernel *k, const struct field *f)
{
	return (const char *)k + f->at;
}

static const char *field_text(const struct kernel *k, const struct field *f, char buf[24])
{
	switch (f->kind) {
	case TEXT_INSIDE:
		return field_at(k, f);
	case TEXT_POINTER:
		return *(char *const *)field_at(k, f);
	case TIME:
		return local_time(*(const uint64_t *)field_at(k, f), buf);
	case BYTES:
		return human_size(*(const uint64_t *)field_at(k, f), buf);
	}
	return NULL;
}

static void put_text(const struct kernel *k, struct buf *b)
{
	char buf[24];

	buf_printf(b, "%-11s %s\n", "arch", arch_names(k->arch)->name);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const char *text = field_text(k, &fields[i], buf);

		buf_printf(b, "%-11s %s\n", fields[i].name, text && *text ? text : "-");
	}
}

static void put_json(const struct kernel *k, struct buf *b)
{
	buf_printf(b, "{\"arch\": \"%s\"", arch_names(k->arch)->name);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const char *text;

		buf_printf(b, ", \"%s\": ", fields[i].name);
		if (fields[i].kind == TIME || fields[i].kind == BYTES)
			buf_printf(b, "%" PRIu64, *(const uint64_t *)field_at(k, &fields[i]));
		else if ((text = field_text(k, &fields[i], NULL)))
			buf_json_str(b, text);
		else
			buf_puts(b, "null");
	}
	buf_putc(b, '}');
}

static int print_kernel(const struct cmd *c, const struct kernel *k, bool json)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	if (json) {
		put_json(k, &b);
		buf_putc(&b, '\n');
	} else {
		put_text(k, &b);
	}
	return cmd_print(c, &b);
}

/* ---- fetch ---- */

static const struct opt fetch_opts[] = { OPT_ARCH, OPT_JSON, OPT_END };

static const struct cmd cmd_fetch;

static int fetch_main(void *args, int argc, char **argv)
{
	SCOPED(catalog_close) struct catalog *c = NULL;
	SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
	const struct kernel_args *a = args;
	struct catalog_progress say = common_progress();
	struct err e = { 0 };
	bool is_new = false;
	enum arch arch = a->arch.given ? (enum arch)a->arch.v : arch_host();
	int r = catalog_open(NULL, &c, &e);

	if (r == 0)
		r = catalog_fetch(c, argc ? argv[0] : NULL, arch, &say, &k, &is_new, &e);
	common_progress_end();
	if (r < 0)
		return cmd_fail(&cmd_fetch, &e);
	if (a->json)
		return print_kernel(&cmd_fetch, &k, true);
	return printf("%.*s  %s  %s\n", SHORT_KEY, k.key, k.name,
		      is_new ? "fetched" : "nothing newer") < 0
		       ? EXIT_CANNOT_RUN
		       : EXIT_PASSED;
}

static const struct cmd_example fetch_examples[] = {
	{ "ktstr kernel fetch", "what tests run on unless they name a kernel" },
	{ "ktstr kernel fetch --arch arm64", "the same for arm64 guests" },
	{ "ktstr kernel fetch debian:sid:generic", "a suite and a flavour: cloud, generic or rt" },
	{ NULL, NULL },
};

static const struct cmd cmd_fetch = {
	.name = "fetch",
	.summary = "ask for the newest kernel of a source",
	.usage = "[KERNEL]",
	.about = "Asks Debian for the newest kernel of the suite and flavour and puts it into the "
		 "cache. Signatures are checked by apt, which works in a directory of its own "
		 "below the cache: nothing on this machine changes and no root is needed. Other "
		 "commands fetch only what the cache has none of, so that they work offline.",
	.opts = fetch_opts,
	.args_size = sizeof(struct kernel_args),
	.max_args = 1,
	.complete = COMPLETE_KERNEL,
	.examples = fetch_examples,
	.main = fetch_main,
};

/* ---- list ---- */

static const struct opt list_opts[] = { OPT_JSON, OPT_END };

static const struct cmd cmd_list_kernels;

static void list_json(const struct kernel_list *l, size_t damaged, struct buf *b)
{
	buf_puts(b, "{\"kernels\": [");
	for (size_t i = 0; i < l->nr; i++) {
		buf_puts(b, i ? ",\n  " : "\n  ");
		put_json(&l->at[i], b);
	}
	buf_printf(b, "%s], \"damaged\": %zu}\n", l->nr ? "\n" : "", damaged);
}

static int list_table(const struct kernel_list *l, struct buf *b)
{
	static const struct table_column columns[] = {
		{ "KEY" },
		{ "NAME", TABLE_CUT },
		{ "ARCH" },
		{ "RELEASE", TABLE_CUT },
		{ "SIZE", TABLE_RIGHT },
		{ "USED" },
		{ NULL },
	};
	SCOPED(table_destroy) struct libscols_table *t = table_new(columns);

	for (size_t i = 0; t && i < l->nr; i++) {
		const struct kernel *k = &l->at[i];
		char key[SHORT_KEY + 1], size[24], used[20];
		const char *const cells[] = {
			key,
			k->name,
			arch_names(k->arch)->name,
			k->version,
			human_size(k->size_bytes, size),
			local_time(k->used_at, used),
		};

		snprintf(key, sizeof(key), "%.*s", SHORT_KEY, k->key);
		if (table_add(t, cells, ARRAY_SIZE(cells)) < 0)
			return -ENOMEM;
	}
	return t ? table_put(t, b) : -ENOMEM;
}

static int list_main(void *args, int argc, char **argv)
{
	SCOPED(catalog_close) struct catalog *c = NULL;
	SCOPED(kernel_list_fini) struct kernel_list l = { 0 };
	SCOPED(buf_fini) struct buf b = { 0 };
	const struct kernel_args *a = args;
	struct err e = { 0 };
	size_t damaged = 0;
	int r = catalog_open(NULL, &c, &e);

	if (r == 0)
		r = catalog_list(c, &l, &damaged, &e);
	if (r < 0)
		return cmd_fail(&cmd_list_kernels, &e);
	if (a->json)
		list_json(&l, damaged, &b);
	else if (l.nr)
		r = list_table(&l, &b);
	else
		fprintf(stderr, "no kernels in %s; ktstr kernel fetch gets one\n", catalog_dir(c));
	if (damaged && !a->json)
		fprintf(stderr, "%zu damaged, not shown; ktstr kernel gc removes them\n", damaged);
	if (r < 0) {
		err_sys(&e, r, "table");
		return cmd_fail(&cmd_list_kernels, &e);
	}
	return cmd_print(&cmd_list_kernels, &b);
}

static const struct cmd cmd_list_kernels = {
	.name = "list",
	.summary = "show what is in the cache",
	.about = "Newest use first. A key, or the first 6 or more of its digits, names a kernel "
		 "wherever one can be named.",
	.opts = list_opts,
	.args_size = sizeof(struct kernel_args),
	.main = list_main,
};

/* ---- show ---- */

static const struct opt show_opts[] = { OPT_ARCH, OPT_JSON, OPT_END };

static const struct cmd cmd_show;

/* A key or a file is of one architecture: if the user named none it is that one. */
static int resolve_any(struct catalog *c, const char *spec, const struct kernel_args *a,
		       struct kernel *ret, struct err *e)
{
	struct catalog_progress say = common_progress();
	enum arch first = a->arch.given ? (enum arch)a->arch.v : arch_host();
	int r = catalog_resolve(c, spec, first, &say, ret, e);

	for (unsigned int i = 0; r == -EXDEV && !a->arch.given && i < NR_ARCHES; i++)
		if (i != first)
			r = catalog_resolve(c, spec, (enum arch)i, &say, ret, e);
	common_progress_end();
	return r;
}

static int show_main(void *args, int argc, char **argv)
{
	SCOPED(catalog_close) struct catalog *c = NULL;
	SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
	const struct kernel_args *a = args;
	struct err e = { 0 };
	int r = catalog_open(NULL, &c, &e);

	if (r == 0)
		r = resolve_any(c, argc ? argv[0] : NULL, a, &k, &e);
	return r < 0 ? cmd_fail(&cmd_show, &e) : print_kernel(&cmd_show, &k, a->json);
}

static const struct cmd cmd_show = {
	.name = "show",
	.summary = "say which kernel a name stands for, and where its parts are",
	.usage = "[KERNEL]",
	.about = "Finds the kernel as a test would, fetching it if the cache has none.",
	.opts = show_opts,
	.args_size = sizeof(struct kernel_args),
	.max_args = 1,
	.complete = COMPLETE_KERNEL,
	.main = show_main,
};

/* ---- import ---- */

static const struct opt import_opts[] = {
	OPT(struct kernel_args, modules, "its modules: a modules directory or INSTALL_MOD_PATH",
	    'm', .arg = "DIR", .default_text = "looked for beside the kernel",
	    .complete = COMPLETE_DIR),
	OPT(struct kernel_args, name, "what to call it", 'n', .arg = "NAME",
	    .default_text = "as the file"),
	OPT_JSON,
	OPT_END,
};

static const struct cmd cmd_import;

static int import_main(void *args, int argc, char **argv)
{
	SCOPED(catalog_close) struct catalog *c = NULL;
	SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
	const struct kernel_args *a = args;
	struct err e = { 0 };
	int r = catalog_open(NULL, &c, &e);

	if (r == 0)
		r = catalog_import(c, argv[0], a->modules, a->name, &k, &e);
	if (r < 0)
		return cmd_fail(&cmd_import, &e);
	if (a->json)
		return print_kernel(&cmd_import, &k, true);
	return printf("%.*s  %s\n", SHORT_KEY, k.key, k.name) < 0 ? EXIT_CANNOT_RUN : EXIT_PASSED;
}

static const struct cmd_example import_examples[] = {
	{ "ktstr kernel import ~/linux --name baseline", "a build tree with its modules" },
	{ "ktstr kernel import bzImage --modules ./out",
	  "after make modules_install INSTALL_MOD_PATH=out" },
	{ NULL, NULL },
};

static const struct cmd cmd_import = {
	.name = "import",
	.summary = "copy a kernel of one's own into the cache",
	.usage = "FILE|TREE",
	.about =
		"Takes a bzImage, Image, vmlinux or build tree with its configuration and modules. "
		"The copy stays when the tree is built again. The key is made of the contents: the "
		"same kernel imported twice is one entry.",
	.opts = import_opts,
	.args_size = sizeof(struct kernel_args),
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_FILE,
	.examples = import_examples,
	.main = import_main,
};

/* ---- rm ---- */

static const struct cmd cmd_rm;

static int rm_main(void *args, int argc, char **argv)
{
	SCOPED(catalog_close) struct catalog *c = NULL;
	struct err e = { 0 };
	int r = catalog_open(NULL, &c, &e), ret = EXIT_PASSED;

	if (r < 0)
		return cmd_fail(&cmd_rm, &e);
	for (int i = 0; i < argc; i++)
		if (catalog_remove(c, argv[i], &e) < 0)
			ret = cmd_fail(&cmd_rm, &e);
	return ret;
}

static const struct cmd cmd_rm = {
	.name = "rm",
	.summary = "remove kernels from the cache",
	.usage = "KEY...",
	.about = "A kernel that is in use stays, and its user is named.",
	.min_args = 1,
	.max_args = ARGS_ANY,
	.complete = COMPLETE_KERNEL,
	.main = rm_main,
};

/* ---- gc ---- */

static const struct opt gc_opts[] = {
	OPT(struct kernel_args, unused_days, "remove what was not used for so long", .arg = "DAYS",
	    .fallback = UNUSED_DAYS),
	OPT(struct kernel_args, keep_runs, "keep so many of the newest runs, whatever their age",
	    .arg = "N", .fallback = KEEP_RUNS),
	OPT(struct kernel_args, dry_run, "say what would go, remove nothing", 'n'),
	OPT_END,
};

static const struct cmd cmd_gc;

static void print_line(void *ctx, const char *text)
{
	printf("%s\n", text);
}

static int gc_main(void *args, int argc, char **argv)
{
	SCOPED(catalog_close) struct catalog *c = NULL;
	const struct catalog_progress say = { .say = print_line };
	const struct kernel_args *a = args;
	struct err e = { 0 };
	uint64_t bytes = 0;
	char size[24];
	int r = catalog_open(NULL, &c, &e);

	if (r == 0)
		r = catalog_gc(c, a->unused_days.v, a->keep_runs.v, a->dry_run, &bytes, &say, &e);
	if (r < 0)
		return cmd_fail(&cmd_gc, &e);
	return printf("%s %s\n", human_size(bytes, size), a->dry_run ? "would be freed" : "freed") <
			       0
		       ? EXIT_CANNOT_RUN
		       : EXIT_PASSED;
}

static const struct cmd cmd_gc = {
	.name = "gc",
	.summary = "remove what nobody needs any more",
	.about = "Damaged kernels, what killed processes left, Debian kernels of which the cache "
		 "has a "
		 "newer one, records of old runs (ktstr replay) with what only they need, and what "
		 "was not used for long: kernels, parts of guest archives, snapshots of machines, "
		 "package lists. What is in use stays.",
	.opts = gc_opts,
	.args_size = sizeof(struct kernel_args),
	.main = gc_main,
};

static const struct cmd *const kernel_subs[] = {
	&cmd_fetch, &cmd_list_kernels, &cmd_show, &cmd_import, &cmd_rm, &cmd_gc, NULL,
};

const struct cmd cmd_kernel = {
	.name = "kernel",
	.summary = "fetch, list, import and remove kernels",
	.about =
		"A kernel is named by debian[:SUITE][:FLAVOUR] (the newest one of it in the cache, "
		"fetched if there is none; flavours are cloud, generic and rt), by the path of a "
		"bzImage, Image, vmlinux or build tree, or by its key in the cache.",
	.subs = kernel_subs,
};
