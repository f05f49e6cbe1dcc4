/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "ftp/control.h"
#include "ftp/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * The first byte is the configuration.  Then segments: a byte whose highest
 * bit says that it is the server's, and whose rest is the length.
 */
#define IPV6	  0x01
#define ANONYMOUS 0x02
#define REFUSE	  0x04

/*
 * A watcher between the proxy and the server: as long as both know how the
 * client's lines end, and which was the first, they see the same.
 */
struct witness {
	struct ftp_control control;
	bool on, crlf, lf;
	char last;
	unsigned int active, passive, tls;
};

struct owner {
	struct ftp_session s;
	struct witness witness;
	unsigned int active, passive, tls; /* what the proxy has seen */
	uint32_t hash[2];		   /* of what was sent */
	unsigned int wants, refuse;
	bool held;
};

static void
on_news(void *ctx, const struct ftp_news *n)
{
	struct witness *w = ctx;
	bool named = n->kind == FTP_REFUSED && n->why == REASON_ADDRESS &&
	    n->data.port >= FTP_PORT_MIN;

	/* The proxy does not heed addresses, so count these as well. */
	if (n->kind == FTP_ACTIVE || (named && w->control.active))
		w->active++;
	else if (n->kind == FTP_PASSIVE || named)
		w->passive++;
	else if (n->kind == FTP_OPAQUE || n->kind == FTP_READABLE)
		w->tls++;
	else if (n->kind == FTP_FOREIGN)
		w->on = false;
}

/* How the client's lines end, here and behind the proxy. */
static void
witness_ends(struct witness *w, struct span bytes)
{
	size_t i;

	for (i = 0; i < bytes.len; i++) {
		if (bytes.p[i] == '\n')
			*(w->last == '\r' ? &w->crlf : &w->lf) = true;
		w->last = bytes.p[i];
	}
	if (w->crlf && w->lf)
		w->on = false;
}

static void
witness_input(struct witness *w, enum ftp_side from, struct span bytes)
{
	if (w->on)
		ftp_control_input(&w->control, from, bytes, on_news, w);
}

static void
on_send(void *ctx, enum ftp_side to, struct span bytes)
{
	struct owner *o = ctx;
	size_t i;

	if (bytes.len == 0)
		abort();
	if (to == FTP_SERVER) {
		witness_ends(&o->witness, bytes);
		witness_input(&o->witness, FTP_CLIENT, bytes);
	}
	for (i = 0; i < bytes.len; i++)
		o->hash[to] =
		    (o->hash[to] ^ (uint8_t)bytes.p[i]) * UINT32_C(16777619);
}

static void
on_want(void *ctx, const struct ftp_want *want)
{
	struct owner *o = ctx;
	struct endpoint at = { o->s.config.client, 50000 };
	bool refused;

	if (want->port < FTP_PORT_MIN)
		abort();
	/* A session takes no bytes while it waits for the answer to a want. */
	if (ftp_session_input(&o->s, FTP_CLIENT, span_of("x")) != 0 ||
	    ftp_session_input(&o->s, FTP_SERVER, span_of("x")) != 0)
		abort();
	o->wants++;
	refused = o->refuse != 0 && o->wants % 3 == 0;
	if (!want->active)
		o->passive++;
	else if (!refused)
		o->active++;
	ftp_session_answer(&o->s, refused ? NULL : &at);
}

static void
on_drop(void *ctx)
{
	(void)ctx;
}

static void
on_note(void *ctx, enum ftp_note note, struct span line)
{
	struct owner *o = ctx;

	if (note == FTP_NOTE_OPAQUE || note == FTP_NOTE_CLEAR)
		o->tls++;
	else if (line.len == 0)
		abort();
}

static const struct ftp_session_ops ops = { on_send, on_want, on_drop,
	on_note };

static void
offer(struct owner *o, enum ftp_side side, const uint8_t *p, size_t n)
{
	struct span bytes = { (const char *)p, n };
	struct witness *w = &o->witness;
	size_t used = ftp_session_input(&o->s, side, bytes);

	if (used > n)
		abort();
	if (used < n) {
		/* Only a client that has said AUTH has to wait here. */
		if (side != FTP_CLIENT ||
		    !ftp_reader_waits(&o->s.reader, FTP_REQUEST_AUTH))
			abort();
		o->held = true;
	}
	if (side == FTP_CLIENT)
		witness_ends(w, bytes);
	else if (o->s.end == FTP_GOES_ON)
		witness_input(w, side, bytes);
	if (w->on && o->s.end == FTP_GOES_ON &&
	    (w->active != o->active || w->passive != o->passive ||
		w->tls > o->tls))
		abort(); /* the proxy sees clear text before its line ends */
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
	ftp_control_init(&o->witness.control, &config.client, &config.server,
	    false);
	/* By the byte, for nothing may follow a line that ends the session. */
	o->witness.on = by_byte;
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
