/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Work that consists of waking each other. In pairs there is one token, so that every hand-over
 * finds the other side asleep: each is a real wake-up with a known beginning.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "author/work.h"
#include "base/err.h"

#define FAN_OUT_TAIL 256 /* loops that the messenger goes on computing beside those it woke */

static struct slot *partner(struct worker *w)
{
	return &w->group->slots[!w->member];
}

/* fd[0] reads and fd[3] writes for member 0, fd[2] and fd[1] for member 1. */
static int pipe_prepare(struct work_group *g, struct err *e)
{
	if (pipe2(&g->fd[0], O_CLOEXEC) < 0 || pipe2(&g->fd[2], O_CLOEXEC) < 0)
		return err_sys(e, -errno, "pipe");
	return 0;
}

static void pipe_take(struct worker *w)
{
	char byte;

	worker_block(w);
	if (read(w->group->fd[w->member ? 2 : 0], &byte, 1) != 1)
		_exit(EPIPE);
	worker_unblock(w);
}

static void pipe_pass(struct worker *w)
{
	if (w->member || w->slot->iterations)
		pipe_take(w);
	worker_spin(w, w->args->pipe_io.spin);
	slot_wake(partner(w));
	if (write(w->group->fd[w->member ? 1 : 3], "", 1) != 1)
		_exit(EPIPE);
}

const struct work_type work_pipe_io = {
	.name = "pipe_io",
	.wakes = true,
	.params =
		(const struct work_param[]){
			WORK_PARAM(pipe_io.spin, 1024, 1, 1000000000),
			{ 0 },
		},
	.group = 2,
	.prepare = pipe_prepare,
	.pass = pipe_pass,
};

static void ping_pong_pass(struct worker *w)
{
	uint32_t *token = &w->group->token;

	worker_block(w);
	while (__atomic_load_n(token, __ATOMIC_ACQUIRE) != w->member)
		futex_wait(token, !w->member, NULL);
	worker_unblock(w);
	worker_spin(w, w->args->futex_ping_pong.spin);
	slot_wake(partner(w));
	__atomic_store_n(token, !w->member, __ATOMIC_RELEASE);
	futex_wake(token, 1);
}

const struct work_type work_futex_ping_pong = {
	.name = "futex_ping_pong",
	.wakes = true,
	.params =
		(const struct work_param[]){
			WORK_PARAM(futex_ping_pong.spin, 1024, 1, 1000000000),
			{ 0 },
		},
	.group = 2,
	.pass = ping_pong_pass,
};

/* The messenger does not wait for anybody: who is late misses rounds, and its latency shows it. */
static void messenger_pass(struct worker *w)
{
	uint32_t *round = &w->group->token;

	worker_spin(w, w->args->futex_fan_out.spin);
	for (uint32_t i = 1; i < w->group->size; i++)
		slot_wake(&w->group->slots[i]);
	__atomic_fetch_add(round, 1, __ATOMIC_RELEASE);
	futex_wake(round, INT_MAX);
	worker_spin(w, FAN_OUT_TAIL);
}

/* mem_at: the round it has seen */
static void receiver_pass(struct worker *w)
{
	uint32_t *round = &w->group->token;

	worker_block(w);
	while (__atomic_load_n(round, __ATOMIC_ACQUIRE) == (uint32_t)w->mem_at)
		futex_wait(round, (uint32_t)w->mem_at, NULL);
	w->mem_at = __atomic_load_n(round, __ATOMIC_ACQUIRE);
	worker_unblock(w);
	worker_mark(w, 1);
}

static void fan_out_pass(struct worker *w)
{
	if (w->member)
		receiver_pass(w);
	else
		messenger_pass(w);
}

const struct work_type work_futex_fan_out = {
	.name = "futex_fan_out",
	.wakes = true,
	.params =
		(const struct work_param[]){
			WORK_PARAM(futex_fan_out.fan_out, 4, 1, 1024),
			WORK_PARAM(futex_fan_out.spin, 1024, 1, 1000000000),
			{ 0 },
		},
	.group = 1,
	.group_by = offsetof(struct ktstr_workers, futex_fan_out.fan_out),
	.pass = fan_out_pass,
};
