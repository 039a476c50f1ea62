/* SPDX-License-Identifier: GPL-2.0-only */
#include "vm/kvm/crew.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/kvm.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"
#include "kvm/calls.h"
#include "vm/kvm/bus.h"
#include "vm/kvm/exit.h"
#include "vm/kvm/machine.h"
#include "vm/kvm/mutex.h"

#define STACK_SIZE MAX((size_t)PTHREAD_STACK_MIN, (size_t)256 << 10)
#define SECOND_NS 1000000000ull
#define PARK_LIMIT_NS (30 * SECOND_NS)

static void on_kick(int sig)
{
	atomic_signal_fence(memory_order_acquire);
}

static void install_handler(void)
{
	struct sigaction sa = { .sa_handler = on_kick };

	sigemptyset(&sa.sa_mask);
	int r = sigaction(CREW_SIGNAL, &sa, NULL);
	assert(!r);
}

void crew_init(struct crew *c)
{
	pthread_condattr_t a;

	mutex_init(&c->lock);
	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(&c->go, &a);
	pthread_cond_init(&c->news, &a);
	pthread_condattr_destroy(&a);
	c->want = CREW_PARK;
	c->nr = c->nr_parked = c->nr_gone = 0;
	c->ended = false;
	c->hand = NULL;
}

static struct kvm_run *run_of(const struct crew *c, uint32_t cpu)
{
	return c->machine->vcpu[cpu].run;
}

/* The kernel reads it at the entry; the order against crew.want is what counts, see crew.h. */
static void set_immediate_exit(struct kvm_run *run, bool on)
{
	__atomic_store_n(&run->immediate_exit, on, __ATOMIC_SEQ_CST);
}

static void set_want(struct crew *c, enum crew_want want)
{
	__atomic_store_n(&c->want, want, __ATOMIC_SEQ_CST);
}

static enum crew_want wanted(const struct crew *c)
{
	return __atomic_load_n(&c->want, __ATOMIC_SEQ_CST);
}

/* All are told before the first is interrupted, so that none goes on alone for long. */
static void kick_all(struct crew *c)
{
	for (uint32_t i = 0; i < c->nr; i++)
		set_immediate_exit(run_of(c, i), true);
	for (uint32_t i = 0; i < c->nr; i++)
		pthread_kill(c->hand[i].thread, CREW_SIGNAL);
}

static int enter(const struct crew *c, uint32_t cpu)
{
	const struct kvm_calls *calls = c->machine->calls;

	return (int)calls->ioctl(calls->ctx, c->machine->vcpu[cpu].fd, KVM_RUN, NULL);
}

/* A device access is complete, registers and all, only once the guest was entered again. */
static void finish_access(struct crew_hand *h)
{
	if (!h->pending)
		return;
	set_immediate_exit(run_of(h->crew, h->cpu), true);
	enter(h->crew, h->cpu);
	h->pending = false;
}

static void park(struct crew_hand *h)
{
	struct crew *c = h->crew;

	finish_access(h);
	LOCKED(&c->lock);
	c->nr_parked++;
	pthread_cond_signal(&c->news);
	while (wanted(c) == CREW_PARK)
		pthread_cond_wait(&c->go, &c->lock);
	c->nr_parked--;
}

/* Waits as long as it has to. False: leave. */
static bool may_run(struct crew_hand *h)
{
	struct crew *c = h->crew;

	for (;;) {
		set_immediate_exit(run_of(c, h->cpu), false);
		switch (wanted(c)) {
		case CREW_RUN:
			return true;
		case CREW_STOP:
			return false;
		case CREW_PARK:
			park(h);
		}
	}
}

/* Tells where the guest was, if that can be known. */
static void add_place(struct crew *c, uint32_t cpu, struct vm_stop *why)
{
	struct arm64_regs regs;
	char text[sizeof(why->text)];

	if (why->kind != VM_STOP_BACKEND_ERROR)
		return;
	memcpy(text, why->text, sizeof(text));
	if (machine_registers(c->machine, cpu, &regs, NULL) < 0)
		snprintf(why->text, sizeof(why->text), "vCPU %u: %.400s", cpu, text);
	else
		snprintf(why->text, sizeof(why->text), "vCPU %u: %.400s, at pc 0x%llx", cpu, text,
			 (unsigned long long)regs.pc);
}

static void end_from(struct crew *c, uint32_t cpu, struct vm_stop *why)
{
	add_place(c, cpu, why);
	crew_end(c, why);
}

