/* SPDX-License-Identifier: ISC */
/*
 * The pf backend by hand, for tests/pf/live.sh: a line on stdin is an
 * operation, its outcome a line on stdout.
 *
 *	open ID in|out udp|tcp FROM|any[:PORT] TO LO HI [rdr EP] [nat EP]
 *	close ID			into the batch, as is open
 *	commit				"commit ok"
 *	tick				"tick ok"
 *	activity			"seen ID" each, then "activity ok"
 *	settle				"settle ok"
 *	natlook udp|tcp CLIENT LOCAL	"original EP"
 *	table add|delete|flush [PREFIX]
 *	sleep MS
 *	end
 *
 * With -f FILE, FILE is followed as it grows, until "end".  With -N the
 * kernel lacks what newer ones lack, and has netlink instead.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "src/fw/direct.h"
#include "tests/pf/newer.h"

#define MAXWORDS 16
#define MAXBATCH 256

static struct fw *fw;
static struct direct *direct;
static struct fw_change batch[MAXBATCH];
static size_t nbatch;
static struct pinhole held[4096];
static size_t nheld;

static int64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static unsigned long
number(const char *s)
{
	char *end;
	unsigned long v = strtoul(s, &end, 10);

	if (*s == '\0' || *end != '\0')
		errx(1, "not a number: %s", s);
	return v;
}

/* "192.0.2.1:5060", "2001:db8::1:5060": what follows the last colon. */
static struct endpoint
endpoint(const char *s)
{
	const char *colon = strrchr(s, ':');
	struct endpoint e;

	if (colon == NULL ||
	    addr_parse((struct span) { s, (size_t)(colon - s) }, &e.addr) !=
		PH_OK)
		errx(1, "not an endpoint: %s", s);
	e.port = (uint16_t)number(colon + 1);
	return e;
}

static uint8_t
proto(const char *s)
{
	return strcmp(s, "tcp") == 0 ? IPPROTO_TCP : IPPROTO_UDP;
}

static void
from(const char *s, struct pinhole *h)
{
	struct endpoint e;

	if (strcmp(s, "any") == 0)
		return;
	if (strchr(s, '/') == NULL && strrchr(s, ':') != NULL &&
	    addr_parse(span_of(s), &e.addr) != PH_OK) {
		e = endpoint(s);
		h->from = prefix_host(&e.addr);
		h->from_port = e.port;
	} else if (prefix_parse(span_of(s), &h->from) != PH_OK)
		errx(1, "not a prefix: %s", s);
}

static void
op_open(char **w, int n)
{
	struct pinhole h = { 0 };
	int i;

	if (n < 8 || nbatch == MAXBATCH ||
	    nheld == sizeof(held) / sizeof(held[0]))
		errx(1, "open: bad line");
	h.id = number(w[1]);
	h.dir = strcmp(w[2], "in") == 0 ? PINHOLE_IN : PINHOLE_OUT;
	h.proto = proto(w[3]);
	from(w[4], &h);
	if (addr_parse(span_of(w[5]), &h.to) != PH_OK)
		errx(1, "not an address: %s", w[5]);
	h.to_lo = (uint16_t)number(w[6]);
	h.to_hi = (uint16_t)number(w[7]);
	for (i = 8; i + 1 < n; i += 2)
		*(strcmp(w[i], "rdr") == 0 ? &h.rdr_from : &h.nat_to) =
		    endpoint(w[i + 1]);
	h.once = i < n && strcmp(w[i], "once") == 0;
	held[nheld++] = h;
	batch[nbatch].op = FW_OPEN;
	batch[nbatch++].hole = h;
}

static void
op_close(char **w)
{
	size_t i;

	for (i = 0; i < nheld && held[i].id != number(w[1]); i++)
		;
	if (i == nheld || nbatch == MAXBATCH)
		errx(1, "close: bad line");
	batch[nbatch].op = FW_CLOSE;
	batch[nbatch++].hole = held[i];
}

static void
say(const char *what, enum ph_err rc)
{
	printf("%s %s\n", what, rc == PH_OK ? "ok" : ph_strerror(rc));
}

static void
seen(void *ctx, struct fw_entry *e, unsigned int ends)
{
	(void)ctx;
	printf("seen %llu%s%s\n", (unsigned long long)e->id,
	    ends & FW_SEEN_FROM ? " from" : "", ends & FW_SEEN_TO ? " to" : "");
}

static void
op_natlook(char **w)
{
	struct fw_flow flow = { proto(w[1]), endpoint(w[2]), endpoint(w[3]) };
	char buf[ADDR_STRLEN];
	struct endpoint e;
	enum ph_err rc = fw_pf.original(fw, &flow, &e);

	if (rc != PH_OK)
		say("original", rc);
	else
		printf("original %s\n", endpoint_format(&e, buf));
}

