/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ftp/session.h"
#include "src/base/strbuf.h"
#include "tests/unit/unit.h"

/*
 * A play: lines beginning with "C " are the client's and with "S " the
 * server's, one segment as long as nobody else speaks.  What comes of it is
 * written down in the same way: "> " to the server, "< " to the client, and
 * what the owner is asked and told.
 */
struct play {
	const char *what, *in, *out;
	bool refuse; /* every want */
	bool ipv6;
	bool anonymous;
};

struct stage {
	struct ftp_session s;
	bool refuse;
	int late;	/* answer only after so many bytes more were offered */
	int waiting;	/* 0: nothing was asked */
	unsigned int n; /* answers so far */
	char queue[2][8192];
	size_t len[2];
	char out[65536];
	struct strbuf log;
	char half[2][4096]; /* lines on their way */
	size_t nhalf[2];
};

static void
on_send(void *ctx, enum ftp_side to, struct span bytes)
{
	struct stage *g = ctx;
	size_t i;

	for (i = 0; i < bytes.len; i++) {
		g->half[to][g->nhalf[to]++] = bytes.p[i];
		assert_true(g->nhalf[to] < sizeof(g->half[to]));
		if (bytes.p[i] != '\n')
			continue;
		strbuf_str(&g->log, to == FTP_CLIENT ? "< " : "> ");
		if (g->nhalf[to] >= 2 && g->half[to][g->nhalf[to] - 2] == '\r')
			g->nhalf[to]--;
		strbuf_vis(&g->log,
		    (struct span) { g->half[to], g->nhalf[to] - 1 });
		strbuf_str(&g->log, "\n");
		g->nhalf[to] = 0;
	}
}

static void
answer(struct stage *g)
{
	struct endpoint at = { g->s.config.client, 0 };

	at.addr.b[3] = 99;
	at.port = (uint16_t)(50000 + ++g->n);
	g->waiting = 0;
	ftp_session_answer(&g->s, g->refuse ? NULL : &at);
}

static void
on_want(void *ctx, const struct ftp_want *want)
{
	struct stage *g = ctx;

	assert_int_equal(g->waiting, 0);
	assert_true(want->port >= 1024);
	strbuf_fmt(&g->log, "want %s %u\n", want->active ? "active" : "passive",
	    want->port);
	g->waiting = 1;
	if (g->late == 0)
		answer(g);
}

static void
on_drop(void *ctx)
{
	struct stage *g = ctx;

	strbuf_str(&g->log, "drop\n");
}

static void
on_note(void *ctx, enum ftp_note note, struct span line)
{
	static const char *const names[] = { "refused", "unasked", "address",
		"opaque", "clear" };
	struct stage *g = ctx;

	strbuf_fmt(&g->log, "note %s ", names[note]);
	strbuf_vis(&g->log, line);
	strbuf_str(&g->log, "\n");
}

static const struct ftp_session_ops ops = { on_send, on_want, on_drop,
	on_note };

static void
stage_open(struct stage *g, const struct play *p)
{
	struct ftp_session_config config = { .anonymous_only = p->anonymous };

	memset(g, 0, sizeof(*g));
	g->refuse = p->refuse;
	g->log = strbuf_of(g->out, sizeof(g->out));
	config.client = addr_v4(192, 0, 2, 1);
	config.server = addr_v4(198, 51, 100, 1);
	if (p->ipv6) {
		assert_int_equal(addr_parse(span_of("2001:db8::1"),
				     &config.client),
		    PH_OK);
		assert_int_equal(addr_parse(span_of("2001:db8::2"),
				     &config.server),
		    PH_OK);
	}
	memset(&g->s, 0xa5, sizeof(g->s));
	ftp_session_init(&g->s, &config, &ops, g);
}

/* Offer a side's bytes from memory of just their size. */
static bool
offer(struct stage *g, enum ftp_side side)
{
	size_t n = g->len[side], used;
	char *p;

	if (n == 0)
		return false;
	p = malloc(n);
	assert_non_null(p);
	memcpy(p, g->queue[side], n);
	used = ftp_session_input(&g->s, side, (struct span) { p, n });
	free(p);
	assert_true(used <= n);
	g->len[side] -= used;
	memmove(g->queue[side], g->queue[side] + used, g->len[side]);
	return used > 0;
}

