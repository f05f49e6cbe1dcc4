/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <event2/event.h>

#include <string.h>
#include <unistd.h>

#include "src/base/timers.h"
#include "tests/unit/proxy_play.h"

#define RRQ   "\0\1boot\0octet"
#define WRQ   "\0\2boot\0octet"
#define ERROR "\0\5\0"

static struct proxy_tftp *service;
static struct conf_proxy ftp_lines[3];

/* What the kernel tells of the next datagram; NULL: the truth. */
static const struct endpoint *told_from, *told_to;

ssize_t __wrap_origdst_recv(int fd, void *buf, size_t size,
    struct endpoint *from, struct endpoint *to);
ssize_t __real_origdst_recv(int fd, void *buf, size_t size,
    struct endpoint *from, struct endpoint *to);

ssize_t
__wrap_origdst_recv(int fd, void *buf, size_t size, struct endpoint *from,
    struct endpoint *to)
{
	ssize_t n = __real_origdst_recv(fd, buf, size, from, to);

	if (told_from != NULL)
		*from = *told_from;
	if (told_to != NULL)
		*to = *told_to;
	return n;
}

static int
setup(void **state)
{
	told_from = told_to = NULL;
	server = play_begin_line(state, LISTEN_TFTP, SOCK_DGRAM);
	lines[1].timeout = 25;
	play.conf.tftp.allow_read = play.conf.tftp.allow_write = true;
	play.conf.ftp.proxy = ftp_lines;
	play.conf.ftp.nproxy = ROWS(ftp_lines);
	play.conf.tftp.proxy = lines;
	play.conf.tftp.nproxy = 2;
	client = play_connect(SOCK_DGRAM, CLIENT, &at.at);
	client_at = play_name(client);
	service = proxy_tftp_start(&play, &at);
	return service != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	proxy_tftp_stop(service);
	close(at.fd);
	close(client);
	close(server);
	return play_end(state);
}

static void
ask(int fd, const char *request, size_t len)
{
	assert_int_equal(send(fd, request, len, 0), len);
	play_run();
}

/* The client gets this error, with this text. */
static void
assert_error(int fd, char code, const char *text)
{
	const char *p = play_read(fd);

	assert_int_equal(play_got(), 4 + strlen(text) + 1);
	assert_memory_equal(p, ERROR, 3);
	assert_int_equal(p[3], code);
	assert_string_equal(p + 4, text);
}

static void
assert_unreachable(void)
{
	assert_error(client, 0, "proxy: cannot reach the server");
	assert_int_equal(proxy_tftp_left(service), 0);
}

static void
assert_silent(int fd)
{
	assert_string_equal(play_read(fd), "");
	assert_int_equal(play_got(), 0);
}

/* A server's answers go to the client by the port that we ask from. */
static void
a_request_goes_on_once_the_filter_is_open(void **state)
{
	struct play_wish *x;
	const struct pinhole *h;
	const char *p;

	(void)state;
	ask(client, RRQ, sizeof(RRQ));
	assert_int_equal(play.ntargets, 1);
	assert_int_equal(play.target[0].flow.proto, IPPROTO_UDP);
	assert_int_equal(endpoint_cmp(&play.target[0].flow.client, &client_at),
	    0);
	assert_int_equal(endpoint_cmp(&play.target[0].flow.local, &at.at), 0);
	play_found(&server_at);

	x = play_wished();
	h = &x->w.hole;
	assert_int_equal(x->w.lease_s, 25);
	assert_true(x->w.renew);
	assert_int_equal(h->proto, IPPROTO_UDP);
	assert_int_equal(h->dir, PINHOLE_IN);
	assert_int_equal(h->class, 0);
	assert_true(addr_eq(&h->from.addr, &server_at.addr));
	assert_int_equal(h->from.len, 32);
	assert_int_equal(h->from_port, 0);
	assert_true(addr_eq(&h->to, &client_at.addr));
	assert_int_equal(h->to_lo, client_at.port);
	assert_int_equal(h->to_hi, client_at.port);
	assert_int_not_equal(h->rdr_from.port, 0);
	assert_int_equal(h->nat_to.addr.af, AF_UNSPEC);
	assert_silent(server);

	play_answer(PH_OK);
	p = play_read(server);
	assert_int_equal(play_got(), sizeof(RRQ));
	assert_memory_equal(p, RRQ, sizeof(RRQ));
	assert_int_equal(proxy_tftp_left(service), 1);
	assert_false(x->closed);
	x->w.gone(x->w.ctx);
	assert_true(x->forgotten);
	assert_int_equal(proxy_tftp_left(service), 0);
	assert_silent(client);
}

