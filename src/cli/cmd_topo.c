/* SPDX-License-Identifier: GPL-2.0-only */
/* ktstr topo [TOPOLOGY|--host|--presets]: what a machine shape looks like */
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/scoped.h"
#include "base/term.h"
#include "cli/cmd.h"
#include "machine/draw.h"
#include "machine/hosttopo.h"
#include "machine/topology.h"

struct topo_args {
	bool host, presets, json, ascii;
};

static const struct opt topo_opts[] = {
	OPT(struct topo_args, host, "the machine this runs on (the default)",
	    .not_with = "presets"),
	OPT(struct topo_args, presets, "all named shapes, as a table"),
	OPT(struct topo_args, json, "JSON instead of a picture"),
	OPT(struct topo_args, ascii, "no line drawing characters", .not_with = "json"),
	OPT_END,
};

const struct cmd cmd_topo;

static const char *plural(uint32_t n)
{
	return n == 1 ? "" : "s";
}

static void put_json_places(const struct topo_place *p, size_t nr, struct buf *b)
{
	buf_puts(b, "\"places\": [");
	for (size_t i = 0; i < nr; i++)
		buf_printf(b, "%s\n  {\"cpu\": %u, \"node\": %u, \"llc\": %u, \"core\": %u}",
			   i ? "," : "", p[i].cpu, p[i].node, p[i].llc, p[i].core);
	buf_puts(b, "]");
}

/* The members that a preset and a single shape have in common. */
static void put_json_shape(const struct topology *t, struct buf *b)
{
	char text[TOPO_TEXT_MAX];

	buf_printf(b,
		   "\"topology\": \"%s\", \"cpus\": %u, \"nodes\": %u, \"llcs\": %u, "
		   "\"cores\": %u, \"threads_per_core\": %u, \"memory_nodes\": %u, "
		   "\"memory_mib\": %u",
		   topo_format(t, text, sizeof(text)), topo_cpus(t), t->nodes, t->llcs,
		   t->llcs * t->cores, t->threads, t->memory_nodes, topo_default_memory_mib(t));
}

static void put_json_distances(const struct topology *t, struct buf *b)
{
	buf_puts(b, "\"distances\": [");
	for (uint32_t i = 0; i < topo_nodes(t); i++) {
		buf_puts(b, i ? ", [" : "[");
		for (uint32_t j = 0; j < topo_nodes(t); j++)
			buf_printf(b, "%s%u", j ? ", " : "", topo_distance(t, i, j));
		buf_putc(b, ']');
	}
	buf_putc(b, ']');
}

/* Of each CPU, in order. */
static void put_json_capacities(const struct topology *t, struct buf *b)
{
	buf_puts(b, "\"capacities\": [");
	for (uint32_t cpu = 0; cpu < topo_cpus(t); cpu++)
		buf_printf(b, "%s%u", cpu ? ", " : "", topo_capacity_of(t, cpu));
	buf_putc(b, ']');
}

static void json_shape(const struct topology *t, struct buf *b)
{
	struct topo_place place[TOPO_MAX_CPUS];

	topo_places(t, place);
	buf_putc(b, '{');
	put_json_shape(t, b);
	buf_puts(b, ",\n ");
	put_json_distances(t, b);
	buf_puts(b, ",\n ");
	put_json_capacities(t, b);
	buf_puts(b, ",\n ");
	put_json_places(place, topo_cpus(t), b);
	buf_puts(b, "}\n");
}

static void json_presets(struct buf *b)
{
	for (const struct topo_preset *p = topo_presets; p->name; p++) {
		buf_printf(b, "%s{\"name\": \"%s\", ", p == topo_presets ? "[" : ",\n ", p->name);
		put_json_shape(&p->topo, b);
		buf_printf(b, ", \"arm64\": %s}", p->arm64 ? "true" : "false");
	}
	buf_puts(b, "]\n");
}

static void json_host(const struct hosttopo *h, struct buf *b)
{
	buf_printf(
		b,
		"{\"cpus\": %zu, \"nodes\": %u, \"llcs\": %u, \"cores\": %u, \"llc_bytes\": %llu, "
		"\"memory_bytes\": %llu, \"model\": ",
		h->nr_cpus, h->nodes, h->llcs, h->cores, (unsigned long long)h->llc_bytes,
		(unsigned long long)h->memory_bytes);
	buf_json_str(b, h->model);
	buf_puts(b, ",\n ");
	put_json_places(h->place, h->nr_cpus, b);
	buf_puts(b, "}\n");
}

