/* SPDX-License-Identifier: GPL-2.0-only */
/* Emulation or KVM, real time or virtual, on hosts with and without KVM: both probes are linked in. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "vm/accel.h"
#include "vm/kvm/backend.h"
#include "vm/probe.h"
#include "vm/qemu/qemu.h"

static enum probe_state kvm;

void __wrap_probe_kvm(enum arch guest, struct probe_result *ret);
void __wrap_probe_kvm(enum arch guest, struct probe_result *ret)
{
	*ret = (struct probe_result){ .state = kvm,
				      .text = "/dev/kvm: this is a test",
				      .version = "KVM API 12" };
}

void __wrap_probe_qemu(enum arch guest, const char *path, struct probe_result *ret);
void __wrap_probe_qemu(enum arch guest, const char *path, struct probe_result *ret)
{
	*ret = (struct probe_result){ .state = PROBE_YES, .version = "QEMU 10.0.2" };
}

#define VIRTUAL_KVM "accelerator kvm: cannot run in virtual time, only emulation (tcg) can"
#define NO_KVM "accelerator kvm: /dev/kvm: this is a test"
#define ASKED "tcg was asked for"
#define VIRTUAL "virtual time was asked for"

/* What becomes of each wish: with KVM, and without. */
static const struct {
	enum vm_accel accel;
	enum vm_time time;
	struct {
		int r;
		const char *accel;
		bool virtual_time;
		const char *text; /* why not better, or of the error */
	} with, without;
} rows[] = {
	{ VM_ACCEL_AUTO, VM_TIME_AUTO, { 0, "kvm", false, "" }, { 0, "tcg", true, "kvm: " } },
	{ VM_ACCEL_AUTO, VM_TIME_REAL, { 0, "kvm", false, "" }, { 0, "tcg", false, "kvm: " } },
	{ VM_ACCEL_AUTO,
	  VM_TIME_VIRTUAL,
	  { 0, "tcg", true, VIRTUAL },
	  { 0, "tcg", true, VIRTUAL } },
	{ VM_ACCEL_TCG, VM_TIME_AUTO, { 0, "tcg", true, ASKED }, { 0, "tcg", true, ASKED } },
	{ VM_ACCEL_TCG, VM_TIME_REAL, { 0, "tcg", false, ASKED }, { 0, "tcg", false, ASKED } },
	{ VM_ACCEL_TCG, VM_TIME_VIRTUAL, { 0, "tcg", true, ASKED }, { 0, "tcg", true, ASKED } },
	{ VM_ACCEL_KVM, VM_TIME_AUTO, { 0, "kvm", false, "" }, { -ENOTSUP, .text = NO_KVM } },
	{ VM_ACCEL_KVM, VM_TIME_REAL, { 0, "kvm", false, "" }, { -ENOTSUP, .text = NO_KVM } },
	{ VM_ACCEL_KVM,
	  VM_TIME_VIRTUAL,
	  { -EINVAL, .text = VIRTUAL_KVM },
	  { -EINVAL, .text = VIRTUAL_KVM } },
};

static void check_row(size_t i, int r, const struct vm_about *about, const struct err *e)
{
	int want = kvm == PROBE_YES ? rows[i].with.r : rows[i].without.r;
	const char *accel = kvm == PROBE_YES ? rows[i].with.accel : rows[i].without.accel;
	const char *text = kvm == PROBE_YES ? rows[i].with.text : rows[i].without.text;
	bool virtual_time = kvm == PROBE_YES ? rows[i].with.virtual_time
					     : rows[i].without.virtual_time;

	if (r != want || strcmp(r < 0 ? e->text : about->accel, r < 0 ? text : accel) != 0)
		fail_msg("row %zu, kvm %d: %d %s%s", i, kvm, r, about->accel, e->text);
	if (r < 0)
		return;
	if (about->virtual_time != virtual_time ||
	    strncmp(about->why, text, MAX(strlen(text), 1u)) != 0)
		fail_msg("row %zu, kvm %d: virtual time %d, \"%s\"", i, kvm, about->virtual_time,
			 about->why);
}

TEST(each_wish_gets_its_accelerator_and_its_time)
{
	for (kvm = PROBE_YES; kvm <= PROBE_LAST; kvm++)
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			struct vm_about about = { .virtual_time = true };
			struct err e = { 0 };
			bool use_kvm = true;
			int r = accel_choose(ARCH_X86_64, rows[i].accel, rows[i].time, &use_kvm,
					     &about, &e);

			check_row(i, r, &about, &e);
			assert_int_equal(use_kvm, !r && !strcmp(about.accel, "kvm"));
		}
}

static void check_choice(size_t i, const char *name, enum arch a)
{
	const struct vm_backend *b = NULL;
	struct vm_about about = { 0 };
	struct err e = { 0 };
	int r = vm_choose(name, a, rows[i].accel, rows[i].time, &b, &about, &e);

	check_row(i, r, &about, &e);
	if (!strcmp(name, "auto") && a == ARCH_ARM64 && !strcmp(about.accel, "kvm")) {
		assert_ptr_equal(b, &vm_backend_kvm);
		assert_string_equal(about.backend, "kvm");
		assert_string_equal(about.version, "KVM API 12");
		return;
	}
	assert_ptr_equal(b, &vm_backend_qemu);
	assert_string_equal(about.backend, "qemu");
	assert_string_equal(about.version, "QEMU 10.0.2");
}

TEST(the_choice_of_a_backend_says_the_same)
{
	for (kvm = PROBE_YES; kvm <= PROBE_LAST; kvm++)
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			check_choice(i, "qemu", ARCH_ARM64);
			check_choice(i, "auto", ARCH_ARM64);
			check_choice(i, "qemu", ARCH_X86_64);
			check_choice(i, "auto", ARCH_X86_64);
		}
}

/* What was asked for by name is had or refused, never replaced. */
TEST(our_own_vmm_is_had_by_name_where_it_can_be)
{
	for (kvm = PROBE_YES; kvm <= PROBE_LAST; kvm++)
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			const struct vm_backend *b = NULL;
			struct vm_about about = { 0 };
			struct err e = { 0 };
			bool fits = rows[i].accel != VM_ACCEL_TCG &&
				    rows[i].time != VM_TIME_VIRTUAL;
			int r = vm_choose("kvm", ARCH_ARM64, rows[i].accel, rows[i].time, &b,
					  &about, &e);

			assert_int_equal(r, !fits ? -EINVAL : kvm == PROBE_YES ? 0 : -ENOTSUP);
			assert_ptr_equal(b, r ? NULL : &vm_backend_kvm);
			assert_true(!r || !strncmp(e.text, "backend kvm: ", 13));
		}
}

TEST(backends_that_are_not_there_are_refused)
{
	const struct vm_backend *b;
	struct vm_about about;
	struct err e;

	assert_int_equal(vm_choose("kvm", ARCH_X86_64, VM_ACCEL_AUTO, VM_TIME_VIRTUAL, &b, &about,
				   &e),
			 -ENOTSUP);
	assert_string_equal(e.text, "backend kvm: its x86_64 half does not exist yet; use qemu, "
				    "which takes KVM as accelerator where it works");
	assert_int_equal(vm_choose("xen", ARCH_X86_64, VM_ACCEL_AUTO, VM_TIME_AUTO, &b, &about, &e),
			 -EINVAL);
	assert_string_equal(e.text, "backend \"xen\": there are auto, qemu and kvm");
}

UNIT_MAIN(NULL, NULL)
