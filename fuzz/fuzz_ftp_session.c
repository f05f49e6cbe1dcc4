/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "ftp/line.h"
#include "ftp/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * The first byte is the configuration.  Then segments: a byte whose highest
 * bit says that it is the server's, and whose rest is the length.
 */
#define IPV6	  0x01
#define ANONYMOUS 0x02
#define REFUSE	  0x04

struct owner {
	struct ftp_session s;
	uint32_t hash[2]; /* of what was sent */
	unsigned int wants, refuse;
	bool held;
};

static void
on_send(void *ctx, enum ftp_side to, struct span bytes)
{
	struct owner *o = ctx;
	size_t i;

	if (bytes.len == 0)
		abort();
	for (i = 0; i < bytes.len; i++)
		o->hash[to] =
		    (o->hash[to] ^ (uint8_t)bytes.p[i]) * UINT32_C(16777619);
}

static void
on_want(void *ctx, const struct ftp_want *want)
{
	struct owner *o = ctx;
	struct endpoint at = { o->s.config.client, 50000 };

	if (want->port < FTP_PORT_MIN)
		abort();
	/* Nothing is taken while nobody has answered. */
	if (ftp_session_input(&o->s, FTP_CLIENT, span_of("x")) != 0 ||
	    ftp_session_input(&o->s, FTP_SERVER, span_of("x")) != 0)
		abort();
	o->wants++;
	ftp_session_answer(&o->s,
	    o->refuse != 0 && o->wants % 3 == 0 ? NULL : &at);
}

static void
on_drop(void *ctx)
{
	(void)ctx;
}

static void
on_note(void *ctx, enum ftp_note note, struct span line)
{
	(void)ctx;
	if (note != FTP_NOTE_OPAQUE && note != FTP_NOTE_CLEAR && line.len == 0)
		abort();
}

static const struct ftp_session_ops ops = { on_send, on_want, on_drop,
	on_note };

static void
offer(struct owner *o, enum ftp_side side, const uint8_t *p, size_t n)
{
	struct span bytes = { (const char *)p, n };
	size_t used = ftp_session_input(&o->s, side, bytes);

	if (used > n)
		abort();
	if (used < n) {
		/* Only a client that has said AUTH has to wait here. */
		if (side != FTP_CLIENT || !o->s.auth)
			abort();
		o->held = true;
	}
}

static void
run(struct owner *o, const uint8_t *data, size_t size, bool by_byte)
{
	struct ftp_session_config config = { 0 };
	size_t i = 0, n, k;
	uint8_t flags;
	enum ftp_side side;

	memset(o, 0, sizeof(*o));
	flags = size > 0 ? data[i++] : 0;
	config.anonymous_only = (flags & ANONYMOUS) != 0;
	config.client.af = config.server.af = flags & IPV6 ? AF_INET6 : AF_INET;
	config.server.b[3] = 1;
	o->refuse = flags & REFUSE;
	ftp_session_init(&o->s, &config, &ops, o);
	while (i < size) {
		side = data[i] & 0x80 ? FTP_SERVER : FTP_CLIENT;
		n = data[i++] & 0x7f;
		if (n > size - i)
			n = size - i;
		if (by_byte)
			for (k = 0; k < n; k++)
				offer(o, side, data + i + k, 1);
		else
			offer(o, side, data + i, n);
		i += n;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct owner a, b;

	run(&a, data, size, false);
	run(&b, data, size, true);
	if (!a.held && !b.held &&
	    (a.wants != b.wants || a.s.end != b.s.end ||
		memcmp(a.hash, b.hash, sizeof(a.hash)) != 0))
		abort();
	return 0;
}
