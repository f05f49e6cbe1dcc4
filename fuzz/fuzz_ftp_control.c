/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "ftp/control.h"
#include "ftp/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

/* A connection, and a sum over all news of it. */
struct check {
	struct ftp_control *c;
	uint64_t sum;
};

static void
on_news(void *ctx, const struct ftp_news *n)
{
	struct check *t = ctx;
	size_t i;

	check(!t->c->reader.foreign || n->kind == FTP_FOREIGN);
	switch (n->kind) {
	case FTP_ACTIVE:
		check(t->c->loose || addr_eq(&n->data.addr, &t->c->client));
		check(n->data.port >= FTP_PORT_MIN);
		check(t->c->reader.epsv_all == 0);
		break;
	case FTP_PASSIVE:
		check(t->c->loose || addr_eq(&n->data.addr, &t->c->server));
		check(n->data.port >= FTP_PORT_MIN);
		break;
	case FTP_REFUSED:
		check(n->why == REASON_ADDRESS || n->why == REASON_PORT_RANGE);
		break;
	default:
		check(n->data.addr.af == 0 && n->data.port == 0);
		break;
	}
	t->sum = t->sum * 31 + n->kind;
	t->sum = t->sum * 31 + n->data.port;
	for (i = 0; i < sizeof(n->data.addr.b); i++)
		t->sum = t->sum * 31 + n->data.addr.b[i];
}

/*
 * The first byte: flags.  Then pieces: a byte whose high bit says who speaks
 * and whose others say how much, and that many bytes.
 */
static uint64_t
play(const uint8_t *p, size_t len, bool by_byte)
{
	static const struct addr v4[2] = { { AF_INET, { 10, 0, 0, 1 } },
		{ AF_INET, { 198, 51, 100, 7 } } };
	static const struct addr v6[2] = {
		{ AF_INET6, { 0x20, 1, 0xd, 0xb8, [15] = 1 } },
		{ AF_INET6, { 0x20, 1, 0xd, 0xb8, [15] = 7 } },
	};
	struct ftp_control *c = malloc(sizeof(*c));
	const struct addr *a = p[0] & 1 ? v6 : v4;
	struct check t = { c, 0 };
	enum ftp_side from;
	size_t n, k;

	check(c != NULL);
	ftp_control_init(c, &a[0], &a[1], p[0] & 2);
	if (p[0] & 4) {
		ftp_control_join(c, FTP_CLIENT);
		ftp_control_join(c, FTP_SERVER);
	}
	for (p++, len--; len > 0; p += n, len -= n) {
		from = *p & 0x80 ? FTP_SERVER : FTP_CLIENT;
		n = *p & 0x7f;
		p++;
		len--;
		n = n < len ? n : len;
		for (k = 0; by_byte && k < n; k++)
			ftp_control_input(c, from,
			    (struct span) { (const char *)p + k, 1 }, on_news,
			    &t);
		if (!by_byte)
			ftp_control_input(c, from,
			    (struct span) { (const char *)p, n }, on_news, &t);
		check(c->reader.npending <= FTP_READER_PENDING);
		check(c->reader.answered <= c->reader.sent);
	}
	free(c);
	return t.sum;
}

/* Any line: what can be read can be written, and reads the same. */
static void
check_line(struct span line)
{
	struct endpoint e = { 0 }, back;
	struct ftp_command cmd;
	struct ftp_reply r;
	char text[128];
	struct strbuf b = strbuf_of(text, sizeof(text));

	if (ftp_command_parse(&cmd, line) == PH_OK) {
		check(cmd.name.len <= FTP_VERB_MAX);
		check(cmd.name.len + cmd.arg.len <= line.len);
		if (ftp_eprt_parse(cmd.arg, &e) == PH_OK) {
			ftp_eprt_format(&b, &e);
			check(!b.full &&
			    ftp_eprt_parse(span_of(text + 5), &back) == PH_OK &&
			    endpoint_cmp(&e, &back) == 0);
		}
	}
	if (ftp_reply_parse(&r, line) == PH_OK) {
		check(r.code >= 100 && r.code <= 699);
		if (ftp_227_parse(r.text, &e) == PH_OK) {
			strbuf_reset(&b);
			ftp_227_format(&b, &e);
			check(
			    ftp_227_parse(span_of(text + 4), &back) == PH_OK &&
			    endpoint_cmp(&e, &back) == 0);
		}
		if (ftp_229_parse(r.text, &e.port) != PH_OK)
			check(e.port == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct span rest = { (const char *)data, len };

	if (len == 0)
		return 0;
	/* However the bytes are cut up, what they say is the same. */
	check(play(data, len, false) == play(data, len, true));
	while (rest.len > 0)
		check_line(span_cut(rest, '\n', &rest));
	return 0;
}
