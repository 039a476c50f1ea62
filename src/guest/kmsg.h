/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel log and the trace buffer say about sched_ext. Pure text work. */
#ifndef GUEST_KMSG_H
#define GUEST_KMSG_H

#include <stddef.h>
#include <stdint.h>

/* One record as /dev/kmsg gives it: "prio,seq,usec,flags[,...];text\n KEY=value\n". */
struct kmsg_record {
	unsigned level; /* 0 emergency to 7 debug */
	uint64_t seq;
	const char *text; /* borrowed; first line only, without the newline */
	size_t len;
};

/* 0 or -EBADMSG */
int kmsg_parse(const char *data, size_t n, struct kmsg_record *ret);

enum scx_line {
	SCX_LINE_OTHER,	   /* not from sched_ext, or of no consequence */
	SCX_LINE_ENABLED,  /* a scheduler is in charge */
	SCX_LINE_DISABLED, /* it is not any more; @what is the kernel's reason */
	SCX_LINE_TEXT,	   /* an error; @what is its text */
};

struct scx_text {
	const char *what; /* borrowed */
	size_t len;
};

enum scx_line scx_line_parse(const struct kmsg_record *r, struct scx_text *ret);

/*
 * A line of trace_pipe: the text of a sched_ext_dump event in it, or NULL if it is something else.
 * *ret_len excludes the newline.
 */
const char *trace_dump_text(const char *line, size_t n, size_t *ret_len);

#endif