static void
pump(struct stage *g)
{
	for (;;) {
		while (offer(g, FTP_SERVER) || offer(g, FTP_CLIENT))
			continue;
		if (g->waiting == 0 || g->waiting++ < g->late)
			break;
		answer(g);
	}
}

static void
stage_bytes(struct stage *g, enum ftp_side side, const char *p, size_t n,
    size_t most, unsigned int *seed)
{
	size_t part;

	while (n > 0) {
		part = most;
		if (seed != NULL) {
			*seed = *seed * 1103515245u + 12345u;
			part = 1 + (*seed >> 16) % most;
		}
		if (part > n)
			part = n;
		assert_true(g->len[side] + part <= sizeof(g->queue[side]));
		memcpy(g->queue[side] + g->len[side], p, part);
		g->len[side] += part;
		p += part;
		n -= part;
		pump(g);
	}
}

/* The server can answer only commands that were passed on to it. */
static void
settle(struct stage *g)
{
	while (g->waiting != 0) {
		answer(g);
		pump(g);
	}
}

/* Lines as the script has them; returns the log. */
static const char *
perform(struct stage *g, const struct play *p, size_t most, unsigned int *seed,
    int late)
{
	char segment[8192];
	const char *line = p->in, *end;
	enum ftp_side side, next;
	size_t n = 0;

	stage_open(g, p);
	g->late = late;
	side = line[0] == 'C' ? FTP_CLIENT : FTP_SERVER;
	while (*line != '\0') {
		next = line[0] == 'C' ? FTP_CLIENT : FTP_SERVER;
		if (next != side) {
			stage_bytes(g, side, segment, n, most, seed);
			settle(g);
			n = 0;
			side = next;
		}
		end = strchr(line, '\n');
		assert_non_null(end);
		assert_true(n + (size_t)(end - line) < sizeof(segment));
		memcpy(segment + n, line + 2, (size_t)(end - line) - 2);
		n += (size_t)(end - line) - 2;
		memcpy(segment + n, "\r\n", 2);
		n += 2;
		line = end + 1;
	}
	stage_bytes(g, side, segment, n, most, seed);
	settle(g);
	assert_false(g->log.full);
	return g->out;
}

#define HELLO "S 220 hello\n"
#define HI    "< 220 hello\n"
#define X100                                                                   \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"                   \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X500 X100 X100 X100 X100 X100
/* Telnet's "no operation". */
#define NOP10                                                                  \
	"\377\361\377\361\377\361\377\361\377\361"                             \
	"\377\361\377\361\377\361\377\361\377\361"
#define NOP100 NOP10 NOP10 NOP10 NOP10 NOP10 NOP10 NOP10 NOP10 NOP10 NOP10
#define V10                                                                    \
	"\\xff\\xf1\\xff\\xf1\\xff\\xf1\\xff\\xf1\\xff\\xf1"                   \
	"\\xff\\xf1\\xff\\xf1\\xff\\xf1\\xff\\xf1\\xff\\xf1"
#define V100 V10 V10 V10 V10 V10 V10 V10 V10 V10 V10

