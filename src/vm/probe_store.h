/* SPDX-License-Identifier: GPL-2.0-only */
/* Keeps answers of probes between processes. What cannot be read, trusted or written is no answer. */
#ifndef VM_PROBE_STORE_H
#define VM_PROBE_STORE_H

#include <stdbool.h>

struct probe_result;

/* True when the answer stored under @name was about the same @key. */
bool probe_load(const char *name, const char *key, struct probe_result *ret);
void probe_save(const char *name, const char *key, const struct probe_result *r);
/* The parts of probe_no_cache(). */
void probe_store_off(void);
void probe_store_on(void); /* and back */
void probe_kvm_forget(void);
void probe_qemu_forget(void);

#endif
