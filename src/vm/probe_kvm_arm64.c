/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The trial guest for arm64: EL1 with its MMU on, then a few integer and vector instructions at EL0.
 * The last one stores to an address where nothing is; so does any exception, to another address.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "base/scoped.h"
#include "vm/probe_kvm.h"

/*
 * Guest physical. What user level can write the kernel cannot execute, so code and data are pages of
 * their own; a block of 2 MiB maps the place of the last store.
 */
#define MEM_BASE 0x40000000
#define MEM_SIZE 0x10000
#define L1 0x1000 /* offsets into the memory */
#define L2 0x2000
#define L3 0x3000
#define SUMS 0x5000 /* struct sums */
#define CODE 0x8000
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
    "	ldr x19, =" STR(MEM_BASE) " + " STR(SUMS) "\n"
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

/* What the guest was about to do when it had set that mark. */
static const char *const marks[] = {
	"first instruction",
	"step to paging",
	"step to user level",
	"multiplication at user level",
	"vector instruction at user level",
	"device access",
};

const char *kvm_trial_mark(uint64_t reached)
{
	return marks[MIN(reached, ARRAY_SIZE(marks) - 1)];
}

struct trial {
	int vm, vcpu;
	struct kvm_run *run;
	uint8_t *mem;
	struct kvm_trial *ret;
};

static bool step(struct trial *t, enum kvm_trial_step s, int result)
{
	t->ret->step = s;
	t->ret->error = result < 0 ? errno : 0;
	return result >= 0;
}

static void fill_memory(uint8_t *mem)
{
	/* with 39 bits the walk starts at the table of 1 GiB entries */
	const uint64_t l1e = (MEM_BASE + L2) | 3, l2e = (MEM_BASE + L3) | 3;
	/* accessed, inner shareable, for user level, too */
	const uint64_t done = DONE_ADDR | 0x745; /* device */
	const uint64_t data = (MEM_BASE + SUMS) | 0x743;
	const uint64_t code = (MEM_BASE + CODE) | 0x7c3; /* read-only */

	memcpy(mem + L1 + 8, &l1e, sizeof(l1e));
	memcpy(mem + L2, &l2e, sizeof(l2e));
	memcpy(mem + L2 + 8, &done, sizeof(done));
	memcpy(mem + L3 + 8 * (SUMS / 4096), &data, sizeof(data));
	memcpy(mem + L3 + 8 * (CODE / 4096), &code, sizeof(code));
	memcpy(mem + CODE, kvm_trial_code, (size_t)(kvm_trial_code_end - kvm_trial_code));
}

static int add_memory(struct trial *t)
{
	struct kvm_userspace_memory_region slot = {
		.guest_phys_addr = MEM_BASE,
		.memory_size = MEM_SIZE,
	};

	t->mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t->mem == MAP_FAILED)
		return -1;
	fill_memory(t->mem);
	slot.userspace_addr = (uintptr_t)t->mem;
	return ioctl(t->vm, KVM_SET_USER_MEMORY_REGION, &slot);
}

static int create_vcpu(struct trial *t, int kvm)
{
	int len = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	t->vcpu = ioctl(t->vm, KVM_CREATE_VCPU, 0);
	if (len < 0 || t->vcpu < 0)
		return -1;
	t->run = mmap(NULL, (size_t)len, PROT_READ | PROT_WRITE, MAP_SHARED, t->vcpu, 0);
	return t->run == MAP_FAILED ? -1 : 0;
}

static int set_registers(struct trial *t)
{
	struct kvm_vcpu_init init;
	uint64_t pc = MEM_BASE + CODE;
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

static int run_vcpu(struct trial *t)
{
	int r;

	do
		r = ioctl(t->vcpu, KVM_RUN, 0);
	while (r < 0 && (errno == EINTR || errno == EAGAIN));
	return r;
}

static void judge(struct trial *t)
{
	struct kvm_trial *ret = t->ret;
	struct sums s;

	memcpy(&s, t->mem + SUMS, sizeof(s));
	ret->reached = s.mark;
	ret->exit = t->run->exit_reason;
	if (ret->exit == KVM_EXIT_INTERNAL_ERROR)
		ret->suberror = t->run->internal.suberror;
	if (ret->exit == KVM_EXIT_FAIL_ENTRY)
		ret->suberror = (uint32_t)t->run->fail_entry.hardware_entry_failure_reason;
	ret->faulted = ret->exit == KVM_EXIT_MMIO && t->run->mmio.phys_addr == FAULT_ADDR;
	if (ret->exit != KVM_EXIT_MMIO || t->run->mmio.phys_addr != DONE_ADDR)
		ret->step = KVM_TRIAL_EXIT;
	else if (s.umulh != 0x123 || s.vector != 0x020406080a0c0e10)
		ret->step = KVM_TRIAL_SUMS;
	else
		ret->step = KVM_TRIAL_DONE;
}

void kvm_trial_run(int kvm, struct kvm_trial *ret)
{
	struct trial t = { .ret = ret };

	ret->version = ioctl(kvm, KVM_GET_API_VERSION, 0);
	if (!step(&t, KVM_TRIAL_VERSION, ret->version))
		return;
	/* without the capability all VMs have 40 bits */
	int bits = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);
	t.vm = ioctl(kvm, KVM_CREATE_VM, KVM_VM_TYPE_ARM_IPA_SIZE(MAX(bits, 0)));
	if (!step(&t, KVM_TRIAL_CREATE_VM, t.vm) || !step(&t, KVM_TRIAL_MEMORY, add_memory(&t)))
		return;
	if (!step(&t, KVM_TRIAL_CREATE_VCPU, create_vcpu(&t, kvm)) ||
	    !step(&t, KVM_TRIAL_REGISTERS, set_registers(&t)))
		return;
	if (step(&t, KVM_TRIAL_RUN, run_vcpu(&t)))
		judge(&t);
}