static void
a_line_may_have_a_class(void **state)
{
	static char name[] = "boot";

	(void)state;
	lines[1].tag = name;
	ask(client, RRQ, sizeof(RRQ));
	play_found(&server_at);
	/* Behind those of FTP, of which there are three. */
	assert_int_equal(play_wished()->w.hole.class, 5);
	lines[1].tag = NULL;
	lines[1].queue = name;
	ask(client, RRQ, sizeof(RRQ));
	play_found(&server_at);
	assert_int_equal(play_wished()->w.hole.class, 5);
}

static void
the_request_comes_from_the_port_that_is_redirected(void **state)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct endpoint from;
	char buf[64];

	(void)state;
	assert_int_equal(addr_parse(span_of(OURS), &lines[1].source), PH_OK);
	ask(client, WRQ, sizeof(WRQ));
	play_found(&server_at);
	assert_true(
	    addr_eq(&play_wished()->w.hole.rdr_from.addr, &lines[1].source));
	play_answer(PH_OK);
	assert_int_equal(recvfrom(server, buf, sizeof(buf), 0,
			     (struct sockaddr *)&ss, &len),
	    sizeof(WRQ));
	from = endpoint_from_sockaddr((struct sockaddr *)&ss);
	assert_int_equal(endpoint_cmp(&from, &play_wished()->w.hole.rdr_from),
	    0);
}

/* `source` has one address, and the server may be of the other family. */
static void
a_source_of_another_family_is_not_used(void **state)
{
	(void)state;
	assert_int_equal(addr_parse(span_of("::1"), &lines[1].source), PH_OK);
	ask(client, RRQ, sizeof(RRQ));
	play_found(&server_at);
	assert_int_equal(play_wished()->w.hole.rdr_from.addr.af, AF_INET);
}

static void
who_is_not_protected_gets_no_answer(void **state)
{
	int stranger = play_connect(SOCK_DGRAM, SERVER, &at.at);

	(void)state;
	ask(stranger, RRQ, sizeof(RRQ));
	assert_int_equal(play.ntargets, 0);
	assert_silent(stranger);
	close(stranger);
}

static void
what_is_no_request_gets_no_answer(void **state)
{
	(void)state;
	ask(client, "\0\3\0\1data", 8);
	ask(client, RRQ, 6);
	assert_int_equal(play.ntargets, 0);
	assert_silent(client);
}

static void
a_request_of_2048_bytes_is_the_longest(void **state)
{
	char text[2049];

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, RRQ, 2);
	memcpy(text + 2040, "\0octet", 7);
	memset(text + 2047, 0, 2);
	ask(client, text, 2049);
	assert_int_equal(play.ntargets, 0);
	ask(client, text, 2048);
	assert_int_equal(play.ntargets, 1);
	assert_silent(client);
}

static void
what_the_configuration_forbids_is_refused(void **state)
{
	(void)state;
	play.conf.tftp.allow_write = false;
	ask(client, WRQ, sizeof(WRQ));
	assert_error(client, 2, "not allowed here");
	assert_int_equal(play.ntargets, 0);
	assert_int_equal(proxy_tftp_left(service), 0);
	ask(client, RRQ, sizeof(RRQ));
	assert_int_equal(play.ntargets, 1);
}

