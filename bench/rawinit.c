/* SPDX-License-Identifier: GPL-2.0-only */
/* PID 1 of the bare boot that ktstr is measured against: says when it was reached, powers off. */
#include <sys/reboot.h>
#include <unistd.h>

int main(void)
{
	static const char up[] = "raw-init-up\n";

	if (write(1, up, sizeof(up) - 1) < 0)
		return 1;
	return reboot(RB_POWER_OFF);
}
