/* SPDX-License-Identifier: GPL-2.0-only */
/* What the commands that boot guests share. */
#ifndef CLI_COMMON_H
#define CLI_COMMON_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/catalog.h"
#include "cli/opt.h"

struct err;

extern const char *const common_arch_names[]; /* indexed by enum arch */
extern const char *const common_vm_names[];
extern const char *const common_accel_names[]; /* indexed by enum vm_accel */

/* Progress of fetching kernels: one line on stderr, redrawn on a terminal. */
struct catalog_progress common_progress(void);
void common_progress_end(void);

/* As given, else from the kernel's random numbers (32 bits: short enough to type). */
uint64_t common_seed(const struct opt_hex *given);

/* A signalfd for what ends a command (SIGINT, SIGTERM, SIGHUP), and for SIGWINCH if @resize; blocks them. */
int common_signals(bool resize, struct err *e);

/* How this process was started, for records. */
const char *common_command_line(void);

#endif
