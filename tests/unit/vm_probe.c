/* SPDX-License-Identifier: GPL-2.0-only */
/* What is found out about the host, and how long the answers live. */
#include "vm_fake.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "vm/probe.h"
#include "vm/probe_store.h"

static char dir[] = "/tmp/ktstr-unit-XXXXXX";
static char file[64];

static int make_runtime(void **state)
{
	strcpy(dir, "/tmp/ktstr-unit-XXXXXX");
	assert_non_null(mkdtemp(dir));
	setenv("XDG_RUNTIME_DIR", dir, 1);
	snprintf(file, sizeof(file), "%s/ktstr/probe-x", dir);
	probe_store_on();
	return 0;
}

static int drop_runtime(void **state)
{
	unsetenv("XDG_RUNTIME_DIR");
	return remove_tree(dir, NULL);
}

static const struct probe_result sample = {
	.state = PROBE_UNUSABLE,
	.took_ns = 12345,
	.text = "it is there = but bad",
	.version = "KVM API 12",
	.path = "/dev/kvm",
};

TEST_WITH(stored_answers_come_back_for_the_same_key_only, make_runtime, drop_runtime)
{
	struct probe_result r;

	assert_false(probe_load("x", "key 1", &r));
	probe_save("x", "key 1", &sample);
	memset(&r, 0xff, sizeof(r));
	assert_true(probe_load("x", "key 1", &r));
	assert_memory_equal(&r, &sample, sizeof(r));
	assert_false(probe_load("x", "key 2", &r));
	assert_false(probe_load("x", "key 1 ", &r));
	assert_false(probe_load("y", "key 1", &r));
}

TEST_WITH(answers_that_others_could_have_written_are_ignored, make_runtime, drop_runtime)
{
	struct probe_result r;
	char other[80];

	probe_save("x", "k", &sample);
	assert_int_equal(chmod(file, 0622), 0);
	assert_false(probe_load("x", "k", &r));
	assert_int_equal(chmod(file, 0600), 0);
	assert_true(probe_load("x", "k", &r));
	snprintf(other, sizeof(other), "%s.real", file);
	assert_int_equal(rename(file, other), 0);
	assert_int_equal(symlink(other, file), 0);
	assert_false(probe_load("x", "k", &r));
	if (geteuid() == 0) {
		assert_int_equal(unlink(file), 0);
		assert_int_equal(rename(other, file), 0);
		assert_int_equal(chown(file, 12345, 12345), 0);
		assert_false(probe_load("x", "k", &r));
	}
}

TEST_WITH(damaged_answers_are_ignored, make_runtime, drop_runtime)
{
	SCOPED(mem_free) char *text = NULL;
	struct probe_result r;
	size_t len;

	probe_save("x", "k", &sample);
	assert_int_equal(read_file(file, 4096, &text, &len, NULL), 0);
	for (size_t n = 0; n < len; n++) {
		assert_int_equal(write_file_atomic(file, text, n, 0600, NULL), 0);
		assert_false(probe_load("x", "k", &r));
	}
	char *state_line = strstr(text, "state=");
	memcpy(state_line, "state=9", 7);
	assert_int_equal(write_file_atomic(file, text, len, 0600, NULL), 0);
	assert_false(probe_load("x", "k", &r));
}

TEST_WITH(a_replaced_emulator_is_asked_again, make_runtime, drop_runtime)
{
	const char *fake = getenv("FAKE_QEMU");
	struct probe_result r;
	char script[80];

	snprintf(script, sizeof(script), "%s/qemu", dir);
	static const char old[] = "#!/bin/sh\necho QEMU emulator version 9.2.0\n";
	static const char new[] = "#!/bin/sh\necho QEMU emulator version 11.0.50\n";
	assert_int_equal(write_file_atomic(script, old, sizeof(old) - 1, 0755, NULL), 0);
	probe_qemu(ARCH_ARM64, script, &r);
	assert_int_equal(r.state, PROBE_TOO_OLD);
	assert_non_null(strstr(r.remedy, "qemu-system-arm"));
	assert_int_equal(write_file_atomic(script, new, sizeof(new) - 1, 0755, NULL), 0);
	probe_qemu(ARCH_ARM64, script, &r);
	assert_int_equal(r.state, PROBE_YES);
	assert_string_equal(r.version, "QEMU 11.0.50");
	assert_string_equal(r.path, script);
	probe_qemu(ARCH_ARM64, fake, &r);
	assert_string_equal(r.version, "QEMU 10.0.2");
}

