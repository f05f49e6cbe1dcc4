/* SPDX-License-Identifier: ISC */
/*
 * A call that goes on while the inside moves to another port: what is cut, and
 * what is not.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <string.h>

#include "src/base/timers.h"
#include "tests/unit/claims_play.h"

static struct pinhole
outward(uint16_t port)
{
	struct pinhole in = hole(port), p = in;

	p.dir = PINHOLE_OUT;
	p.from = prefix_host(&in.to);
	p.to = in.from.addr;
	return p;
}

static void
a_port_that_moved_is_cut_from_what_stays(void **state)
{
	struct pinhole v[3] = { hole(2000), outward(4000), outward(4002) };
	struct claims_want w = { .asker = 1,
		.call = span_of("a"),
		.v = v,
		.n = 2,
		.open = REASON_REINVITE,
		.close = REASON_REPLACED,
		.lease = 60 * USEC_PER_SEC };
	struct claims_want other = { .asker = 2,
		.call = span_of("b"),
		.lease = 60 * USEC_PER_SEC };
	struct pinhole shared = hole(2001);

	(void)state;
	claims_want(claims, &w, now);
	TOLD("+1:2000@60+2:4000@60.");
	/* By one port: the other is still open. */
	v[0] = hole(2001);
	claims_want(claims, &w, now);
	TOLD("+3:2001@60-1:2000/2000:4000.");
	/* From another host the same port stays. */
	v[0].from.addr.b[3]++;
	claims_want(claims, &w, now);
	TOLD("+4:2001@60-3:2001/2001:4000/2002:4000.");
	/* The other host had no outward pinhole, so nothing is cut. */
	v[0] = hole(2001);
	claims_want(claims, &w, now);
	TOLD("+5:2001@60-4:2001.");
	/* Somebody else still has the port open. */
	other.v = &shared;
	other.n = 1;
	claims_want(claims, &other, now);
	TOLD("");
	v[0] = hole(3000);
	claims_want(claims, &w, now);
	TOLD("+7:3000@60.");
	/* No cut is needed when all pinholes of the asker close. */
	w.n = 0;
	claims_want(claims, &w, now);
	TOLD("-2:4000-7:3000.");
}

/* How a pinhole differs from the one that a row is about. */
enum diff {
	SAME,
	ABSENT,
	PROTO,	    /* TCP */
	DIR,	    /* the other one */
	TO,	    /* another host */
	FROM,	    /* another host */
	FROM_NET,   /* the net of the host */
	FROM_OTHER, /* another net */
	FROM_ANY,
	LOWER, /* by one port */
	HIGHER,
};

static struct pinhole
differ(struct pinhole p, enum diff d)
{
	p.proto = d == PROTO ? IPPROTO_TCP : p.proto;
	if (d == DIR)
		p.dir = p.dir == PINHOLE_IN ? PINHOLE_OUT : PINHOLE_IN;
	p.to.b[3] ^= d == TO;
	p.from.addr.b[3] ^= d == FROM;
	p.from.addr.b[2] ^= d == FROM_OTHER;
	if (d == FROM_NET || d == FROM_OTHER) {
		p.from.len = 24;
		p.from.addr.b[3] = 0;
	}
	if (d == FROM_ANY)
		memset(&p.from, 0, sizeof(p.from));
	p.to_lo = (uint16_t)(p.to_lo + (d == HIGHER) - (d == LOWER));
	p.to_hi = (uint16_t)(p.to_hi + (d == HIGHER) - (d == LOWER));
	return p;
}

/*
 * Ports 2000 and 2001 of the inside are not wanted any more.  What goes on is
 * an outward pinhole to port 4000, and another pinhole.
 */
static void
a_cut_is_for_what_the_port_began_and_no_more(void **state)
{
	static const struct {
		enum diff moved, out, stays;
		const char *told;
	} rows[] = {
		{ SAME, SAME, ABSENT, "-1:2000/2000:4000/2001:4000." },
		/* The closed port began none of these connections. */
		{ DIR, SAME, ABSENT, "-1:2000." },
		{ SAME, PROTO, ABSENT, "-1:2000." },
		{ SAME, DIR, ABSENT, "-1:2000." },
		{ SAME, TO, ABSENT, "-1:2000." },
		{ SAME, FROM, ABSENT, "-1:2000." },
		{ FROM_OTHER, SAME, ABSENT, "-1:2000." },
		/* The closed port was open to more than one remote. */
		{ FROM_NET, SAME, ABSENT, "-1:2000/2000:4000/2001:4000." },
		{ FROM_NET, TO, ABSENT, "-1:2000/2000:4000/2001:4000." },
		{ FROM_ANY, TO, ABSENT, "-1:2000/2000:4000/2001:4000." },
		/* The ports that stay open for the same remote. */
		{ SAME, SAME, LOWER, "-1:2000/2001:4000." },
		{ SAME, SAME, HIGHER, "-1:2000/2000:4000." },
		{ SAME, SAME, FROM_NET, "-1:2000." },
		{ SAME, SAME, FROM_ANY, "-1:2000." },
		/* These are not the same ports, or not for the same remote. */
		{ SAME, SAME, PROTO, "-1:2000/2000:4000/2001:4000." },
		{ SAME, SAME, DIR, "-1:2000/2000:4000/2001:4000." },
		{ SAME, SAME, TO, "-1:2000/2000:4000/2001:4000." },
		{ SAME, SAME, FROM, "-1:2000/2000:4000/2001:4000." },
		{ SAME, SAME, FROM_OTHER, "-1:2000/2000:4000/2001:4000." },
	};
	struct pinhole v[3];
	struct claims_want w = { .asker = 1,
		.call = span_of("a"),
		.lease = 60 * USEC_PER_SEC };
	size_t i;

	for (i = 0; i < ROWS(rows); i++) {
		print_message("%zu\n", i);
		v[0] = differ(hole(2000), rows[i].moved);
		v[1] = differ(outward(4000), rows[i].out);
		v[1].to_hi = v[1].to_lo;
		v[2] = differ(hole(2000), rows[i].stays);
		w.v = v;
		w.n = rows[i].stays == ABSENT ? 2 : 3;
		claims_want(claims, &w, now);
		told[0] = '\0';
		w.v++;
		w.n--;
		claims_want(claims, &w, now);
		TOLD(rows[i].told);
		claims_teardown(state);
		claims_setup(state);
	}
}

/*
 * A pinhole that closes in the same moment is not cut, and does not keep others
 * from being cut.
 */
static void
what_ends_too_does_not_count(void **state)
{
	struct pinhole v[4] = { hole(2000), differ(hole(2000), FROM_ANY),
		outward(4000), outward(4002) };
	struct claims_want w = { .asker = 1,
		.call = span_of("a"),
		.v = v,
		.n = 4,
		.lease = 60 * USEC_PER_SEC };

	(void)state;
	claims_want(claims, &w, now);
	told[0] = '\0';
	w.v = v + 3;
	w.n = 1;
	claims_want(claims, &w, now);
	TOLD("-1:2000/2000:4002/2001:4002-2:2000/2000:4002/2001:4002-3:4000.");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_port_that_moved_is_cut_from_what_stays),
		CASE(a_cut_is_for_what_the_port_began_and_no_more),
		CASE(what_ends_too_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
