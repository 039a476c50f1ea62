/* SPDX-License-Identifier: GPL-2.0-only */
/* The first process of a guest that is to do nothing but boot: switches the machine off. */
#include <sys/reboot.h>

int main(void)
{
	return reboot(RB_POWER_OFF);
}