static void
op_table(char **w, int n)
{
	struct prefix p = { 0 };
	enum fw_table_op op = strcmp(w[1], "add") == 0 ? FW_TABLE_ADD
	    : strcmp(w[1], "delete") == 0	       ? FW_TABLE_DELETE
						       : FW_TABLE_FLUSH;

	if (n > 2 && prefix_parse(span_of(w[2]), &p) != PH_OK)
		errx(1, "not a prefix: %s", w[2]);
	say("table",
	    fw_pf.table(fw, 0, op, &p, n > 2,
		n > 3 ? (uint32_t)number(w[3]) : 0));
}

static void
line(char *s)
{
	char *w[MAXWORDS], *p;
	enum ph_err rc;
	int n = 0;

	while (n < MAXWORDS && (p = strsep(&s, " \t\n")) != NULL)
		if (*p != '\0')
			w[n++] = p;
	if (n == 0)
		return;
	if (strcmp(w[0], "open") == 0)
		op_open(w, n);
	else if (strcmp(w[0], "close") == 0 && n == 2)
		op_close(w);
	else if (strcmp(w[0], "commit") == 0) {
		say("commit", direct_commit(direct, batch, nbatch, now()));
		nbatch = 0;
	} else if (strcmp(w[0], "tick") == 0) {
		fw_pf.tick(fw, now(), &rc);
		say("tick", rc);
	} else if (strcmp(w[0], "activity") == 0)
		say("activity", fw_pf.activity(fw, seen, NULL, now()));
	else if (strcmp(w[0], "settle") == 0)
		say("settle", fw_pf.settle(fw, now()));
	else if (strcmp(w[0], "natlook") == 0 && n == 4)
		op_natlook(w);
	else if (strcmp(w[0], "table") == 0 && n > 1)
		op_table(w, n);
	else if (strcmp(w[0], "sleep") == 0 && n == 2)
		usleep((unsigned int)number(w[1]) * 1000);
	else
		errx(1, "what is %s?", w[0]);
}

static const char *const tables[] = { "pinholed_test" };

int
main(int argc, char *argv[])
{
	struct fw_config c = { .name = "pinholed",
		.tables = tables,
		.ntables = 1 };
	static struct fw_uplink uplinks[4];
	char buf[1024], text[1024] = "";
	struct strbuf why = strbuf_of(text, sizeof(text));
	bool keep = false, check = false, follow = false;
	struct endpoint e;
	enum ph_err rc;
	int ch;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((ch = getopt(argc, argv, "abf:kK:lnNt:m:q:u:x")) != -1)
		switch (ch) {
		case 'a':
			c.adopt = true;
			break;
		case 'b':
			c.if_bound = true;
			break;
		case 'f':
			if (freopen(optarg, "r", stdin) == NULL)
				err(1, "%s", optarg);
			follow = true;
			break;
		case 'k':
			keep = true;
			break;
		case 'K':
			c.spare = strcmp(optarg, "no") == 0;
			break;
		case 'l':
			c.log = true;
			break;
		case 'n':
			check = true;
			break;
		case 'N':
			newer_kernel();
			break;
		case 't':
			c.tag = optarg;
			break;
		case 'm':
			c.states = strcmp(optarg, "states") == 0;
			break;
		case 'q':
			c.queue = optarg;
			break;
		case 'u': /* em0=192.0.2.254:0 */
			if (c.nuplinks == 4 || strchr(optarg, '=') == NULL)
				errx(1, "bad uplink");
			e = endpoint(strchr(optarg, '=') + 1);
			*strchr(optarg, '=') = '\0';
			uplinks[c.nuplinks].ifname = optarg;
			uplinks[c.nuplinks++].gateway = e.addr;
			break;
		case 'x':
			c.translate = true;
			break;
		default:
			return 1;
		}
	c.uplinks = uplinks;
	if (check) {
		rc = fw_pf.check(&c, &why);
		printf("%scheck %s\n", text,
		    rc == PH_OK ? "ok" : ph_strerror(rc));
		return rc != PH_OK;
	}
	if ((rc = fw_pf.open(&fw, &c, now(), &why)) != PH_OK)
		errx(2, "%s: %s", ph_strerror(rc), text);
	if ((direct = direct_new(&fw_pf, fw)) == NULL)
		err(2, NULL);
	for (;;) {
		if (fgets(buf, sizeof(buf), stdin) == NULL) {
			if (!follow)
				break;
			clearerr(stdin);
			usleep(20000);
		} else if (strcmp(buf, "end\n") == 0)
			break;
		else
			line(buf);
	}
	fw_pf.close(fw, keep);
	direct_free(direct);
	return 0;
}
