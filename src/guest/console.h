/* SPDX-License-Identifier: GPL-2.0-only */
/* The last resort: words on the kernel's console when the link cannot carry them, and power-off. */
#ifndef GUEST_CONSOLE_H
#define GUEST_CONSOLE_H

/* The line begins with CONSOLE_FATAL (abi/job.h). Usable before anything is mounted. */
void console_fatal(const char *text);

/* A fatal signal in init itself says so on the console and powers off. Once, early. */
void console_catch_crashes(void);

/* Ends the machine, now: no sync, no waiting for anybody. */
_Noreturn void power_off(void);

#endif