static void
a_client_that_was_not_redirected_has_no_server(void **state)
{
	struct endpoint v6 = { .port = 69 };

	(void)state;
	ask(client, RRQ, sizeof(RRQ));
	play_not_found(PH_EGONE);
	assert_unreachable();
	/* The client asked the proxy's own address. */
	ask(client, RRQ, sizeof(RRQ));
	play_found(&at.at);
	assert_unreachable();
	ask(client, RRQ, sizeof(RRQ));
	assert_int_equal(addr_parse(span_of("::1"), &v6.addr), PH_OK);
	play_found(&v6);
	assert_unreachable();
	play.broke = true;
	ask(client, RRQ, sizeof(RRQ));
	assert_unreachable();
	assert_int_equal(play.nwishes, 0);
}

static void
without_a_pinhole_nothing_is_sent(void **state)
{
	(void)state;
	ask(client, RRQ, sizeof(RRQ));
	play_found(&server_at);
	play_answer(PH_EDENIED);
	assert_unreachable();
	ask(client, RRQ, sizeof(RRQ));
	play.broke = true;
	play_found(&server_at);
	assert_unreachable();
	assert_silent(server);
}

/* A socket cannot be bound or connected. */
static void
without_a_way_to_the_server_there_is_no_pinhole(void **state)
{
	struct endpoint all = { addr_v4(255, 255, 255, 255), 69 };

	(void)state;
	ask(client, RRQ, sizeof(RRQ));
	play_found(&all);
	assert_unreachable();
	assert_int_equal(addr_parse(span_of("198.51.100.1"), &lines[1].source),
	    PH_OK);
	ask(client, RRQ, sizeof(RRQ));
	play_found(&server_at);
	assert_unreachable();
	assert_int_equal(play.nwishes, 0);
}

/* The proxy's socket, by its name. */
static int
descriptor_of(const struct endpoint *name)
{
	struct sockaddr_storage ss;
	struct endpoint e;
	socklen_t len;
	int fd;

	for (fd = 3; fd < 1024; fd++) {
		len = sizeof(ss);
		if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1)
			continue;
		e = endpoint_from_sockaddr((struct sockaddr *)&ss);
		if (endpoint_cmp(&e, name) == 0)
			return fd;
	}
	fail_msg("the proxy has no socket of that name");
	return -1;
}

static void
a_request_that_cannot_be_sent_closes_its_pinhole(void **state)
{
	const struct sockaddr nobody = { .sa_family = AF_UNSPEC };

	(void)state;
	ask(client, RRQ, sizeof(RRQ));
	play_found(&server_at);
	assert_int_equal(connect(descriptor_of(&play_wished()->w.hole.rdr_from),
			     &nobody, sizeof(nobody)),
	    0);
	play_answer(PH_OK);
	assert_true(play_wished()->closed);
	assert_int_equal(play_wished()->why, REASON_DONE);
	assert_unreachable();
}

/* divert-to and TPROXY deliver the datagram as it was sent. */
static void
a_datagram_that_was_delivered_unchanged_tells_its_server(void **state)
{
	const int on = 1;

	(void)state;
	proxy_tftp_stop(service);
	assert_int_equal(setsockopt(at.fd, IPPROTO_IP, IP_RECVORIGDSTADDR, &on,
			     sizeof(on)),
	    0);
	server_at = at.at;
	at.at.port = 1069;
	service = proxy_tftp_start(&play, &at);
	assert_non_null(service);
	ask(client, RRQ, sizeof(RRQ));
	assert_int_equal(play.ntargets, 0);
	assert_true(addr_eq(&play_wished()->w.hole.from.addr, &server_at.addr));
}

/* The address that a datagram was sent to is what the filter is asked for. */
static void
the_filter_is_asked_with_the_address_of_the_datagram(void **state)
{
	const int on = 1;

	(void)state;
	assert_int_equal(setsockopt(at.fd, IPPROTO_IP, IP_RECVORIGDSTADDR, &on,
			     sizeof(on)),
	    0);
	proxy_tftp_stop(service);
	server_at = at.at;
	memset(&at.at.addr, 0, sizeof(at.at.addr));
	at.at.addr.af = AF_INET; /* any */
	service = proxy_tftp_start(&play, &at);
	assert_non_null(service);
	ask(client, RRQ, sizeof(RRQ));
	assert_int_equal(play.ntargets, 1);
	assert_int_equal(endpoint_cmp(&play.target[0].flow.local, &server_at),
	    0);
}