TEST_WITH(an_emulator_is_found_on_the_path_or_missed_by_name, make_runtime, drop_runtime)
{
	const char *saved = getenv("PATH");
	SCOPED(mem_free) char *before = strdup(saved ? saved : "");
	struct probe_result r;
	char path[80], want[100];

	setenv("PATH", dir, 1);
	probe_qemu(ARCH_X86_64, NULL, &r);
	assert_int_equal(r.state, PROBE_ABSENT);
	assert_string_equal(r.text, "qemu-system-x86_64: not found on PATH");
	snprintf(path, sizeof(path), "/nonexistent::%s", dir);
	setenv("PATH", path, 1);
	snprintf(want, sizeof(want), "%s/qemu-system-x86_64", dir);
	assert_int_equal(symlink(getenv("FAKE_QEMU"), want), 0);
	probe_qemu(ARCH_X86_64, NULL, &r);
	assert_int_equal(r.state, PROBE_YES);
	assert_string_equal(r.path, want);
	setenv("PATH", before, 1);
}

TEST_WITH(kvm_gives_a_reason_and_the_same_one_again, fake_setup, fake_teardown)
{
	enum arch host = arch_host(), foreign = host == ARCH_X86_64 ? ARCH_ARM64 : ARCH_X86_64;
	struct probe_result r, again;

	probe_kvm(foreign, &r);
	assert_int_equal(r.state, PROBE_FOREIGN);
	probe_kvm(host, &r);
	assert_true(r.text[0]);
	assert_true(r.state == PROBE_YES || r.remedy[0]);
	assert_true(r.took_ns < 5000000000ull);
	probe_kvm(host, &again);
	assert_memory_equal(&r, &again, sizeof(r));
}

TEST_WITH(choosing_says_why_it_is_not_kvm, fake_setup, fake_teardown)
{
	const struct vm_backend *b = NULL;
	struct vm_about about;
	struct probe_result kvm;
	struct err e;

	assert_int_equal(vm_choose("kvm", ARCH_X86_64, VM_ACCEL_AUTO, VM_TIME_AUTO, &b, &about, &e),
			 -ENOTSUP);
	assert_int_equal(vm_choose("hvf", arch_host(), VM_ACCEL_AUTO, VM_TIME_AUTO, &b, &about, &e),
			 -EINVAL);
	assert_null(b);
	probe_kvm(arch_host(), &kvm);
	int r = vm_choose("qemu", arch_host(), VM_ACCEL_KVM, VM_TIME_AUTO, &b, &about, &e);
	assert_int_equal(r, kvm.state == PROBE_YES ? 0 : -ENOTSUP);
	assert_int_equal(
		vm_choose("auto", arch_host(), VM_ACCEL_AUTO, VM_TIME_AUTO, &b, &about, &e), 0);
	bool ours = arch_host() == ARCH_ARM64 && kvm.state == PROBE_YES;
	assert_string_equal(about.backend, ours ? "kvm" : "qemu");
	assert_string_equal(about.accel, kvm.state == PROBE_YES ? "kvm" : "tcg");
	assert_int_equal(about.why[0] == 0, kvm.state == PROBE_YES);
	assert_true(ours || !vm_guest_modules(b, ARCH_X86_64)[0]);
	assert_string_equal(vm_guest_modules(b, ARCH_ARM64)[0], "virtio_mmio");
}

UNIT_MAIN(NULL, NULL)