/* clang-format off */
static const struct play plays[] = {
{ .what = "what names no port goes through as it is", .in =
	"S 220-hello\nS  world\nS 220 hello\nC USER ftp\nS 331 who?\n"
	"C PASS a@b c\nS 230-one\nS 227 Entering (1,2,3,4,5,6)\nS 230 two\n"
	"C RETR a PORT 1,2,3,4,5,6\nS 150 here\nS 226 done\nC QUIT\nS 221 bye\n",
  .out =
	"< 220-hello\n<  world\n< 220 hello\n> USER ftp\n< 331 who?\n"
	"> PASS a@b c\n< 230-one\n< 227 Entering (1,2,3,4,5,6)\n< 230 two\n"
	"> RETR a PORT 1,2,3,4,5,6\n< 150 here\n< 226 done\n> QUIT\n< 221 bye\n" },
{ .what = "active", .in =
	HELLO "C PORT 192,0,2,1,4,0\nS 200 ok\nC LIST\nS 150 x\nS 226 y\n"
	"C eprt !1!192.0.2.1!40000!\nS 200 ok\n",
  .out =
	HI "want active 1024\n> PORT 192,0,2,99,195,81\n< 200 ok\n"
	"> LIST\n< 150 x\n< 226 y\n"
	"want active 40000\n> EPRT |1|192.0.2.99|50002|\n< 200 ok\n" },
{ .what = "passive", .in =
	HELLO "C PASV\nS 227 Entering Passive Mode (198,51,100,1,156,64).\n"
	"C epsv\nS 229 Entering Extended Passive Mode (|||40001|)\n"
	"C PASV\nS 227 =198,51,100,1,156,66\n"
	"C EPSV 2\nS 522 use (1)\n",
  .out =
	HI "> PASV\nwant passive 40000\n< 227 Entering Passive Mode (192,0,2,99,195,81)\n"
	"> epsv\nwant passive 40001\n< 229 Entering Extended Passive Mode (|||50002|)\n"
	"> PASV\nwant passive 40002\n< 227 Entering Passive Mode (192,0,2,99,195,83)\n"
	"> EPSV 2\n< 522 use (1)\n" },
{ .what = "IPv6", .ipv6 = true, .in =
	HELLO "C EPRT |2|2001:db8::1|1025|\nS 200 ok\n"
	"C EPSV\nS 229 ok (|||40001|)\n"
	"C PORT 1,2,3,4,5,6\nC PASV\nC EPRT |1|192.0.2.1|1025|\nC NOOP\nS 200 ok\n",
  .out =
	HI "want active 1025\n> EPRT |2|2001:d63::1|50001|\n< 200 ok\n"
	"> EPSV\nwant passive 40001\n< 229 Entering Extended Passive Mode (|||50002|)\n"
	"note refused PORT 1,2,3,4,5,6\n< 522 Network protocol not supported, use (2)\n"
	"note refused PASV\n< 425 PASV is for IPv4, use EPSV\n"
	"note refused EPRT |1|192.0.2.1|1025|\n< 522 Network protocol not supported, use (2)\n"
	"> NOOP\n< 200 ok\n" },
{ .what = "another host in it does not matter", .in =
	HELLO "C PORT 10,9,8,7,4,1\nS 200 ok\nC PASV\nS 227 (10,9,8,7,156,64)\n",
  .out =
	HI "note address PORT 10,9,8,7,4,1\nwant active 1025\n> PORT 192,0,2,99,195,81\n< 200 ok\n"
	"> PASV\nnote address 227 (10,9,8,7,156,64)\nwant passive 40000\n"
	"< 227 Entering Passive Mode (192,0,2,99,195,82)\n" },
{ .what = "ports of services", .in =
	HELLO "C PORT 192,0,2,1,0,22\nC EPRT |1|192.0.2.1|1023|\nC PORT 192,0,2,1,0,0\n"
	"C PASV\nS 227 (198,51,100,1,0,22)\nC EPSV\nS 229 (|||22|)\n",
  .out =
	HI "note refused PORT 192,0,2,1,0,22\n< 501 No data connections to ports below 1024\n"
	"note refused EPRT |1|192.0.2.1|1023|\n< 501 No data connections to ports below 1024\n"
	"note refused PORT 192,0,2,1,0,0\n< 501 No data connections to ports below 1024\n"
	"> PASV\nnote refused 227 (198,51,100,1,0,22)\n< 425 Cannot open a data connection\n"
	"> EPSV\nnote refused 229 (|||22|)\n< 425 Cannot open a data connection\n" },
{ .what = "bad syntax", .in =
	HELLO "C PORT 192,0,2,1,4\nC PORT\nC EPRT |1|192.0.2.1|1025\nC EPRT |3|192.0.2.1|1025|\n"
	"C PASV\nS 227 Entering Passive Mode\nC PASV\nS 227 1,2,3,4,5,6 1,2,3,4,5,7\n",
  .out =
	HI "note refused PORT 192,0,2,1,4\n< 501 Syntax error in parameters\n"
	"note refused PORT\n< 501 Syntax error in parameters\n"
	"note refused EPRT |1|192.0.2.1|1025\n< 501 Syntax error in parameters\n"
	"note refused EPRT |3|192.0.2.1|1025|\n< 522 Network protocol not supported, use (1)\n"
	"> PASV\nnote refused 227 Entering Passive Mode\n< 425 Cannot open a data connection\n"
	"> PASV\nnote refused 227 1,2,3,4,5,6 1,2,3,4,5,7\n< 425 Cannot open a data connection\n" },
{ .what = "the packet filter would not", .refuse = true, .in =
	HELLO "C PORT 192,0,2,1,4,1\nC EPRT |1|192.0.2.1|40000|\nC NOOP\nS 200 ok\n"
	"C PASV\nS 227 (198,51,100,1,156,64)\nC EPSV\nS 229 (|||40001|)\n",
  .out =
	HI "want active 1025\n< 425 Cannot open a data connection\n"
	"want active 40000\n< 425 Cannot open a data connection\n> NOOP\n< 200 ok\n"
	"> PASV\nwant passive 40000\n< 425 Cannot open a data connection\n"
	"> EPSV\nwant passive 40001\n< 425 Cannot open a data connection\n" },
{ .what = "the server would not", .in =
	HELLO "C PORT 192,0,2,1,4,1\nS 500 no\nC PASV\nS 502 no\nC EPSV\nS 500 no\n"
	"S 229 (|||40001|)\n",
  .out =
	HI "want active 1025\n> PORT 192,0,2,99,195,81\n< 500 no\ndrop\n"
	"> PASV\n< 502 no\n> EPSV\n< 500 no\nnote unasked 229 (|||40001|)\n< 229 (|||40001|)\n" },
{ .what = "a newer one is not dropped for an older", .in =
	HELLO "C PORT 192,0,2,1,4,1\nC PORT 192,0,2,1,4,2\nS 500 no\nS 200 ok\n",
  .out =
	HI "want active 1025\n> PORT 192,0,2,99,195,81\nwant active 1026\n"
	"> PORT 192,0,2,99,195,82\n< 500 no\n< 200 ok\n" },
{ .what = "nobody asked", .in =
	"S 227 (198,51,100,1,156,64)\nS 227 (198,51,100,1,156,64)\n"
	"C NOOP\nS 227 (198,51,100,1,156,64)\nC PASV\nS 229 (|||40001|)\n"
	"C HELP\nS 214-so\nS 227 (198,51,100,1,156,64)\nS 214 so\n"
	"C PASV x\nS 200 echo 227 (198,51,100,1,156,64)\n"
	"C PASSV\nS 227 (198,51,100,1,156,64)\n",
  .out =
	"note unasked 227 (198,51,100,1,156,64)\n< 227 (198,51,100,1,156,64)\n"
	"note unasked 227 (198,51,100,1,156,64)\n< 227 (198,51,100,1,156,64)\n"
	"> NOOP\nnote unasked 227 (198,51,100,1,156,64)\n< 227 (198,51,100,1,156,64)\n"
	"> PASV\nnote unasked 229 (|||40001|)\n< 229 (|||40001|)\n"
	"> HELP\n< 214-so\n< 227 (198,51,100,1,156,64)\n< 214 so\n"
	"> PASV x\n< 200 echo 227 (198,51,100,1,156,64)\n"
	"> PASSV\nnote unasked 227 (198,51,100,1,156,64)\n< 227 (198,51,100,1,156,64)\n" },
{ .what = "227 of several lines", .in =
	HELLO "C PASV\nS 227-Entering (1,2,3,4,5,6)\nS 229 x\nS  227 (1,2,3,4,5,7)\n"
	"S 227 (198,51,100,1,156,64)\nC NOOP\nS 200 ok\n",
  .out =
	HI "> PASV\nwant passive 40000\n< 227 Entering Passive Mode (192,0,2,99,195,81)\n"
	"> NOOP\n< 200 ok\n" },
{ .what = "pipelining", .in =
	"C USER ftp\nC PASS x\nC EPSV\nC RETR a\nC PASV\nC RETR b\nC QUIT\n"
	"S 120 wait\n" HELLO "S 331 who\nS 230 in\nS 229 (|||40001|)\nS 150 a\nS 226 a\n"
	"S 227 (198,51,100,1,156,64)\nS 150 b\nS 226 b\nS 221 bye\n",
  .out =
	"> USER ftp\n> PASS x\n> EPSV\n> RETR a\n> PASV\n> RETR b\n> QUIT\n"
	"< 120 wait\n" HI "< 331 who\n< 230 in\nwant passive 40001\n"
	"< 229 Entering Extended Passive Mode (|||50001|)\n< 150 a\n< 226 a\n"
	"want passive 40000\n< 227 Entering Passive Mode (192,0,2,99,195,82)\n"
	"< 150 b\n< 226 b\n< 221 bye\n" },
{ .what = "our replies wait for their turn", .in =
	"C PORT 192,0,2,1,0,22\nC SYST\nC LPRT 6\nC NOOP\nC LPSV\nC PASV\nC PORT x\n"
	HELLO "S 215-a\nS 215 b\nS 200 ok\nS 227 (198,51,100,1,156,64)\n",
  .out =
	"note refused PORT 192,0,2,1,0,22\n> SYST\nnote refused LPRT 6\n> NOOP\n"
	"note refused LPSV\n> PASV\nnote refused PORT x\n"
	HI "< 501 No data connections to ports below 1024\n"
	"< 215-a\n< 215 b\n< 502 Use EPRT or EPSV\n< 200 ok\n< 502 Use EPRT or EPSV\n"
	"want passive 40000\n< 227 Entering Passive Mode (192,0,2,99,195,81)\n"
	"< 501 Syntax error in parameters\n" },
{ .what = "nor do they stand within another reply", .in =
	HELLO "S 421-x\nC LPRT 6\nS 421 y\n", .out =
	HI "< 421-x\nnote refused LPRT 6\n< 421 y\n< 502 Use EPRT or EPSV\n" },
{ .what = "nor behind the reply to a later command", .in =
	HELLO "C ABOR\nC LPRT 6\nC PASV\nS 227 (198,51,100,1,156,64)\n", .out =
	HI "> ABOR\nnote refused LPRT 6\n> PASV\n< 502 Use EPRT or EPSV\nwant passive 40000\n"
	"< 227 Entering Passive Mode (192,0,2,99,195,81)\n" },
{ .what = "an ABOR without a reply", .in =
	HELLO "C RETR a\nS 150 a\nC \377\364\377\362ABOR\nS 226 done\nC PASV\n"
	"S 227 (198,51,100,1,156,64)\n",
  .out =
	HI "> RETR a\n< 150 a\n> \\xff\\xf4\\xff\\xf2ABOR\n< 226 done\n> PASV\n"
	"want passive 40000\n< 227 Entering Passive Mode (192,0,2,99,195,81)\n" },
{ .what = "EPSV ALL", .in =
	HELLO "C EPSV ALL\nS 200 ok\nC PORT 192,0,2,1,4,1\nC EPRT |1|192.0.2.1|1025|\nC PASV\n"
	"C EPSV\nS 229 (|||40001|)\n",
  .out =
	HI "> EPSV ALL\n< 200 ok\n"
	"note refused PORT 192,0,2,1,4,1\n< 501 Nothing but EPSV after EPSV ALL\n"
	"note refused EPRT |1|192.0.2.1|1025|\n< 501 Nothing but EPSV after EPSV ALL\n"
	"note refused PASV\n< 501 Nothing but EPSV after EPSV ALL\n"
	"> EPSV\nwant passive 40001\n< 229 Entering Extended Passive Mode (|||50001|)\n" },
{ .what = "EPSV ALL that was refused", .in =
	HELLO "C EPSV ALL\nS 501 no\nC PASV\nS 227 (198,51,100,1,156,64)\n",
  .out =
	HI "> EPSV ALL\n< 501 no\n> PASV\nwant passive 40000\n"
	"< 227 Entering Passive Mode (192,0,2,99,195,81)\n" },
{ .what = "EPSV ALL, and the rest at once", .in =
	HELLO "C EPSV ALL\nC PASV\nC EPSV\nS 200 ok\nS 229 (|||40001|)\n",
  .out =
	HI "> EPSV ALL\nnote refused PASV\n> EPSV\n< 200 ok\n"
	"< 501 Nothing but EPSV after EPSV ALL\nwant passive 40001\n"
	"< 229 Entering Extended Passive Mode (|||50001|)\n" },
{ .what = "a long line names no port and no user", .anonymous = true, .in =
	HELLO "C CWD " X500 X100 "\nS 250 ok\nC USER ftp " X500 X100 "\nC PASV " X500 X100 "\n"
	"C PASV\nS 227 (198,51,100,1,156,64) " X500 "\n",
  .out =
	HI "> CWD " X500 X100 "\n< 250 ok\n"
	"note refused USER ftp " X500 X100 "\n< 501 Syntax error in parameters\n"
	"note refused PASV " X500 X100 "\n< 501 Syntax error in parameters\n"
	"> PASV\nnote refused 227 (198,51,100,1,156,64) " X500 "\n"
	"< 425 Cannot open a data connection\n" },
{ .what = "nor does one of which we see no verb", .anonymous = true, .in =
	HELLO "C NOOP\nS 200 ok\nC US" NOP100 NOP100 NOP100 "ER root\n",
  .out =
	HI "> NOOP\n< 200 ok\nnote refused US" V100 V100 V100 "ER root\n< 501 Syntax error in parameters\n" },
{ .what = "what servers read in it", .in =
	HELLO "C \377\361P\377\375\001ORT 192,0,2,1,4,1\nS 200 ok\nC  \tpOrT  192,0,2,1,4,1 \nS 200 ok\n"
	"C PORT\t192,0,2,1,4,1\nC NOOP\rPASV\nC \377\377PASV\nS 500 what\n",
  .out =
	HI "want active 1025\n> PORT 192,0,2,99,195,81\n< 200 ok\n"
	"want active 1025\n> PORT 192,0,2,99,195,82\n< 200 ok\n"
	"note refused PORT\\x09192,0,2,1,4,1\n< 501 Syntax error in parameters\n"
	"note refused NOOP\\x0dPASV\n< 501 Syntax error in parameters\n"
	"> \\xff\\xffPASV\n< 500 what\n" },
{ .what = "anonymous only", .anonymous = true, .in =
	HELLO "C USER root\nC user\nC USER\troot\nC U\377\361SER root\nC AUTH TLS\n"
	"C USER Anonymous\nS 331 ok\nC USER FTP\nS 331 ok\nC USER ftpd\n",
  .out =
	HI "note refused USER root\n< 500 Only anonymous FTP allowed\n"
	"note refused user\n< 500 Only anonymous FTP allowed\n"
	"note refused USER\\x09root\n< 501 Syntax error in parameters\n"
	"note refused U\\xff\\xf1SER root\n< 500 Only anonymous FTP allowed\n"
	"note refused AUTH TLS\n< 534 Only anonymous FTP allowed, in the clear\n"
	"> USER Anonymous\n< 331 ok\n> USER FTP\n< 331 ok\n"
	"note refused USER ftpd\n< 500 Only anonymous FTP allowed\n" },
{ .what = "AUTH refused", .in =
	HELLO "C AUTH TLS\nC PASV\nS 500 no\nC NOOP\nS 227 (198,51,100,1,156,64)\nS 200 ok\n",
  .out =
	HI "> AUTH TLS\n< 500 no\n> PASV\n> NOOP\nwant passive 40000\n"
	"< 227 Entering Passive Mode (192,0,2,99,195,81)\n< 200 ok\n" },
{ .what = "AUTH after an ABOR without a reply", .in =
	HELLO "C RETR a\nC ABOR\nS 226 done\nC AUTH TLS\nS 234 go\n", .out =
	HI "> RETR a\n> ABOR\n< 226 done\n> AUTH TLS\n< 234 go\nnote opaque \n" },
{ .what = "empty lines", .in =
	HELLO "C \nC  \nS \nC NOOP\nS 200 ok\n", .out =
	HI "> \n>  \n< \n> NOOP\n< 200 ok\n" },
};
/* clang-format on */

