# SPDX-License-Identifier: GPL-2.0-only
# The front door; meson.build has the build. Everything stays in $(BUILD) and the XDG directories.
BUILD ?= build
HOST := $(shell uname -m)
GUEST := $(if $(filter x86_64,$(HOST)),arm64,x86_64)
CROSS := $(if $(filter x86_64,$(HOST)),aarch64,x86_64)-linux-gnu-gcc

all: host guest

# What the other architecture's guests run is built against a sysroot, see tools/sysroot.
host: setup
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD)
	@ninja -C $(BUILD)

guest: setup
	@if ! command -v $(CROSS) >/dev/null; then \
		echo "programs for $(GUEST) guests are left out: $(CROSS) is not installed"; \
	elif ! tools/sysroot $(GUEST) $(BUILD); then \
		echo "programs for $(GUEST) guests are left out: no sysroot"; \
	else \
		{ test -f $(BUILD)/$(GUEST)/build.ninja || meson setup $(BUILD)/$(GUEST) \
			--cross-file $(BUILD)/cross-$(GUEST).ini -Dguest_only=true \
			-Dsysroot=$(abspath $(BUILD))/sysroot-$(GUEST); } && \
		ninja -C $(BUILD)/$(GUEST); \
	fi

setup:
	@tools/setup --if-allowed

check: all
	@tools/check $(BUILD)

demo: all
	@tools/demo $(BUILD)

# ARCH=...: our own VMM beside QEMU on the real KVM of the lab's host.
bench: all
	@$(if $(ARCH),tests/lab/lab --arch $(ARCH) $(BUILD) compare,tools/bench $(BUILD))

# The tests that take real KVM, in an emulated host of that architecture: docs/lab.md.
lab: host
	@tests/lab/lab --arch $(or $(ARCH),arm64) $(BUILD)

format:
	@tools/check-format --fix

clean:
	rm -rf $(BUILD)

.PHONY: all host guest setup check demo bench lab format clean
