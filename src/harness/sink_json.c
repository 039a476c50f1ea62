/* SPDX-License-Identifier: GPL-2.0-only */
/* JSON lines: one object per event. docs/output.md is the contract; SCHEMA changes with it. */
#include "base/buf.h"
#include "base/scoped.h"
#include "harness/result.h"
#include "harness/sink.h"

#define SCHEMA 1

static void put_str(struct buf *b, const char *name, const char *s)
{
	buf_printf(b, ",\"%s\":", name);
	buf_json_str(b, s ? s : "");
}

static void put_num(struct buf *b, const char *name, uint64_t v)
{
	buf_printf(b, ",\"%s\":%llu", name, (unsigned long long)v);
}

/* A string in the notation of --seed: numbers above 2^53 do not survive many readers. */
static void put_seed(struct buf *b, uint64_t seed)
{
	buf_printf(b, ",\"seed\":\"%llx\"", (unsigned long long)seed);
}

static void json_begin(struct sink *s, const struct run_info *info)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	buf_printf(&b, "{\"event\":\"run\",\"schema\":%d", SCHEMA);
	put_str(&b, "version", info->version);
	put_str(&b, "command", info->command_line);
	put_str(&b, "kernels", info->kernels);
	put_str(&b, "backend", info->backend);
	put_str(&b, "backend_why", info->backend_why);
	put_seed(&b, info->seed);
	put_num(&b, "cells", info->nr_cells);
	put_num(&b, "jobs", info->jobs);
	put_num(&b, "started_at", info->started_at);
	buf_puts(&b, "}\n");
	sink_write(s, &b);
}

static void put_cell(struct buf *b, const struct cell *c)
{
	put_num(b, "index", c->index);
	put_str(b, "name", c->name);
	put_str(b, "test", c->test);
	put_str(b, "summary", c->summary);
	put_str(b, "file", c->file);
	put_str(b, "kernel", c->kernel);
	put_str(b, "kernel_key", c->kernel_key);
	put_str(b, "scheduler", c->scheduler);
	put_str(b, "scheduler_name", c->scheduler_name);
	put_str(b, "arch", arch_names(c->arch)->name);
	put_str(b, "topology", c->topo_text);
	put_num(b, "cpus", topo_cpus(&c->topo));
	put_num(b, "memory_mib", c->memory_mib);
	put_seed(b, c->seed);
}

static void json_done(struct sink *s, const struct cell_result *r)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	buf_puts(&b, "{\"event\":\"cell\"");
	put_cell(&b, r->cell);
	buf_putc(&b, ',');
	cell_result_put_members(r, &b);
	buf_puts(&b, "}\n");
	sink_write(s, &b);
}

static void json_end(struct sink *s, const struct run_counts *n, uint64_t wall_ns, bool interrupted)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	buf_puts(&b, "{\"event\":\"end\"");
	put_num(&b, "passed", n->by_verdict[VERDICT_PASS]);
	put_num(&b, "failed", n->by_verdict[VERDICT_FAIL]);
	put_num(&b, "inconclusive", n->by_verdict[VERDICT_INCONCLUSIVE]);
	put_num(&b, "skipped", n->by_verdict[VERDICT_SKIP]);
	put_num(&b, "not_run", n->not_run);
	put_num(&b, "wall_ns", wall_ns);
	buf_printf(&b, ",\"interrupted\":%s}\n", interrupted ? "true" : "false");
	sink_write(s, &b);
}

const struct sink_type sink_json = {
	.name = "json",
	.begin = json_begin,
	.done = json_done,
	.end = json_end,
};