/* Without a port of its own, the filter knows where it was to go. */
static void
where_a_request_was_to_go(void **state)
{
	const struct addr none = { 0 };
	const struct {
		struct addr to;
		uint16_t port;
		bool unchanged; /* was delivered so */
	} rows[] = {
		{ none, 0, false },
		{ none, 69, false },
		{ none, at.at.port, false },
		{ addr_v4(127, 0, 0, 9), 0, false },
		{ addr_v4(127, 0, 0, 9), at.at.port, false },
		{ addr_v4(127, 0, 0, 9), 69, true },
		{ addr_v4(127, 0, 0, 9), 1, true },
		{ addr_v4(127, 0, 0, 9), 65535, true },
	};
	struct endpoint to;
	size_t i;

	for (i = 0; i < ROWS(rows); i++) {
		teardown(state);
		setup(state);
		to = (struct endpoint) { rows[i].to, rows[i].port };
		if (i == 2 || i == 4)
			to.port = at.at.port;
		told_to = &to;
		ask(client, RRQ, sizeof(RRQ));
		assert_int_equal(play.ntargets, !rows[i].unchanged);
		assert_int_equal(play.nwishes, rows[i].unchanged);
		if (rows[i].unchanged) {
			assert_true(addr_eq(&play_wished()->w.hole.from.addr,
			    &to.addr));
			assert_int_equal(proxy_tftp_left(service), 1);
			continue;
		}
		if (to.addr.af == AF_UNSPEC)
			to.addr = at.at.addr;
		to.port = at.at.port;
		assert_int_equal(endpoint_cmp(&play.target[0].flow.local, &to),
		    0);
	}
}

/* There would be nobody to answer. */
static void
a_request_from_nowhere_is_dropped(void **state)
{
	struct endpoint from = client_at;

	(void)state;
	told_from = &from;
	from.port = 0;
	ask(client, RRQ, sizeof(RRQ));
	from.port = 1;
	from.addr.af = AF_UNSPEC;
	ask(client, RRQ, sizeof(RRQ));
	assert_int_equal(play.ntargets, 0);
	assert_int_equal(proxy_tftp_left(service), 0);
	from.addr = client_at.addr;
	ask(client, RRQ, sizeof(RRQ));
	assert_int_equal(play.ntargets, 1);
	assert_int_equal(play.target[0].flow.client.port, 1);
}

/* The client with most transfers makes room for one that has fewer. */
static void
at_max_sessions_the_busiest_client_makes_room(void **state)
{
	int other = play_connect(SOCK_DGRAM, OTHER, &at.at);

	(void)state;
	lines[1].max_sessions = 3;
	ask(client, RRQ, sizeof(RRQ));
	play_found(&server_at);
	play_answer(PH_OK);
	ask(client, RRQ, sizeof(RRQ));
	play_found(&server_at);
	play_answer(PH_OK);
	ask(client, RRQ, sizeof(RRQ));
	play_found(&server_at);
	assert_int_equal(proxy_tftp_left(service), 3);
	/*
	 * A client that has the most transfers gets no more: its own would have
	 * to go.
	 */
	ask(client, RRQ, sizeof(RRQ));
	assert_error(client, 0, "too many transfers");
	ask(other, RRQ, sizeof(RRQ));
	assert_silent(other);
	assert_int_equal(proxy_tftp_left(service), 3);
	assert_true(play.wish[0].closed);
	assert_int_equal(play.wish[0].why, REASON_LIMIT);
	assert_false(play.wish[1].closed);
	/* Two against two: nobody has more than it would have. */
	ask(other, RRQ, sizeof(RRQ));
	assert_error(other, 0, "too many transfers");
	assert_false(play.wish[1].closed);
	close(other);
}

