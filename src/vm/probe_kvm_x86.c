/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The trial guest for x86: starts as a kernel does, in 32-bit protected mode, goes to 64-bit mode
 * with paging, executes BMI2 and SSE instructions, goes to user level and does it again: there are
 * hosts that can do the one and not the other. An exception anywhere is a triple fault, because there
 * is no IDT.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/scoped.h"
#include "vm/probe_kvm.h"

/* Guest physical, all below 2 MiB, which one large page maps onto itself. */
#define PML4 0x1000
#define PDPT 0x2000
#define PD 0x3000
#define GDT 0x4000
#define STACK 0xf000
/* Where KVM may keep what Intel's real mode needs. */
#define TSS_ADDR 0xfffbd000
#define IDENTITY_MAP_ADDR 0xfffbc000

#define DONE_PORT 0xf4

/* Selectors into gdt[]. */
#define CODE32 0x08
#define CODE64 0x10
#define DATA 0x18
#define USER_DATA 0x23
#define USER_CODE 0x2b

#define X(...) #__VA_ARGS__
#define STR(...) X(__VA_ARGS__)
#define AT(label) "(" #label " - kvm_trial_code + " STR(TRIAL_CODE) ")"

/* What the guest leaves behind; the offsets are in the code below, too. */
struct sums {
	uint64_t mark;	   /* +0 */
	uint64_t want_bmi; /* +8: the host's CPU has BMI2 */
	struct level {
		uint64_t mulx, pext, shlx, sse; /* +0, +8, +16, +24 */
	} level[2];				/* +16 in the kernel, +48 at user level */
};

/* Labels in the code below; hidden, or they would be looked for in a GOT. */
extern const char kvm_trial_code[] __attribute__((visibility("hidden")));
extern const char kvm_trial_code_end[] __attribute__((visibility("hidden")));

/* clang-format off */
asm(".pushsection .rodata\n"
    "kvm_trial_code:\n"
    ".code32\n"
    "	movl $1, " STR(TRIAL_SUMS) "\n"
    "	movl %cr4, %eax\n"
    "	orl $0x620, %eax\n"		/* PAE, OSFXSR, OSXMMEXCPT */
    "	movl %eax, %cr4\n"
    "	movl $" STR(PML4) ", %eax\n"
    "	movl %eax, %cr3\n"
    "	movl $0xc0000080, %ecx\n"	/* EFER */
    "	rdmsr\n"
    "	orl $0x100, %eax\n"		/* LME */
    "	wrmsr\n"
    "	movl $0x80010033, %eax\n"	/* PG, WP, NE, ET, MP, PE */
    "	movl %eax, %cr0\n"
    "	ljmp $" STR(CODE64) ", $" AT(1f) "\n"
    ".code64\n"
    "1:	movq $2, " STR(TRIAL_SUMS) "\n"
    "	movq $" STR(STACK) ", %rsp\n"
    "	movl $" STR(TRIAL_SUMS) ", %ebx\n"
    "	leaq 16(%rbx), %rdi\n"
    "	call 5f\n"
    "	pushq $" STR(USER_DATA) "\n"
    "	pushq $" STR(STACK) "\n"
    "	pushq $0x3002\n"		/* I/O for user level */
    "	pushq $" STR(USER_CODE) "\n"
    "	pushq $" AT(2f) "\n"
    "	iretq\n"
    "2:	movq $5, (%rbx)\n"
    "	leaq 48(%rbx), %rdi\n"
    "	call 5f\n"
    "	outb %al, $" STR(DONE_PORT) "\n"
    "3:	jmp 3b\n"
    "5:	cmpq $0, 8(%rbx)\n"
    "	je 6f\n"
    "	movabsq $0x123456789abcdef1, %rdx\n"
    "	movq $0x1000, %rax\n"
    "	mulx %rax, %rcx, %rsi\n"	/* high half in rsi */
    "	movq %rsi, (%rdi)\n"
    "	movabsq $0xf0f0f0f0f0f0f0f0, %rax\n"
    "	pext %rax, %rdx, %rcx\n"
    "	movq %rcx, 8(%rdi)\n"
    "	movq $8, %rax\n"
    "	shlx %rax, %rdx, %rcx\n"
    "	movq %rcx, 16(%rdi)\n"
    "6:	incq (%rbx)\n"
    "	movabsq $0x0102030405060708, %rax\n"
    "	movq %rax, %xmm0\n"
    "	punpcklqdq %xmm0, %xmm0\n"
    "	paddb %xmm0, %xmm0\n"
    "	movhlps %xmm0, %xmm1\n"
    "	movq %xmm1, 24(%rdi)\n"
    "	incq (%rbx)\n"
    "	ret\n"
    "kvm_trial_code_end:\n"
    ".popsection\n");