static void
plays_go_by_the_book(void **state)
{
	static struct stage g;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(plays); i++) {
		printf("%s\n", plays[i].what);
		assert_string_equal(perform(&g, &plays[i], 8192, NULL, 0),
		    plays[i].out);
		assert_int_equal(g.s.end, FTP_GOES_ON);
	}
}

static void
segments_do_not_matter(void **state)
{
	static struct stage g;
	unsigned int seed;
	size_t i;
	int late;

	(void)state;
	for (i = 0; i < ROWS(plays); i++) {
		printf("%s\n", plays[i].what);
		for (late = 0; late < 4; late++)
			assert_string_equal(perform(&g, &plays[i], 1, NULL,
						late),
			    plays[i].out);
		for (seed = 1; seed < 100; seed++) {
			unsigned int s = seed;

			assert_string_equal(perform(&g, &plays[i],
						seed % 40 + 1, &s,
						(int)(seed % 3)),
			    plays[i].out);
		}
	}
}

static void
lines_end_or_the_session_does(void **state)
{
	static struct stage g;
	static const struct play p = { .in = "" };
	static const struct {
		enum ftp_side side;
		size_t len; /* of the line, with its end */
		size_t nul; /* where, if not 0 */
		enum ftp_end end;
		const char *out;
	} rows[] = {
		{ FTP_CLIENT, 2048, 0, FTP_GOES_ON, NULL },
		{ FTP_CLIENT, 2049, 0, FTP_END_COMMAND_LONG,
		    "< 500 Command line too long\n" },
		{ FTP_CLIENT, 5000, 0, FTP_END_COMMAND_LONG,
		    "< 500 Command line too long\n" },
		{ FTP_CLIENT, 5000, 3000, FTP_END_COMMAND_LONG,
		    "< 500 Command line too long\n" },
		{ FTP_CLIENT, 5000, 2047, FTP_END_COMMAND_NUL,
		    "< 501 Syntax error in parameters\n" },
		{ FTP_CLIENT, 5000, 2048, FTP_END_COMMAND_LONG,
		    "< 500 Command line too long\n" },
		{ FTP_CLIENT, 20, 5, FTP_END_COMMAND_NUL,
		    "< 501 Syntax error in parameters\n" },
		{ FTP_SERVER, 2048, 0, FTP_GOES_ON, NULL },
		{ FTP_SERVER, 2049, 0, FTP_END_REPLY_LONG, "" },
		{ FTP_SERVER, 20, 5, FTP_END_REPLY_NUL, "" },
	};
	char line[5001];
	size_t i, most;

	(void)state;
	for (i = 0; i < ROWS(rows); i++)
		for (most = 1; most <= 5000; most = most * 3 + 1) {
			memset(line, 'x', sizeof(line));
			if (rows[i].side == FTP_CLIENT)
				memcpy(line, "CWD ", 4);
			line[rows[i].len - 1] = '\n';
			line[rows[i].len] = 'y';
			if (rows[i].nul != 0)
				line[rows[i].nul] = '\0';
			stage_open(&g, &p);
			g.s.reader.greeted = true;
			stage_bytes(&g, rows[i].side, line, rows[i].len + 1,
			    most, NULL);
			assert_int_equal(g.s.end, rows[i].end);
			if (rows[i].out != NULL)
				assert_string_equal(g.out, rows[i].out);
			else
				assert_int_equal(g.log.len, 2 + 2048);
			/* Nothing comes of the bytes that follow. */
			g.log.len = 0;
			stage_bytes(&g, FTP_CLIENT, "\nNOOP\r\n", 7, most,
			    NULL);
			if (rows[i].end != FTP_GOES_ON)
				assert_int_equal(g.log.len, 0);
			assert_int_equal(g.len[rows[i].side], 0);
		}
	assert_string_equal(ftp_end_name(FTP_END_COMMAND_NUL),
	    "client command not clean");
}

