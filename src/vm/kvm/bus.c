/* SPDX-License-Identifier: GPL-2.0-only */
#include "vm/kvm/bus.h"

#include <string.h>

#include "base/scoped.h"
#include "vm/kvm/mutex.h"

void bus_init(struct bus *b)
{
	*b = (struct bus){ .nr = 0 };
	mutex_init(&b->lock);
}

void bus_fini(struct bus *b)
{
	pthread_mutex_destroy(&b->lock);
}

bool bus_add(struct bus *b, const struct bus_window *w)
{
	if (b->nr == ARRAY_SIZE(b->window))
		return false;
	b->window[b->nr++] = *w;
	return true;
}

/* NULL unless one device answers all of the access. */
static const struct bus_window *find(const struct bus *b, uint64_t gpa, uint32_t len)
{
	for (uint32_t i = 0; i < b->nr; i++) {
		const struct bus_window *w = &b->window[i];

		if (gpa >= w->gpa && gpa - w->gpa < w->len && len <= w->len - (gpa - w->gpa))
			return w;
	}
	return NULL;
}

static uint64_t value_of(const uint8_t *data, uint32_t len)
{
	uint64_t v = 0;

	for (uint32_t i = 0; i < len; i++)
		v |= (uint64_t)data[i] << (8 * i);
	return v;
}

static void put_value(uint8_t *data, uint32_t len, uint64_t v)
{
	for (uint32_t i = 0; i < len; i++)
		data[i] = (uint8_t)(v >> (8 * i));
}

void bus_access(struct bus *b, uint64_t gpa, uint8_t *data, uint32_t len, bool is_write)
{
	LOCKED(&b->lock);
	const struct bus_window *w = len <= 8 ? find(b, gpa, len) : NULL;

	if (w && is_write) {
		w->ops->write(w->device, gpa - w->gpa, value_of(data, len), len);
	} else if (w) {
		put_value(data, len, w->ops->read(w->device, gpa - w->gpa, len));
	} else if (is_write) {
		b->stray_writes++;
	} else {
		b->stray_reads++;
		memset(data, 0xff, MIN(len, 8));
	}
}
