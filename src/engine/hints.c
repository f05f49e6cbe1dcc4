/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <string.h>

#include "src/base/timers.h"
#include "src/engine/hints.h"

#define FIRST (5 * USEC_PER_SEC)
#define LATER (600 * USEC_PER_SEC)

const uint16_t hints_ports[] = { 5060, 5062, 5070, 5080, 5090, 5160 };
const size_t hints_nports = sizeof(hints_ports) / sizeof(hints_ports[0]);

/* "SIP/2.0 200 OK" or "INVITE sip:x SIP/2.0", RFC 3261 section 7. */
static bool
looks_like_sip(struct span text)
{
	static const char version[] = "SIP/2.0";
	size_t n = sizeof(version) - 1;
	struct span rest, line;

	/* Most packets are media. */
	if (text.len == 0 || text.p[0] < 'A' || text.p[0] > 'Z')
		return false;
	line = span_cut(text, '\r', &rest);
	if (span_has_prefix(text, "SIP/2.0 "))
		return true;
	return line.len > n && line.len < text.len &&
	    line.p[line.len - n - 1] == ' ' &&
	    span_eq_str(span_sub(line, line.len - n, n), version);
}

static void
hints_wake(struct hints *h, int64_t now)
{
	if (h->due == 0)
		h->due = now + (h->logged ? LATER : FIRST);
}

static void
hints_remember(struct hints *h, const struct addr *a)
{
	size_t i;

	for (i = 0; i < h->naddr; i++)
		if (addr_eq(&h->addr[i], a))
			return;
	if (h->naddr < HINTS_MAX)
		h->addr[h->naddr++] = *a;
	else
		h->more = true;
}

void
hints_message(struct hints *h, int64_t now, const struct datagram *d, bool ours)
{
	if (!looks_like_sip(d->payload))
		return;
	if (ours) {
		h->ours++;
		return;
	}
	h->strangers++;
	hints_remember(h, &d->src.addr);
	hints_remember(h, &d->dst.addr);
	hints_wake(h, now);
}

void
hints_elsewhere(struct hints *h, int64_t now, const struct datagram *d)
{
	size_t i;

	if (!looks_like_sip(d->payload))
		return;
	h->elsewhere++;
	hints_wake(h, now);
	/* Requests go to the port that is listened on, answers come from it. */
	for (i = 0; i < h->nport; i++)
		if (h->port[i] == d->dst.port || h->port[i] == d->src.port)
			return;
	if (h->nport < HINTS_MAX)
		h->port[h->nport++] = span_has_prefix(d->payload, "SIP/")
		    ? d->src.port
		    : d->dst.port;
}

void
hints_text(const struct hints *h, bool followed, struct strbuf *out)
{
	char text[ADDR_STRLEN];
	size_t i;

	if (h->strangers > 0 && h->ours == 0) {
		strbuf_fmt(out,
		    "%" PRIu64 " SIP messages, none to or from a protected "
		    "host:",
		    h->strangers);
		for (i = 0; i < h->naddr; i++)
			strbuf_fmt(out, " %s", addr_format(&h->addr[i], text));
		strbuf_str(out, h->more ? " ...\n" : "\n");
	}
	if (h->elsewhere == 0)
		return;
	strbuf_fmt(out, "%" PRIu64 " SIP messages on ports that %s",
	    h->elsewhere,
	    followed ? "are not in `port`:"
		     : "nobody follows, for there is no `sip` block:");
	for (i = 0; i < h->nport; i++)
		strbuf_fmt(out, " %u", h->port[i]);
	strbuf_str(out, "\n");
}

void
hints_run(struct hints *h, int64_t now,
    void (*log_line)(void *ctx, const char *text), void *ctx)
{
	char text[1024];
	struct strbuf b = strbuf_of(text, sizeof(text));
	char *line, *end;

	if (h->due == 0 || now < h->due)
		return;
	if (h->ours == 0)
		hints_text(h, true, &b);
	memset(h, 0, sizeof(*h));
	h->logged = true;
	for (line = text; log_line != NULL && *line != '\0'; line = end + 1) {
		end = line + strcspn(line, "\n");
		*end = '\0';
		log_line(ctx, line);
	}
}
