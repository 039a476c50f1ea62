/* SPDX-License-Identifier: GPL-2.0-only */
/* What a result has to say, as lines for people; every text format tells it in the same words. */
#ifndef HARNESS_STORY_H
#define HARNESS_STORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct cell;
struct cell_result;
struct run_counts;
struct run_info;

struct story_style {
	const char *prefix;  /* in front of every line */
	const char *heading; /* around headings, may be "" */
	const char *plain;
	bool all; /* everything there is, unbounded */
};

/* Headline, findings, what the cgroups did, rerun line, then logs under headings. */
void story_put(struct buf *b, const struct cell_result *r, const struct story_style *style);
/* "1n2l2c1t, scx_ktstr, debian 7.3.4 cloud-amd64, qemu/tcg, boot 2.9 s, body 1.1 s" */
void story_put_facts(struct buf *b, const struct cell_result *r);
/* "ktstr 0.1.0 | debian 7.3.4 cloud-amd64 | qemu/tcg | seed 1f3a", newline included */
void story_put_run(struct buf *b, const struct run_info *info);
/* "2 passed, 1 failed, 0 inconclusive, 1 skipped in 15.2 s" */
void story_put_counts(struct buf *b, const struct run_counts *n, uint64_t wall_ns,
		      bool interrupted);
/* Cleaned, on one line. NULL is nothing. */
void story_put_text(struct buf *b, const char *s);
/* The same for TAP and KTAP, where "#" begins a directive: KTAP cannot escape it, many readers of TAP
 * do not know how. */
void story_put_name(struct buf *b, const char *s);
/* The headline, or what the cause means if there is none. */
const char *story_headline(const struct cell_result *r);

#endif
