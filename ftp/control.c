/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "ftp/control.h"

/* The arguments of all functions below. */
struct watch {
	struct ftp_control *c;
	void (*on_news)(void *ctx, const struct ftp_news *news);
	void *ctx;
};

void
ftp_control_init(struct ftp_control *c, const struct addr *client,
    const struct addr *server, bool loose)
{
	memset(c, 0, sizeof(*c));
	c->client = *client;
	c->server = *server;
	c->loose = loose;
	ftp_reader_init(&c->reader);
}

void
ftp_control_join(struct ftp_control *c, enum ftp_side side)
{
	ftp_reader_join(&c->reader, side);
}

static void
news_tell(struct watch *w, enum ftp_news_kind kind)
{
	struct ftp_news news = { 0 };

	news.kind = kind;
	w->on_news(w->ctx, &news);
}

/* `peer` names `data`: tell of it, or of the reason to refuse it. */
static void
news_tell_data(struct watch *w, enum ftp_news_kind kind,
    const struct addr *peer, const struct endpoint *data)
{
	struct ftp_news news = { 0 };
	enum addr_scope scope = addr_scope(&data->addr);

	news.kind = kind;
	news.data = *data;
	if (w->c->loose ? scope != ADDR_PRIVATE && scope != ADDR_GLOBAL
			: !addr_eq(&data->addr, peer))
		news.why = REASON_ADDRESS;
	else if (data->port < FTP_PORT_MIN)
		news.why = REASON_PORT_RANGE;
	if (news.why != REASON_NONE)
		news.kind = FTP_REFUSED;
	w->on_news(w->ctx, &news);
}

static void
on_command(struct watch *w, const struct ftp_event *e)
{
	struct ftp_control *c = w->c;
	bool active = e->request == FTP_REQUEST_ACTIVE;

	if (active && !e->exact) {
		ftp_reader_sent(&c->reader, FTP_REQUEST_OTHER);
		return;
	}
	ftp_reader_sent(&c->reader, e->request);
	if (!e->parsed || e->doubt != 0)
		return;
	if (e->barred || e->rc != PH_OK)
		news_tell(w, FTP_IGNORED);
	else if (active) {
		c->active = true;
		news_tell_data(w, FTP_ACTIVE, &c->client, &e->data);
	} else if (e->command.verb == FTP_TRANSFER && c->active)
		news_tell(w, FTP_EXPECTED);
}

/* A 227 or 229 that was asked for. */
static void
on_passive(struct watch *w, const struct ftp_event *e)
{
	struct endpoint data = e->data;

	w->c->active = false;
	if (e->reply.code == 229)
		data.addr = w->c->server;
	if (e->rc != PH_OK || e->doubt != 0)
		news_tell(w, FTP_IGNORED);
	else
		news_tell_data(w, FTP_PASSIVE, &w->c->server, &data);
}

static void
on_reply(struct watch *w, const struct ftp_event *e)
{
	uint16_t code = e->reply.code;
	bool passive =
	    e->answers == FTP_REQUEST_PASV || e->answers == FTP_REQUEST_EPSV;

	if (e->opaque)
		news_tell(w, FTP_OPAQUE);
	if (passive && (code == 227 || code == 229))
		on_passive(w, e);
	else if (e->unasked && e->doubt == 0)
		news_tell(w, FTP_IGNORED);
	/* While a newer PORT waits, the news would be about that one. */
	if (ftp_reader_waits(&w->c->reader, FTP_REQUEST_ACTIVE))
		return;
	if (e->answers == FTP_REQUEST_ACTIVE)
		news_tell(w, code >= 400 ? FTP_REJECTED : FTP_EXPECTED);
	if (code == 125 || code == 150)
		news_tell(w, FTP_BEGUN);
	else if (code == 226 || code == 425 || code == 426)
		news_tell(w, FTP_DONE);
}

static void
on_event(struct watch *w, const struct ftp_event *e)
{
	switch (e->kind) {
	case FTP_EVENT_COMMAND:
		on_command(w, e);
		break;
	case FTP_EVENT_REPLY:
		on_reply(w, e);
		break;
	case FTP_EVENT_TLS:
		news_tell(w, FTP_OPAQUE);
		break;
	case FTP_EVENT_CLEAR:
		news_tell(w, FTP_READABLE);
		break;
	case FTP_EVENT_FOREIGN:
		news_tell(w, FTP_FOREIGN);
		break;
	case FTP_EVENT_NONE:
	case FTP_EVENT_EMPTY:
	case FTP_EVENT_TEXT:
		break;
	}
}

void
ftp_control_input(struct ftp_control *c, enum ftp_side from, struct span bytes,
    void (*on_news)(void *ctx, const struct ftp_news *news), void *ctx)
{
	struct watch w = { c, on_news, ctx };
	struct ftp_event e;
	size_t n;

	while (bytes.len > 0) {
		n = ftp_reader_next(&c->reader, from, bytes, &e);
		on_event(&w, &e);
		bytes = span_sub(bytes, n, bytes.len);
	}
}
