/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* main() of every test binary, alone in its file so that a program may have its own. */
#include "ktstr/ktstr.h"

int main(int argc, char **argv)
{
	return ktstr_main(argc, argv);
}