/* Neither the first line nor the PORT behind it reaches the server. */
static void
what_a_browser_sends_ends_the_session(void **state)
{
	static struct stage g;
	static const char *const first[] = { "GET /", "POST / HTTP/1.1",
		"PROPFIND /x HTTP/1.0", "M-SEARCH * HTTP/1.1",
		"\1\2\3 no command", "user=x&y=1", "\26\3\1 TLS" };
	char text[128];
	struct play p = { .in = text };
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(first); i++) {
		printf("%s\n", first[i]);
		snprintf(text, sizeof(text), "C %s\nC PORT 192,0,2,1,4,1\n",
		    first[i]);
		assert_string_equal(perform(&g, &p, 8192, NULL, 0),
		    "< 500 This is FTP\n");
		assert_int_equal(g.s.end, FTP_END_FOREIGN);
	}
	assert_string_equal(ftp_end_name(FTP_END_FOREIGN), "this is not FTP");
}

/* The proxy gives up those first who have not. */
static void
the_server_says_who_has_logged_in(void **state)
{
	static struct stage g;
	static const struct {
		const char *in;
		bool yes;
	} rows[] = {
		{ "S 230 hello\nC NOOP\nS 200 ok\n", true },
		{ HELLO "C RETR x\nS 150 here\n", true },
		{ HELLO "C RETR x\nS 530 no\n", false },
		{ HELLO "C USER ftp\nS 331 who?\nC PASS x\nS 530 no\n", false },
		{ HELLO "C NOOP\nS 230-x\nS 200 y\n", false },
		{ HELLO "C USER ftp\nS 331 who?\nC PASS x\nS 230 in\n", true },
		{ HELLO "C USER ftp\nS 232 in\n", true },
		{ HELLO "C AUTH TLS\nS 234 go\n", true },
	};
	struct play p = { .in = "" };
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s\n", rows[i].in);
		p.in = rows[i].in;
		(void)perform(&g, &p, 8192, NULL, 0);
		assert_int_equal(g.s.logged_in, rows[i].yes);
	}
}

