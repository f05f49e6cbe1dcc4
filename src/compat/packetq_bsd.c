/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/compat/packetq.h"

void
packetq_init(struct packetq *q)
{
	memset(q, 0, sizeof(*q));
	q->fd = q->list_fd = -1;
}

enum ph_err
packetq_open(struct packetq *q, uint32_t number, bool open, struct strbuf *why)
{
	(void)number;
	(void)open;
	packetq_init(q);
	strbuf_str(why, "this system has no queues of packets");
	return PH_EUNSUPPORTED;
}

void
packetq_close(struct packetq *q)
{
	(void)q;
}

void
packetq_fork(struct packetq *q)
{
	(void)q;
}

uint32_t
packetq_owner(uint32_t number)
{
	(void)number;
	return 0;
}

size_t
packetq_read(const struct packetq *q, void *buf, size_t size)
{
	(void)q;
	(void)buf;
	(void)size;
	return 0;
}

void
packetq_verdict(const struct packetq *q, uint32_t last, bool pass)
{
	(void)q;
	(void)last;
	(void)pass;
}

bool
packetq_state(const struct packetq *q, struct packetq_state *out)
{
	(void)q;
	memset(out, 0, sizeof(*out));
	return false;
}

void
packetq_pause(const struct packetq *q)
{
	(void)q;
}

void
packetq_resume(const struct packetq *q)
{
	(void)q;
}
