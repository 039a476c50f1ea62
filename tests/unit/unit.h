/* SPDX-License-Identifier: GPL-2.0-only */
/* cmocka with the headers it wants before itself. */
#ifndef UNIT_UNIT_H
#define UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/scoped.h"

#endif