/* 4 MiB of requests may wait, and those that were sent wait no more. */
static void
requests_that_wait_are_bounded(void **state)
{
	char text[2048] = { 0, 1, 'b', 0 };
	int i;

	(void)state;
	memcpy(text + 4, "octet", 6);
	lines[1].max_sessions = 10000;
	for (i = 0; i < 2048; i++)
		ask(client, text, sizeof(text));
	assert_int_equal(play.ntargets, 2048);
	assert_silent(client);
	ask(client, text, sizeof(text));
	assert_error(client, 0, "too many transfers");
	play_found(&server_at);
	play_answer(PH_OK);
	ask(client, text, sizeof(text));
	assert_int_equal(play.ntargets, 2049);
	ask(client, text, sizeof(text));
	assert_error(client, 0, "too many transfers");
	/*
	 * A request that ends before it was sent no longer counts as waiting.
	 */
	play_not_found(PH_EAGAIN);
	assert_error(client, 0, "proxy: cannot reach the server");
	ask(client, text, sizeof(text));
	assert_int_equal(play.ntargets, 2050);
	/* And one that was sent is not counted twice when it ends. */
	play_wished()->w.gone(play_wished()->w.ctx);
	ask(client, text, sizeof(text));
	assert_error(client, 0, "too many transfers");
}

