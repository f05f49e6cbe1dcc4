/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/status/parties.h"

void
parties_free(struct parties *p)
{
	size_t i;

	for (i = 0; i < IPC_NPARTIES; i++)
		free(p->v[i].counters);
}

void
parties_health(struct parties *p, const struct ipc_health *h)
{
	if (h->role < IPC_NPARTIES)
		p->v[h->role].health = *h;
}

void
parties_about(struct parties *p, const struct ipc_about *a)
{
	uint32_t i;

	p->about = *a;
	p->about.backend[sizeof(p->about.backend) - 1] = '\0';
	p->about.name[sizeof(p->about.name) - 1] = '\0';
	if (p->about.n > IPC_TABLES)
		p->about.n = IPC_TABLES;
	for (i = 0; i < p->about.n; i++)
		p->about.tables[i][IPC_NAME - 1] = '\0';
}

static struct model_counter *
counter_get(struct model_party *p, const char *name)
{
	struct model_counter *v;
	size_t i;

	for (i = 0; i < p->ncounters; i++)
		if (strcmp(p->counters[i].name, name) == 0)
			return &p->counters[i];
	if (i == PARTIES_COUNTERS ||
	    (v = reallocarray(p->counters, i + 1, sizeof(*v))) == NULL)
		return NULL;
	p->counters = v;
	p->ncounters++;
	memset(&v[i], 0, sizeof(v[i]));
	strlcpy(v[i].name, name, sizeof(v[i].name));
	return &v[i];
}

void
parties_counters(struct parties *p, uint32_t role,
    const struct ipc_feed_counters *f)
{
	struct model_counter *c;
	uint32_t i;

	for (i = 0; i < f->n; i++) {
		if (memchr(f->v[i].name, '\0', sizeof(f->v[i].name)) == NULL)
			continue;
		if ((c = counter_get(&p->v[role], f->v[i].name)) == NULL)
			return;
		c->value = f->v[i].value;
		c->gauge = f->v[i].gauge != 0;
	}
}

bool
parties_counter(const struct parties *p, uint32_t role, const char *name,
    uint64_t *out)
{
	const struct model_party *v = &p->v[role];
	size_t i;

	for (i = 0; i < v->ncounters; i++)
		if (strcmp(v->counters[i].name, name) == 0) {
			*out = v->counters[i].value;
			return true;
		}
	return false;
}

uint64_t
parties_calls(const struct parties *p, uint64_t by_state[IPC_CALL_STATES])
{
	static const char *const names[IPC_CALL_STATES] = {
		[IPC_CALL_EARLY] = "calls_state_early",
		[IPC_CALL_ACCEPTED] = "calls_state_accepted",
		[IPC_CALL_HELD] = "calls_state_held",
	};
	uint64_t all = 0;
	int i;

	for (i = 0; i < IPC_CALL_STATES; i++) {
		by_state[i] = 0;
		if (names[i] != NULL)
			(void)parties_counter(p, IPC_ENGINE, names[i],
			    &by_state[i]);
		all += by_state[i];
	}
	return all;
}