static void run_once(struct crew_hand *h)
{
	struct crew *c = h->crew;
	struct kvm_run *run = run_of(c, h->cpu);
	struct vm_stop why;
	int r = enter(c, h->cpu);

	h->pending = false;
	if (r == -EINTR || r == -EAGAIN)
		return;
	if (r < 0) {
		exit_failed(r, &why);
		end_from(c, h->cpu, &why);
		return;
	}
	switch (exit_judge(run, &why)) {
	case VCPU_EXIT_NONE:
		return;
	case VCPU_EXIT_MMIO:
		bus_access(c->bus, run->mmio.phys_addr, run->mmio.data, run->mmio.len,
			   run->mmio.is_write);
		h->pending = true;
		return;
	case VCPU_EXIT_STOP:
		end_from(c, h->cpu, &why);
	}
}

/* The last thing a thread does with the crew. */
static void leave(struct crew *c)
{
	LOCKED(&c->lock);

	if (++c->nr_gone == c->nr)
		eventfd_write(c->wake, 1);
	pthread_cond_signal(&c->news);
}

static void *hand_main(void *arg)
{
	struct crew_hand *h = arg;
	struct crew *c = h->crew;
	char name[16];

	snprintf(name, sizeof(name), "vcpu %u", h->cpu);
	pthread_setname_np(pthread_self(), name);
	__atomic_store_n(&h->tid, gettid(), __ATOMIC_RELEASE);
	if (c->settle)
		c->settle(c->settle_ctx, h->cpu);
	while (may_run(h))
		run_once(h);
	leave(c);
	return NULL;
}

/* A vCPU thread takes no signal but the kick: all others are the owner's. */
static int make_threads(struct crew *c, uint32_t nr, const pthread_attr_t *a)
{
	sigset_t kick_only, before;
	int r = 0;

	sigfillset(&kick_only);
	sigdelset(&kick_only, CREW_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &kick_only, &before);
	/* Nobody leaves before all are there: they are parked, and nr_gone counts up to nr. */
	for (uint32_t i = 0; i < nr && !r; i++) {
		c->hand[i] = (struct crew_hand){ .crew = c, .cpu = i };
		r = -pthread_create(&c->hand[i].thread, a, hand_main, &c->hand[i]);
		c->nr += !r;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

int crew_start(struct crew *c, struct err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	uint32_t nr = c->machine->nr_vcpus;
	pthread_attr_t a;

	pthread_once(&once, install_handler);
	c->hand = calloc(nr, sizeof(*c->hand));
	if (!c->hand)
		return err_sys(e, -ENOMEM, "vCPU threads");
	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, STACK_SIZE);
	int r = make_threads(c, nr, &a);
	pthread_attr_destroy(&a);
	return r < 0 ? err_sys(e, r, "thread of vCPU %u", c->nr) : 0;
}

void crew_fini(struct crew *c)
{
	crew_end(c, &(struct vm_stop){ .kind = VM_STOP_KILLED });
	for (uint32_t i = 0; i < c->nr; i++)
		pthread_join(c->hand[i].thread, NULL);
	free(c->hand);
	pthread_cond_destroy(&c->news);
	pthread_cond_destroy(&c->go);
	pthread_mutex_destroy(&c->lock);
}

/* With the lock held. */
static int await_parked(struct crew *c)
{
	uint64_t limit_ns = now_ns() + PARK_LIMIT_NS;
	struct timespec limit = { (time_t)(limit_ns / SECOND_NS), (long)(limit_ns % SECOND_NS) };
	int r = 0;

	while (!r && c->nr_parked + c->nr_gone < c->nr)
		r = -pthread_cond_timedwait(&c->news, &c->lock, &limit);
	return wanted(c) == CREW_STOP ? -ESRCH : r;
}

static int say_over(struct err *e)
{
	return err_set(e, -ESRCH, "the machine has ended");
}

int crew_pause(struct crew *c, struct err *e)
{
	LOCKED(&c->lock);

	if (wanted(c) == CREW_STOP)
		return say_over(e);
	set_want(c, CREW_PARK);
	kick_all(c);
	int r = await_parked(c);
	if (r == -ESRCH)
		return say_over(e);
	return r < 0 ? err_set(e, r, "%u of %u vCPUs do not come out of the guest",
			       c->nr - c->nr_parked, c->nr)
		     : 0;
}

int crew_resume(struct crew *c, struct err *e)
{
	LOCKED(&c->lock);

	if (wanted(c) == CREW_STOP)
		return say_over(e);
	set_want(c, CREW_RUN);
	pthread_cond_broadcast(&c->go);
	return 0;
}

void crew_end(struct crew *c, const struct vm_stop *why)
{
	LOCKED(&c->lock);

	if (c->ended)
		return;
	c->ended = true;
	c->end = *why;
	set_want(c, CREW_STOP);
	pthread_cond_broadcast(&c->go);
	kick_all(c);
}

bool crew_gone(struct crew *c, struct vm_stop *ret)
{
	LOCKED(&c->lock);

	if (!c->ended || c->nr_gone < c->nr)
		return false;
	*ret = c->end;
	return true;
}
