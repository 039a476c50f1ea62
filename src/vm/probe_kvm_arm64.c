/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The trial guest for arm64: EL1 with its MMU on, then a few integer and vector instructions at EL0.
 * The last one stores to an address where nothing is; so does any exception, to another address.
 */
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/scoped.h"
#include "vm/probe_kvm.h"

/*
 * Guest physical. What user level can write the kernel cannot execute, so code and data are pages of
 * their own; a block of 2 MiB maps the place of the last store.
 */
#define MEM_BASE 0x40000000
#define L1 0x1000 /* offsets into the memory */
#define L2 0x2000
#define L3 0x3000
#define DONE_ADDR 0x40200000
#define FAULT_ADDR 0x40200008

#define X(...) #__VA_ARGS__
#define STR(...) X(__VA_ARGS__)

/* What the guest leaves behind; the offsets are in the code below, too. */
struct sums {
	uint64_t mark;	 /* +0 */
	uint64_t umulh;	 /* +8 */
	uint64_t vector; /* +16 */
};

/* Labels in the code below; hidden, or they would be looked for in a GOT. */
extern const char kvm_trial_code[] __attribute__((visibility("hidden")));
extern const char kvm_trial_code_end[] __attribute__((visibility("hidden")));

/* clang-format off */
asm(".pushsection .rodata\n"
    ".balign 4096\n"
    "kvm_trial_code:\n"
    "	ldr x19, =" STR(MEM_BASE) " + " STR(TRIAL_SUMS) "\n"
    "	mov x0, #1\n"
    "	str x0, [x19]\n"
    "	ldr x0, =" STR(MEM_BASE) " + " STR(L1) "\n"
    "	msr ttbr0_el1, x0\n"
    "	mov x0, #0xff\n"		/* attribute 0: normal, write-back; 1: device */
    "	msr mair_el1, x0\n"
    "	adr x0, 8f\n"
    "	msr vbar_el1, x0\n"
    "	ldr x0, =0x100803519\n"		/* 39 bits, 4 KiB, cached, inner shareable, no TTBR1 */
    "	msr tcr_el1, x0\n"
    "	mov x0, #(3 << 20)\n"		/* vectors at both levels */
    "	msr cpacr_el1, x0\n"
    "	dsb sy\n"
    "	isb\n"
    "	tlbi vmalle1\n"
    "	dsb sy\n"
    "	isb\n"
    "	mrs x0, sctlr_el1\n"
    "	mov x1, #0x1005\n"		/* MMU, caches */
    "	orr x0, x0, x1\n"
    "	msr sctlr_el1, x0\n"
    "	isb\n"
    "	mov x0, #2\n"
    "	str x0, [x19]\n"
    "	adr x0, 1f\n"
    "	msr elr_el1, x0\n"
    "	mov x0, #0x3c0\n"		/* EL0, all masked */
    "	msr spsr_el1, x0\n"
    "	eret\n"
    "1:	mov x0, #3\n"
    "	str x0, [x19]\n"
    "	ldr x1, =0x123456789abcdef1\n"
    "	mov x2, #0x1000\n"
    "	umulh x3, x1, x2\n"
    "	str x3, [x19, #8]\n"
    "	mov x0, #4\n"
    "	str x0, [x19]\n"
    "	ldr x1, =0x0102030405060708\n"
    "	dup v0.2d, x1\n"
    "	add v0.16b, v0.16b, v0.16b\n"
    "	mov x3, v0.d[1]\n"
    "	str x3, [x19, #16]\n"
    "	mov x0, #5\n"
    "	str x0, [x19]\n"
    "	ldr x1, =" STR(DONE_ADDR) "\n"
    "	str w0, [x1]\n"
    "2:	b 2b\n"
    "7:	ldr x1, =" STR(FAULT_ADDR) "\n"
    "	str w0, [x1]\n"
    "	b 2b\n"
    "	.ltorg\n"
    "	.balign 2048\n"		/* as the vectors have to be; the rest of the page is theirs */
    "8:	.rept 16\n"
    "	b 7b\n"
    "	.balign 128\n"
    "	.endr\n"
    "kvm_trial_code_end:\n"
    ".popsection\n");
/* clang-format on */

static const char *const marks[] = {
	"first instruction",
	"step to paging",
	"step to user level",
	"multiplication at user level",
	"vector instruction at user level",
	"device access",
};

static int create_vm(int kvm)
{
	/*
	 * Without the capability all VMs have 40 bits. Not more where more are offered: the kernel walks
	 * all of them when the VM goes, with 52 bits for seconds.
	 */
	int bits = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);

	return ioctl(kvm, KVM_CREATE_VM, KVM_VM_TYPE_ARM_IPA_SIZE(MIN(MAX(bits, 0), 40)));
}

static void fill_memory(uint8_t *mem)
{
	/* with 39 bits the walk starts at the table of 1 GiB entries */
	const uint64_t l1e = (MEM_BASE + L2) | 3, l2e = (MEM_BASE + L3) | 3;
	/* accessed, inner shareable, for user level, too */
	const uint64_t done = DONE_ADDR | 0x745; /* device */
	const uint64_t data = (MEM_BASE + TRIAL_SUMS) | 0x743;
	const uint64_t code = (MEM_BASE + TRIAL_CODE) | 0x7c3; /* read-only */

	memcpy(mem + L1 + 8, &l1e, sizeof(l1e));
	memcpy(mem + L2, &l2e, sizeof(l2e));
	memcpy(mem + L2 + 8, &done, sizeof(done));
	memcpy(mem + L3 + 8 * (TRIAL_SUMS / 4096), &data, sizeof(data));
	memcpy(mem + L3 + 8 * (TRIAL_CODE / 4096), &code, sizeof(code));
}

static int set_registers(const struct trial *t)
{
	struct kvm_vcpu_init init;
	uint64_t pc = MEM_BASE + TRIAL_CODE;
	struct kvm_one_reg reg = {
		.id = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE |
		      KVM_REG_ARM_CORE_REG(regs.pc),
		.addr = (uintptr_t)&pc,
	};

	if (ioctl(t->vm, KVM_ARM_PREFERRED_TARGET, &init) < 0 ||
	    ioctl(t->vcpu, KVM_ARM_VCPU_INIT, &init) < 0)
		return -1;
	return ioctl(t->vcpu, KVM_SET_ONE_REG, &reg);
}

static bool sums_are_right(const uint8_t *sums)
{
	struct sums s;

	memcpy(&s, sums, sizeof(s));
	return s.umulh == 0x123 && s.vector == 0x020406080a0c0e10;
}

static bool says_done(const struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_MMIO && run->mmio.phys_addr == DONE_ADDR;
}

static bool says_fault(const struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_MMIO && run->mmio.phys_addr == FAULT_ADDR;
}

const struct trial_guest trial_guest = {
	.mem_base = MEM_BASE,
	.code = kvm_trial_code,
	.code_end = kvm_trial_code_end,
	.marks = marks,
	.nr_marks = ARRAY_SIZE(marks),
	.create_vm = create_vm,
	.fill_memory = fill_memory,
	.set_registers = set_registers,
	.says_done = says_done,
	.says_fault = says_fault,
	.sums_are_right = sums_are_right,
};
