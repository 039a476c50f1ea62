/* SPDX-License-Identifier: GPL-2.0-only */
#include "sink_sample.h"

#include <stdio.h>
#include <string.h>

#include "harness/result.h"
#include "harness/sink.h"

#define SECOND 1000000000ull

/* Everything that must not reach a terminal, a TAP line or an XML file as it is. */
#define HOSTILE \
	"\x1b[31mred\x1b[0m \x1b]0;title\a \x01 \xff \xed\xa0\x80 \xef\xbf\xbe # SKIP \\ " \
	"<&\">\r\n" \
	"not ok 1 \xc3\xa4 \xc2\x9b" \
	"31m ]]> end"

struct row {
	const char *file, *test, *topo, *scheduler;
	enum verdict verdict;
	enum cause cause;
	const char *headline;
	bool not_run;
};

struct scenario {
	const char *name;
	const struct row *rows;
	size_t nr;
	bool interrupted, long_logs;
};

static const struct row all_rows[] = {
	{ "./fairness", "two_cgroups", "1n1l2c1t", "eevdf", VERDICT_PASS },
	{ "./fairness", "llc_spread", "1n2l2c1t", "scx_ktstr", VERDICT_PASS },
	{ "./fairness", "two_cgroups", "1n1l2c1t", "scx_ktstr --starve cg_1", VERDICT_FAIL,
	  CAUSE_CHECK, "cg_1 starved: its 2 workers waited 1.98 of 2.00 s" },
	{ "./fairness", "wakeups", "1n1l2c1t", "eevdf", VERDICT_INCONCLUSIVE, CAUSE_UNJUDGED,
	  "wake latency cannot be judged: no samples" },
	{ "./fairness", "slow", "1n1l2c1t", "eevdf", VERDICT_FAIL, CAUSE_TIMEOUT,
	  "ran longer than 5.0 s" },
	{ "./fairness", "numa_spread", "2n2l2c1t", "eevdf", VERDICT_SKIP, CAUSE_SKIPPED,
	  "needs 2 GiB of guest memory, 1.2 GiB available" },
};

static const struct row two_rows[] = {
	{ "./a", "one", "1n1l2c1t", "eevdf", VERDICT_PASS },
	{ "./b", "one", "1n1l2c1t", "eevdf", VERDICT_FAIL, CAUSE_GUEST_PANIC, "kernel panic" },
	{ "./a", "two", "1n1l2c1t", "eevdf", VERDICT_PASS },
	{ "./c", "skipped", "1n1l2c1t", "eevdf", VERDICT_SKIP, CAUSE_SKIPPED, "no memory" },
	{ "./b", "two", "1n1l2c1t", "eevdf", VERDICT_PASS },
};

static const struct row hostile_rows[] = {
	{ "./x" HOSTILE, "name" HOSTILE, "1n1l1c1t", "s" HOSTILE, VERDICT_FAIL, CAUSE_CHECK,
	  HOSTILE },
	{ "./x" HOSTILE, "a # SKIP pass", "1n1l1c1t", "s", VERDICT_PASS },
	{ "./x" HOSTILE, "unsure", "1n1l1c1t", "s", VERDICT_INCONCLUSIVE, CAUSE_LINK_LOST,
	  HOSTILE },
	{ "./x" HOSTILE, "skip", "1n1l1c1t", "s", VERDICT_SKIP, CAUSE_SKIPPED, HOSTILE },
};

static const struct row interrupted_rows[] = {
	{ "./a", "one", "1n1l2c1t", "eevdf", VERDICT_PASS },
	{ "./b", "one", "1n1l2c1t", "eevdf", VERDICT_FAIL, CAUSE_CHECK, "no progress" },
	{ "./a", "two", "1n1l2c1t", "eevdf", .not_run = true },
	{ "./b", "two", "1n1l2c1t", "eevdf", .not_run = true },
	{ "./a", "three", "1n1l2c1t", "eevdf", .not_run = true },
};

#define SCENARIO(id, r, ...) { .name = id, .rows = r, .nr = ARRAY_SIZE(r), __VA_ARGS__ }
static const struct scenario scenarios[] = {
	SCENARIO("all", all_rows),
	SCENARIO("two", two_rows),
	SCENARIO("hostile", hostile_rows),
	SCENARIO("interrupted", interrupted_rows, .interrupted = true),
	SCENARIO("logs", two_rows, .long_logs = true),
	{ .name = "empty", .interrupted = true },
};
const char *const sample_names[] = {
	"all", "two", "hostile", "interrupted", "logs", "empty", NULL
};

