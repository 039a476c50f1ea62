/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/group.h"

#include <errno.h>
#include <string.h>

static const char *group_name(const struct cell *c)
{
	return c->file ? c->file : "ktstr";
}

struct group *groups_of(struct groups *g, const struct cell *c)
{
	for (size_t i = 0; i < g->nr; i++)
		if (!strcmp(g->at[i].name, group_name(c)))
			return &g->at[i];
	return NULL;
}

static int add_cell(struct groups *g, const struct cell *c)
{
	struct group *own = groups_of(g, c);

	if (!own) {
		struct group *at = reallocarray(g->at, g->nr + 1, sizeof(*at));

		if (!at)
			return -ENOMEM;
		g->at = at;
		own = &at[g->nr++];
		*own = (struct group){ .name = group_name(c) };
	}
	own->nr++;
	return 0;
}

int groups_init(struct groups *g, const struct run_info *info)
{
	int r = 0;

	*g = (struct groups){ .cells = info->cells, .nr_cells = info->nr_cells };
	g->done = calloc(info->nr_cells + 1ul, sizeof(*g->done));
	if (!g->done)
		return -ENOMEM;
	for (uint32_t i = 0; i < info->nr_cells && !r; i++)
		r = add_cell(g, info->cells[i]);
	if (r < 0)
		groups_fini(g);
	return r;
}

void groups_fini(struct groups *g)
{
	for (size_t i = 0; i < g->nr; i++)
		buf_fini(&g->at[i].text);
	free(g->at);
	free(g->done);
	*g = (struct groups){ 0 };
}

struct group *groups_add(struct groups *g, const struct cell_result *r)
{
	struct group *own = groups_of(g, r->cell);

	if (!own || r->cell->index >= g->nr_cells || g->done[r->cell->index])
		return NULL;
	g->done[r->cell->index] = true;
	own->nr_done++;
	own->by_verdict[r->verdict]++;
	own->total_ns += r->times.total;
	return own;
}