/* clang-format on */

static const char *const marks[] = {
	"first instruction",
	"step to 64-bit mode with paging",
	"BMI2 instruction of a 64-bit kernel",
	"SSE instruction of a 64-bit kernel",
	"step to user level",
	"BMI2 instruction at user level",
	"SSE instruction at user level",
	"port access",
};

/* Only Intel hosts need these two addresses, and only theirs may miss them. */
static int create_vm(int kvm)
{
	uint64_t identity = IDENTITY_MAP_ADDR;
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);

	if (vm >= 0 && ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0 && errno != EINVAL)
		return -1;
	if (vm >= 0 && ioctl(vm, KVM_SET_TSS_ADDR, TSS_ADDR) < 0 && errno != EINVAL)
		return -1;
	return vm;
}

static void fill_memory(uint8_t *mem)
{
	static const uint64_t gdt[] = {
		0,
		0x00cf9b000000ffff, /* 32-bit code */
		0x00af9b000000ffff, /* 64-bit code */
		0x00cf93000000ffff, /* data */
		0x00cff3000000ffff, /* user data */
		0x00affb000000ffff, /* user 64-bit code */
	};
	const uint64_t pml4e = PDPT | 7, pdpte = PD | 7, pde = 0x87; /* user, writable, large */
	const struct sums sums = { .want_bmi = !!__builtin_cpu_supports("bmi2") };

	memcpy(mem + PML4, &pml4e, sizeof(pml4e));
	memcpy(mem + PDPT, &pdpte, sizeof(pdpte));
	memcpy(mem + PD, &pde, sizeof(pde));
	memcpy(mem + GDT, gdt, sizeof(gdt));
	memcpy(mem + TRIAL_SUMS, &sums, sizeof(sums));
}

static int copy_cpuid(const struct trial *t)
{
	enum { ENTRIES = 256 };
	SCOPED(mem_free) struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) + ENTRIES * sizeof(struct kvm_cpuid_entry2));

	if (!cpuid)
		return -1;
	cpuid->nent = ENTRIES;
	if (ioctl(t->kvm, KVM_GET_SUPPORTED_CPUID, cpuid) < 0)
		return -1;
	return ioctl(t->vcpu, KVM_SET_CPUID2, cpuid);
}

static struct kvm_segment flat(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){
		.selector = selector,
		.limit = 0xffffffff,
		.type = type,
		.present = 1,
		.db = 1,
		.s = 1,
		.g = 1,
	};
}

static int set_registers(const struct trial *t)
{
	struct kvm_regs regs = { .rip = TRIAL_CODE, .rsp = STACK, .rflags = 2 };
	struct kvm_sregs s;

	if (copy_cpuid(t) < 0 || ioctl(t->vcpu, KVM_GET_SREGS, &s) < 0)
		return -1;
	s.cs = flat(CODE32, 11);
	s.ds = s.es = s.fs = s.gs = s.ss = flat(DATA, 3);
	s.gdt.base = GDT;
	s.gdt.limit = 6 * 8 - 1;
	s.idt.limit = 0;
	s.cr0 = 0x11; /* protected mode, no paging */
	if (ioctl(t->vcpu, KVM_SET_SREGS, &s) < 0)
		return -1;
	return ioctl(t->vcpu, KVM_SET_REGS, &regs);
}

static bool sums_are_right(const uint8_t *sums)
{
	const uint64_t x = 0x123456789abcdef1;
	struct sums s;

	memcpy(&s, sums, sizeof(s));
	for (size_t i = 0; i < ARRAY_SIZE(s.level); i++) {
		const struct level *l = &s.level[i];

		if (s.want_bmi &&
		    (l->mulx != x >> 52 || l->pext != 0x13579bdf || l->shlx != x << 8))
			return false;
		if (l->sse != 0x020406080a0c0e10)
			return false;
	}
	return true;
}

static bool says_done(const struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_IO && run->io.port == DONE_PORT;
}

const struct trial_guest trial_guest = {
	.code = kvm_trial_code,
	.code_end = kvm_trial_code_end,
	.marks = marks,
	.nr_marks = ARRAY_SIZE(marks),
	.create_vm = create_vm,
	.fill_memory = fill_memory,
	.set_registers = set_registers,
	.says_done = says_done,
	.sums_are_right = sums_are_right,
};
