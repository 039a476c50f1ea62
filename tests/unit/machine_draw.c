/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/parse.h"
#include "machine/draw.h"
#include "machine/hosttopo.h"
#include "machine/topology.h"

static void draw(const char *shape, int columns, bool unicode, struct buf *out)
{
	struct topology t;

	assert_int_equal(topo_parse(shape, &t, NULL), 0);
	topo_draw(&t, out, columns, unicode);
	assert_int_equal(out->bad, 0);
}

TEST(pictures_show_nodes_llcs_cores_and_threads)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	draw("2n4l2c2t", 80, true, &b);
	assert_string_equal(buf_str(&b),
			    "╭ node 0 ─────────────────╮ ╭ node 1 ─────────────────╮\n"
			    "│ ┌ LLC 0 ──┐ ┌ LLC 1 ──┐ │ │ ┌ LLC 2 ──┐ ┌ LLC 3 ──┐ │\n"
			    "│ │  0 │  2 │ │  4 │  6 │ │ │ │  8 │ 10 │ │ 12 │ 14 │ │\n"
			    "│ │  1 │  3 │ │  5 │  7 │ │ │ │  9 │ 11 │ │ 13 │ 15 │ │\n"
			    "│ └────┴────┘ └────┴────┘ │ │ └────┴────┘ └────┴────┘ │\n"
			    "╰─────────────────────────╯ ╰─────────────────────────╯\n");
}

TEST(narrow_terminals_get_more_lines_of_cores)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	draw("1n1l12c1t", 40, false, &b);
	assert_string_equal(buf_str(&b), ". node 0 -------------------------.\n"
					 "| + LLC 0 ----------------------+ |\n"
					 "| |  0 |  1 |  2 |  3 |  4 |  5 | |\n"
					 "| +----+----+----+----+----+----+ |\n"
					 "| |  6 |  7 |  8 |  9 | 10 | 11 | |\n"
					 "| +----+----+----+----+----+----+ |\n"
					 "'---------------------------------'\n");
}

TEST(large_machines_get_a_line_per_llc)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	draw("4n12l8c2t", 60, false, &b);
	assert_ptr_equal(strstr(buf_str(&b), "node 0\n"
					     "  LLC 0   0-15      ## ## ## ## ## ## ## ##\n"),
			 buf_str(&b));
	assert_non_null(strstr(buf_str(&b), "node 3\n"
					    "  LLC 9   144-159   ## ## ## ## ## ## ## ##\n"));
}

/* Width of the widest line, in characters. */
static size_t width_of(const char *s)
{
	size_t most = 0, w = 0;

	for (; *s; s++) {
		w = *s == '\n' ? 0 : w + ((*s & 0xc0) != 0x80);
		most = MAX(most, w);
	}
	return most;
}

static uint32_t count_char(const char *s, char c)
{
	uint32_t n = 0;

	for (; *s; s++)
		n += *s == c;
	return n;
}

/* A picture names every CPU once, a list has a square for each. */
static void check_complete(const char *text, uint32_t cpus)
{
	struct cpuset seen = { 0 };

	if (strchr(text, '#')) {
		assert_int_equal(count_char(text, '#'), cpus);
		return;
	}
	for (const char *s = text; *s; s++) {
		if (*s < '0' || *s > '9')
			continue;
		/* A digit behind a word is part of a title, not a CPU. */
		bool title = s >= text + 2 && s[-1] == ' ' && isalpha(s[-2]);
		uint32_t cpu = (uint32_t)atoi(s);

		s += strspn(s, "0123456789") - 1;
		if (!title) {
			assert_false(cpuset_has(&seen, cpu));
			cpuset_add(&seen, cpu);
		}
	}
	assert_int_equal(cpuset_count(&seen), cpus);
}

TEST(every_preset_fits_every_terminal_with_all_its_cpus)
{
	static const int columns[] = { 40, 60, 80, 133, 200 };

	for (const struct topo_preset *p = topo_presets; p->name; p++) {
		for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
			SCOPED(buf_fini) struct buf b = { 0 }, u = { 0 };

			draw(p->name, columns[i], false, &b);
			draw(p->name, columns[i], true, &u);
			assert_true(width_of(buf_str(&b)) <= (size_t)columns[i]);
			assert_int_equal(width_of(buf_str(&b)), width_of(buf_str(&u)));
			assert_true(count_char(buf_str(&b), '\n') <= 80);
			check_complete(buf_str(&b), topo_cpus(&p->topo));
		}
	}
}

TEST(unequal_parts_keep_empty_cells)
{
	static const struct topo_place place[] = {
		{ 0, 0, 0, 0 },
		{ 4, 0, 0, 0 },
		{ 1, 0, 0, 1 },
		{ 7, 2, 5, 3 },
	};
	SCOPED(buf_fini) struct buf b = { 0 };

	topo_draw_places(place, ARRAY_SIZE(place), &b, 80, false);
	assert_string_equal(buf_str(&b), ". node 0 ---. . node 2 ---.\n"
					 "| + LLC 0 + | | + LLC 5 + |\n"
					 "| | 0 | 1 | | | | 7 |   | |\n"
					 "| | 4 |   | | | |   |   | |\n"
					 "| +---+---+ | | +---+---+ |\n"
					 "'-----------' '-----------'\n");
}

TEST(the_host_is_seen_as_hwloc_sees_it)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	struct hosttopo h;

	setenv("HWLOC_SYNTHETIC", "node:2 l3:2 core:3 pu:2", 1);
	setenv("HWLOC_THISSYSTEM", "0", 1);
	assert_int_equal(hosttopo_init(&h, NULL), 0);
	assert_int_equal(h.nr_cpus, 24);
	assert_int_equal(h.nodes, 2);
	assert_int_equal(h.llcs, 4);
	assert_int_equal(h.cores, 12);
	for (uint32_t i = 0; i < h.nr_cpus; i++) {
		const struct topo_place want = { i, i / 12, i / 6, i / 2 };

		assert_memory_equal(&h.place[i], &want, sizeof(want));
	}
	hosttopo_summary(&h, &b);
	assert_memory_equal(buf_str(&b), "24 CPUs: 2 nodes, 4 LLCs of 16 MiB, 12 cores; ", 46);
	hosttopo_fini(&h);
	unsetenv("HWLOC_SYNTHETIC");
	unsetenv("HWLOC_THISSYSTEM");
}

TEST(this_machine_can_be_described)
{
	struct hosttopo h;

	assert_int_equal(hosttopo_init(&h, NULL), 0);
	assert_true(h.nr_cpus >= h.cores && h.cores >= h.llcs && h.llcs >= h.nodes && h.nodes);
	assert_true(h.memory_bytes > 64 << 20);
	hosttopo_fini(&h);
}

UNIT_MAIN(NULL, NULL)