static void
commands_without_replies_are_bounded(void **state)
{
	static struct stage g;
	static const struct play p = { .in = "" };
	size_t i;

	(void)state;
	stage_open(&g, &p);
	stage_bytes(&g, FTP_SERVER, "220 x\r\n", 7, 99, NULL);
	for (i = 0; i < 1280; i++)
		stage_bytes(&g, FTP_CLIENT, "NOOP\r\n", 6, 99, NULL);
	stage_bytes(&g, FTP_CLIENT, "PASV\r\n", 6, 99, NULL);
	assert_int_equal(g.s.reader.npending, 1);
	strbuf_reset(&g.log);
	stage_bytes(&g, FTP_SERVER, "227 (1,2,3,4,5,6)\r\n", 19, 99, NULL);
	assert_string_equal(g.out,
	    "note address 227 (1,2,3,4,5,6)\nwant passive 1286\n"
	    "< 227 Entering Passive Mode (192,0,2,99,195,81)\n");
	assert_int_equal(g.s.reader.npending, 0);
	/* The server does not greet: then the oldest does not wait for it. */
	stage_open(&g, &p);
	for (i = 0; i < FTP_SESSION_REFUSED + 1; i++)
		stage_bytes(&g, FTP_CLIENT, "LPRT\r\n", 6, 99, NULL);
	assert_int_equal(g.s.nrefused, FTP_SESSION_REFUSED);
	assert_non_null(strstr(g.out, "< 502 Use EPRT or EPSV\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plays_go_by_the_book),
		cmocka_unit_test(segments_do_not_matter),
		cmocka_unit_test(lines_end_or_the_session_does),
		cmocka_unit_test(what_a_browser_sends_ends_the_session),
		cmocka_unit_test(the_server_says_who_has_logged_in),
		cmocka_unit_test(commands_without_replies_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
