/* SPDX-License-Identifier: GPL-2.0-only */
/* module_closure() that tells what it looked at. Private to this folder. */
#ifndef IMAGE_MODULE_TRACE_H
#define IMAGE_MODULE_TRACE_H

#include "image/module.h"

struct inputs;

int module_closure_traced(const char *dir, const char *const *names, struct module_list *l,
			  struct inputs *in, struct err *e);

#endif
