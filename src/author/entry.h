/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The two ways in which a test binary is run. */
#ifndef AUTHOR_ENTRY_H
#define AUTHOR_ENTRY_H

/* Inside a guest: runs the test the job names, sends its result to @fd. Exit status. */
int guest_main(int fd);
/* Anywhere else: becomes `ktstr test SELF ARGS...`. Returns only if that is impossible. */
int host_main(int argc, char **argv);

#endif