static void draw_shape(const struct topology *t, bool unicode, struct buf *b)
{
	char text[TOPO_TEXT_MAX];

	buf_printf(b,
		   "%s: %u CPU%s, %u node%s, %u LLC%s of %u core%s, %u thread%s per core; %u MiB\n",
		   topo_format(t, text, sizeof(text)), topo_cpus(t), plural(topo_cpus(t)), t->nodes,
		   plural(t->nodes), t->llcs, plural(t->llcs), t->cores, plural(t->cores),
		   t->threads, plural(t->threads), topo_default_memory_mib(t));
	topo_draw(t, b, (int)term_columns(STDOUT_FILENO), unicode);
	if (topo_nodes(t) > 1)
		buf_printf(b, "node distance: %u to itself, %u to others\n", topo_distance(t, 0, 0),
			   topo_distance(t, 0, 1));
}

static void draw_presets(struct buf *b)
{
	char text[TOPO_TEXT_MAX];

	buf_printf(b, "%-20s %-11s %5s %5s %5s %6s %8s %6s  %s\n", "PRESET", "TOPOLOGY", "CPUS",
		   "NODES", "LLCS", "CORES", "THREADS", "MiB", "FOR");
	for (const struct topo_preset *p = topo_presets; p->name; p++) {
		const struct topology *t = &p->topo;

		buf_printf(b, "%-20s %-11s %5u %5u %5u %6u %8u %6u  %s\n", p->name,
			   topo_format(t, text, sizeof(text)), topo_cpus(t), t->nodes, t->llcs,
			   t->llcs * t->cores, t->threads, topo_default_memory_mib(t),
			   p->arm64 ? "x86_64, arm64" : "x86_64");
	}
}

static int show_host(const struct topo_args *a, bool unicode, struct buf *b, struct err *e)
{
	SCOPED(hosttopo_fini) struct hosttopo h = { 0 };
	int r = hosttopo_init(&h, e);

	if (r < 0)
		return r;
	if (a->json) {
		json_host(&h, b);
		return 0;
	}
	buf_puts(b, "host: ");
	hosttopo_summary(&h, b);
	buf_putc(b, '\n');
	topo_draw_places(h.place, h.nr_cpus, b, (int)term_columns(STDOUT_FILENO), unicode);
	return 0;
}

static int show(const struct topo_args *a, const char *shape, struct buf *b, struct err *e)
{
	bool unicode = !a->ascii && term_unicode();
	struct topology t;

	if (a->presets) {
		a->json ? json_presets(b) : draw_presets(b);
		return 0;
	}
	if (!shape)
		return show_host(a, unicode, b, e);
	int r = topo_parse(shape, &t, e);
	if (r < 0)
		return r;
	if (a->json)
		json_shape(&t, b);
	else
		draw_shape(&t, unicode, b);
	return 0;
}

static int topo_main(void *args, int argc, char **argv)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	const struct topo_args *a = args;
	struct err e = { 0 };

	if (argc && (a->host || a->presets))
		return cmd_usage_error(&cmd_topo, "a topology and --%s exclude each other",
				       a->host ? "host" : "presets");
	int r = show(a, argc ? argv[0] : NULL, &b, &e);
	return r < 0 ? cmd_fail(&cmd_topo, &e) : cmd_print(&cmd_topo, &b);
}

static const struct cmd_example topo_examples[] = {
	{ "ktstr topo 2n4l8c2t", "2 nodes, 4 LLCs in total, 8 cores per LLC, 2 threads per core" },
	{ "ktstr topo 1n2l4c1t1m@1024:512",
	  "a fast LLC and one that can do half as much; a node of memory without CPUs" },
	{ "ktstr topo numa2-4llc", "a preset" },
	{ "ktstr topo --host", "this machine" },
	{ NULL, NULL },
};

const struct cmd cmd_topo = {
	.name = "topo",
	.summary = "draw a machine shape",
	.usage = "[TOPOLOGY]",
	.about = "Draws a topology: nodes hold last-level caches (LLCs), these hold cores side by "
		 "side, and the threads of a core stand below each other. Large machines get a "
		 "line per LLC. CPUs are numbered thread by thread, core by core, LLC by LLC. "
		 "Behind the four numbers there may be nodes of memory without CPUs (1m) and, for "
		 "arm64, kinds of cores by their capacity (@1024:512), each as many as the other, "
		 "in the order of their numbers.",
	.opts = topo_opts,
	.args_size = sizeof(struct topo_args),
	.max_args = 1,
	.complete = COMPLETE_TOPOLOGY,
	.examples = topo_examples,
	.main = topo_main,
};