static void
other_sockets_have_a_turn_after_64_datagrams(void **state)
{
	int i;

	(void)state;
	lines[1].max_sessions = 100;
	for (i = 0; i < 65; i++)
		assert_int_equal(send(client, RRQ, sizeof(RRQ), 0),
		    sizeof(RRQ));
	event_base_loop(play.base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	assert_int_equal(play.ntargets, 64);
	event_base_loop(play.base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	assert_int_equal(play.ntargets, 65);
}

static void
who_leaves_ends_what_it_has_begun(void **state)
{
	(void)state;
	ask(client, RRQ, sizeof(RRQ));
	proxy_tftp_leave(service);
	ask(client, RRQ, sizeof(RRQ));
	assert_int_equal(play.ntargets, 1);
	assert_int_equal(proxy_tftp_left(service), 1);
	play_found(&server_at);
	play_answer(PH_OK);
	(void)play_read(server);
	assert_int_equal(play_got(), sizeof(RRQ));
}

static void
who_stops_forgets_its_questions(void **state)
{
	(void)state;
	ask(client, RRQ, sizeof(RRQ));
	ask(client, RRQ, sizeof(RRQ));
	play_found(&server_at);
	proxy_tftp_stop(service);
	service = NULL;
	assert_null(play.target[0].answer);
	assert_true(play_wished()->forgotten);
}

/* Each transfer, and the reason why a client got none. */
static void
transfers_are_in_the_log(void **state)
{
	struct endpoint v6 = { .port = 69 };

	(void)state;
	ask(client, RRQ, sizeof(RRQ));
	play_found(&server_at);
	assert_string_equal(play_logged(), "");
	play_answer(PH_OK);
	assert_string_equal(play_logged(),
	    "i 127.0.0.2:# -> 127.0.0.1:# -> 127.0.0.4:# RRQ \"boot\"\n");
	ask(client, WRQ, sizeof(WRQ));
	play_found(&server_at);
	play_answer(PH_EDENIED);
	assert_string_equal(play_logged(),
	    "w 127.0.0.2:# -> 127.0.0.4:#: no pinhole: not permitted\n");
	ask(client, RRQ, sizeof(RRQ));
	play_not_found(PH_EGONE);
	assert_string_equal(play_logged(),
	    "w 127.0.0.2:# -> none:0: where did it want to go? No redirection "
	    "is known: gone\n");
	ask(client, RRQ, sizeof(RRQ));
	assert_int_equal(addr_parse(span_of("::1"), &v6.addr), PH_OK);
	play_found(&v6);
	assert_string_equal(play_logged(),
	    "w 127.0.0.2:# -> [::1]:69: it was not redirected here: no "
	    "server\n");
	play.conf.tftp.allow_write = false;
	ask(client, WRQ, sizeof(WRQ));
	assert_string_equal(play_logged(),
	    "w 127.0.0.2:#: refused: not allowed here\n");
}

/* Of many that fail, ten are named in a minute, and the others counted. */
static void
failures_are_logged_at_a_limited_rate(void **state)
{
	unsigned int i;

	(void)state;
	play.conf.tftp.allow_write = false;
	for (i = 0; i < 25; i++) {
		ask(client, WRQ, sizeof(WRQ));
		assert_int_equal(strlen(play_logged()) > 0, i < 10);
		ask(client, RRQ, sizeof(RRQ));
		play_not_found(PH_EGONE);
		assert_int_equal(strlen(play_logged()) > 0, i < 10);
	}
	play.now += 60 * USEC_PER_SEC;
	ask(client, WRQ, sizeof(WRQ));
	assert_string_equal(play_logged(),
	    "w 127.0.0.2:#: refused: not allowed here\n"
	    "w and 15 more were refused\n");
	ask(client, RRQ, sizeof(RRQ));
	play_not_found(PH_EGONE);
	assert_non_null(strstr(play_logged(), "\nw and 15 more failed\n"));
}

static void
an_error_that_cannot_be_sent_is_in_the_log(void **state)
{
	struct play_target *t = &play.target[0];

	(void)state;
	ask(client, RRQ, sizeof(RRQ));
	play_mute();
	t->answer(t->ctx, PH_EGONE, &server_at);
	assert_memory_equal(play_logged(),
	    "d cannot answer: Socket operation on non-socket\nw ", 49);
}

/* Each allocation and socket fails once. */
static void
what_fails_leaves_nothing_behind(void **state)
{
	unsigned int n, left, had;

	(void)state;
	proxy_tftp_stop(service);
	for (n = 1; n < 100; n++) {
		play_fail = n;
		service = proxy_tftp_start(&play, &at);
		left = play_fail;
		play_fail = 0;
		assert_int_equal(service == NULL, left == 0);
		if (left > 0)
			break;
	}
	assert_in_range(n, 3, 99);
	had = play_descriptors();
	for (n = 1; n < 100; n++) {
		play_fail = n;
		ask(client, RRQ, sizeof(RRQ));
		if (play.ntargets > 0 &&
		    play.target[play.ntargets - 1].answer != NULL)
			play_found(&server_at);
		left = play_fail;
		play_fail = 0;
		if (left > 0)
			break;
		assert_int_equal(proxy_tftp_left(service), 0);
		assert_int_equal(play_descriptors(), had);
		assert_int_equal(play.nwishes, 0);
		/* The client knows. */
		(void)play_read(client);
		assert_true(play_got() > 4);
	}
	assert_in_range(n, 3, 99);
	assert_int_equal(play.nwishes, 1);
	assert_int_equal(proxy_tftp_left(service), 1);
	play_answer(PH_OK);
	(void)play_read(server);
	assert_int_equal(play_got(), sizeof(RRQ));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_request_goes_on_once_the_filter_is_open),
		T(a_line_may_have_a_class),
		T(the_request_comes_from_the_port_that_is_redirected),
		T(a_source_of_another_family_is_not_used),
		T(who_is_not_protected_gets_no_answer),
		T(what_is_no_request_gets_no_answer),
		T(a_request_of_2048_bytes_is_the_longest),
		T(what_the_configuration_forbids_is_refused),
		T(a_client_that_was_not_redirected_has_no_server),
		T(without_a_pinhole_nothing_is_sent),
		T(without_a_way_to_the_server_there_is_no_pinhole),
		T(a_request_that_cannot_be_sent_closes_its_pinhole),
		T(a_datagram_that_was_delivered_unchanged_tells_its_server),
		T(the_filter_is_asked_with_the_address_of_the_datagram),
		T(where_a_request_was_to_go),
		T(a_request_from_nowhere_is_dropped),
		T(at_max_sessions_the_busiest_client_makes_room),
		T(requests_that_wait_are_bounded),
		T(other_sockets_have_a_turn_after_64_datagrams),
		T(who_leaves_ends_what_it_has_begun),
		T(who_stops_forgets_its_questions),
		T(transfers_are_in_the_log),
		T(failures_are_logged_at_a_limited_rate),
		T(an_error_that_cannot_be_sent_is_in_the_log),
		T(what_fails_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
