#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# pack.sh OUT OBJCOPY AR ARCHIVE... -- CC...: makes libktstr.a of two members: main(), which a
# program may replace, and everything else in one object whose internal names are local, so that
# they cannot collide with the author's. Archives: the one with main() first.
set -e
out=$1 objcopy=$2 ar=$3 main=$4
shift 4
rest=
while [ "$1" != -- ]; do
	rest="$rest $1"
	shift
done
shift
dir=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$dir"' EXIT
"$@" -r -nostdlib -o "$dir/ktstr.o" -Wl,--whole-archive $rest -Wl,--no-whole-archive
"$@" -r -nostdlib -o "$dir/main.o" -Wl,--whole-archive "$main" -Wl,--no-whole-archive
"$objcopy" --localize-hidden "$dir/ktstr.o"
rm -f "$out"
"$ar" rcs "$out" "$dir/main.o" "$dir/ktstr.o"