static void fill_cell(struct cell *c, const struct row *row, uint32_t index)
{
	*c = (struct cell){
		.index = index,
		.test = row->test,
		.summary = "what it shows",
		.file = row->file,
		.kernel = "debian 7.3.4 cloud-amd64",
		.kernel_key = "abcdef",
		.scheduler = row->scheduler,
		.scheduler_name = "eevdf",
		.arch = ARCH_X86_64,
		.topo = { 1, 1, 2, 1 },
		.memory_mib = 256,
		.seed = UINT64_MAX,
	};
	snprintf(c->name, sizeof(c->name), "%s/%s/%s", row->test, row->topo, row->scheduler);
	snprintf(c->topo_text, sizeof(c->topo_text), "%s", row->topo);
}

static char *many_lines(const char *what)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	for (int i = 1; i <= 40; i++)
		fprintf(f, "%s line %d\n", what, i);
	fclose(f);
	return text;
}

static void add_detail(struct cell_result *r, const char *text, bool note)
{
	r->details = reallocarray(r->details, r->nr_details + 1, sizeof(*r->details));
	r->details[r->nr_details++] = (struct detail){
		.verdict = note ? VERDICT_PASS : VERDICT_FAIL,
		.note = note,
		.kind = "gap",
		.text = strdup(text),
	};
}

static void fill_result(struct cell_result *r, const struct row *row, bool long_logs)
{
	r->verdict = row->verdict;
	r->cause = row->cause;
	r->headline = strdup(row->headline ? row->headline : "");
	r->rerun = strdup("ktstr test ./fairness --filter two_cgroups --seed 1f3a");
	r->times = (struct cell_times){ .total = 41 * SECOND / 10, .boot = 29 * SECOND / 10 };
	strcpy(r->backend, "qemu");
	strcpy(r->accel, "tcg");
	if (row->verdict == VERDICT_SKIP)
		r->times.boot = 0;
	if (!strcmp(row->test, "llc_spread"))
		r->schedule = (struct schedule_digest){ true, 0x8a61c0d2e4f79b35, 48211 };
	if (!strcmp(row->test, "wakeups"))
		strcpy(r->schedule.why_not, "the kernel has no \x1b[31mBPF");
	if (row->cause == CAUSE_CHECK) {
		add_detail(r, row->headline, false);
		add_detail(r, "cg_1: longest gap 1980 ms, limit 500 ms", false);
		add_detail(r, "the host was busy", true);
		r->cgroups = calloc(1, sizeof(*r->cgroups));
		r->nr_cgroups = 1;
		strcpy(r->cgroups[0].name, "cg_1");
		r->cgroups[0].workers = 2;
		r->sched_log = strdup(row->headline);
	}
	if (long_logs) {
		r->output = many_lines("output");
		r->sched_log = many_lines("log");
		r->sched_dump = many_lines("dump");
		r->console_tail = many_lines("console");
	}
}

static void play_row(const struct scenario *sc, const struct row *row, const struct cell *c,
		     struct sink *const *sinks, size_t nr, struct run_counts *n)
{
	SCOPED(cell_result_fini) struct cell_result r = { .cell = c };

	if (row->not_run) {
		n->not_run++;
		return;
	}
	fill_result(&r, row, sc->long_logs);
	n->by_verdict[r.verdict]++;
	for (size_t k = 0; k < nr; k++) {
		if (sinks[k]->type->start)
			sinks[k]->type->start(sinks[k], c);
		sinks[k]->type->done(sinks[k], &r);
	}
}

static void play(const struct scenario *sc, struct sink *const *sinks, size_t nr)
{
	struct cell cells[8];
	const struct cell *at[8];
	struct run_counts n = { 0 };
	struct run_info info = {
		.version = "0.1.0",
		.command_line = "ktstr test './a b' <&>\"",
		.kernels = "debian 7.3.4 cloud-amd64",
		.backend = "qemu/tcg",
		.backend_why = "kvm: present, cannot run kernels",
		.seed = 0x1f3a,
		.nr_cells = (uint32_t)sc->nr,
		.cells = at,
		.jobs = 2,
		.started_at = 1790000000,
	};

	for (uint32_t i = 0; i < sc->nr; i++) {
		fill_cell(&cells[i], &sc->rows[i], i);
		at[i] = &cells[i];
	}
	for (size_t k = 0; k < nr; k++)
		sinks[k]->type->begin(sinks[k], &info);
	for (size_t i = 0; i < sc->nr; i++)
		play_row(sc, &sc->rows[i], at[i], sinks, nr, &n);
	for (size_t k = 0; k < nr; k++)
		sinks[k]->type->end(sinks[k], &n, 152 * SECOND / 10, sc->interrupted);
}

int sample_play(const char *name, struct sink *const *sinks, size_t nr)
{
	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++) {
		if (strcmp(scenarios[i].name, name) != 0)
			continue;
		play(&scenarios[i], sinks, nr);
		return 0;
	}
	return -1;
}
