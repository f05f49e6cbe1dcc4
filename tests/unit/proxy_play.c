/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <event2/event.h>

#include <event2/bufferevent.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/timers.h"
#include "tests/unit/proxy_play.h"

struct proxy play;
struct listener at;
struct conf_proxy lines[3];
int client, server;
struct endpoint client_at, server_at;

unsigned int play_fail;
struct event *play_timer;
int64_t play_timer_us;
static struct event *timer_before;
static int64_t timer_before_us;

unsigned long play_session;
static char logged[16384];
static struct prefix protect[1];
static char received[65536 + 1];
static size_t got;

int
play_begin(void **state)
{
	(void)state;
	memset(&play, 0, sizeof(play));
	play.now = 1000 * USEC_PER_SEC;
	play_fail = 0;
	play_timer = timer_before = NULL;
	play_timer_us = -1;
	(void)play_logged();
	return (play.base = event_base_new()) != NULL ? 0 : -1;
}

int
play_begin_line(void **state, enum listen_kind kind, int type)
{
	struct addr inside = addr_v4(127, 0, 0, 2);
	int fd;

	assert_int_equal(play_begin(state), 0);
	client = server = -1;
	memset(lines, 0, sizeof(lines));
	lines[1].max_sessions = 10;
	protect[0] = prefix_host(&inside);
	protect[0].len = 31; /* CLIENT and OTHER */
	play.conf.protect = (struct prefixes) { protect, 1 };
	memset(&at, 0, sizeof(at));
	at.kind = kind;
	at.index = 1;
	at.fd = play_socket(type, "127.0.0.1", &at.at);
	fd = play_socket(type, SERVER, &server_at);
	lines[2].listen = server_at;
	return fd;
}

int
play_end(void **state)
{
	(void)state;
	event_base_free(play.base);
	return 0;
}

void
play_run(void)
{
	int i;

	/* One event may make another socket readable: several turns. */
	for (i = 0; i < 8; i++)
		event_base_loop(play.base, EVLOOP_NONBLOCK);
}

struct endpoint
play_name(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	return endpoint_from_sockaddr((struct sockaddr *)&ss);
}

int
play_socket(int type, const char *addr, struct endpoint *bound)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int fd;

	memset(bound, 0, sizeof(*bound));
	assert_int_equal(addr_parse(span_of(addr), &bound->addr), PH_OK);
	len = (socklen_t)endpoint_to_sockaddr(bound, &ss);
	fd = socket(bound->addr.af, type, 0);
	assert_true(fd != -1);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 128), 0);
	assert_int_not_equal(fcntl(fd, F_SETFL, O_NONBLOCK), -1);
	*bound = play_name(fd);
	return fd;
}

void
play_hurry(int fd)
{
	const int on = 1;

	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
			     sizeof(on)),
	    0);
}

int
play_connect(int type, const char *addr, const struct endpoint *to)
{
	struct endpoint from = { 0 };
	struct sockaddr_storage ss;
	socklen_t len;
	int fd;

	assert_int_equal(addr_parse(span_of(addr), &from.addr), PH_OK);
	len = (socklen_t)endpoint_to_sockaddr(&from, &ss);
	fd = socket(from.addr.af, type, 0);
	assert_true(fd != -1);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	len = (socklen_t)endpoint_to_sockaddr(to, &ss);
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
	if (type == SOCK_STREAM)
		play_hurry(fd);
	assert_int_not_equal(fcntl(fd, F_SETFL, O_NONBLOCK), -1);
	return fd;
}

static void
target_say(enum ph_err err, const struct endpoint *target)
{
	struct play_target *t;

	assert_true(play.ntargets > 0);
	t = &play.target[play.ntargets - 1];
	assert_non_null(t->answer);
	t->answer(t->ctx, err, target);
	t->answer = NULL;
	play_run();
}

void
play_found(const struct endpoint *target)
{
	target_say(PH_OK, target);
}

void
play_not_found(enum ph_err err)
{
	static const struct endpoint nowhere;

	target_say(err, &nowhere);
}

struct play_wish *
play_wished(void)
{
	assert_true(play.nwishes > 0);
	return &play.wish[play.nwishes - 1];
}

void
play_answer(enum ph_err err)
{
	struct play_wish *x = play_wished();

	assert_false(x->closed);
	if (err != PH_OK)
		x->closed = true;
	x->w.answer(x->w.ctx, err);
	play_run();
}

const char *
play_read(int fd)
{
	ssize_t n;

	play_run();
	n = recv(fd, received, sizeof(received) - 1, MSG_DONTWAIT);
	got = n > 0 ? (size_t)n : 0;
	received[got] = '\0';
	if (n == -1 && errno != EAGAIN && errno != EWOULDBLOCK)
		return "(end)";
	return n == 0 ? "(end)" : received;
}

size_t
play_got(void)
{
	return got;
}

void
play_write(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
	play_run();
}

/* Functions that the services call, in front of their own. */

void __attribute__((format(printf, 2, 3)))
__wrap_log_warnx(const char *module, const char *fmt, ...);
void __attribute__((format(printf, 2, 3)))
__wrap_log_info(const char *module, const char *fmt, ...);
void __attribute__((format(printf, 2, 3)))
__wrap_log_debug(const char *module, const char *fmt, ...);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t size);
int __wrap_socket(int domain, int type, int protocol);
struct event *__wrap_event_new(struct event_base *base, evutil_socket_t fd,
    short what, event_callback_fn fn, void *arg);
int __wrap_event_add(struct event *ev, const struct timeval *tv);
struct bufferevent *__wrap_bufferevent_socket_new(struct event_base *base,
    evutil_socket_t fd, int options);
void *__real_calloc(size_t n, size_t size);
void *__real_malloc(size_t size);
int __real_socket(int domain, int type, int protocol);
struct event *__real_event_new(struct event_base *base, evutil_socket_t fd,
    short what, event_callback_fn fn, void *arg);
int __real_event_add(struct event *ev, const struct timeval *tv);
struct bufferevent *__real_bufferevent_socket_new(struct event_base *base,
    evutil_socket_t fd, int options);

/* The number at `p` is of a session, or an ephemeral port. */
static bool
is_ephemeral(const char *text, const char *p)
{
	return p > text && (p[-1] == '#' || strtoul(p, NULL, 10) > 2000) &&
	    !isdigit((unsigned char)p[-1]);
}

static void __attribute__((format(printf, 2, 0)))
log_note(char level, const char *fmt, va_list ap)
{
	char text[1024], *p = text;
	size_t len = strlen(logged);

	vsnprintf(text, sizeof(text), fmt, ap);
	assert_true(len + strlen(text) + 4 < sizeof(logged));
	logged[len++] = level;
	logged[len++] = ' ';
	while (*p != '\0') {
		if (isdigit((unsigned char)*p) && is_ephemeral(text, p)) {
			if (logged[len - 1] != '#')
				logged[len++] = '#';
			else
				play_session = strtoul(p, NULL, 10);
			while (isdigit((unsigned char)*p))
				p++;
		} else
			logged[len++] = *p++;
	}
	logged[len++] = '\n';
	logged[len] = '\0';
}

#define LOG_WRAPPED(name, level)                                               \
	void __wrap_log_##name(const char *module, const char *fmt, ...)       \
	{                                                                      \
		va_list ap;                                                    \
                                                                               \
		(void)module;                                                  \
		va_start(ap, fmt);                                             \
		log_note(level, fmt, ap);                                      \
		va_end(ap);                                                    \
	}

LOG_WRAPPED(warnx, 'w')
LOG_WRAPPED(info, 'i')
LOG_WRAPPED(debug, 'd')

const char *
play_logged(void)
{
	static char text[sizeof(logged)];

	memcpy(text, logged, sizeof(text));
	logged[0] = '\0';
	return text;
}

static bool
it_fails(void)
{
	return play_fail > 0 && --play_fail == 0;
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return it_fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_malloc(size_t size)
{
	void *p = it_fails() ? NULL : __real_malloc(size);

	/* Nothing relies on what was there before. */
	if (p != NULL)
		memset(p, 0xa5, size);
	return p;
}

int
__wrap_socket(int domain, int type, int protocol)
{
	if (it_fails()) {
		errno = EMFILE;
		return -1;
	}
	return __real_socket(domain, type, protocol);
}

struct event *
__wrap_event_new(struct event_base *base, evutil_socket_t fd, short what,
    event_callback_fn fn, void *arg)
{
	return it_fails() ? NULL : __real_event_new(base, fd, what, fn, arg);
}

int
__wrap_event_add(struct event *ev, const struct timeval *tv)
{
	if (tv != NULL) {
		if (play_timer != ev) {
			timer_before = play_timer;
			timer_before_us = play_timer_us;
		}
		play_timer = ev;
		play_timer_us = tv->tv_sec * USEC_PER_SEC + tv->tv_usec;
	}
	return __real_event_add(ev, tv);
}

struct bufferevent *
__wrap_bufferevent_socket_new(struct event_base *base, evutil_socket_t fd,
    int options)
{
	if (it_fails())
		return NULL;
	return __real_bufferevent_socket_new(base, fd, options);
}

void
play_timer_fire(void)
{
	struct event *ev = play_timer;

	assert_non_null(ev);
	play_timer = NULL;
	play_timer_us = -1;
	event_del(ev);
	event_active(ev, EV_TIMEOUT, 0);
	play_run();
}

void
play_timer_pick(int64_t us)
{
	if (play_timer_us != us) {
		play_timer = timer_before;
		play_timer_us = timer_before_us;
	}
	assert_int_equal(play_timer_us, us);
}

int
play_descriptor(const struct endpoint *peer, int not )
{
	struct sockaddr_storage ss;
	struct endpoint e;
	socklen_t len;
	int fd;

	for (fd = 3; fd < 1024; fd++) {
		len = sizeof(ss);
		if (fd == not ||
		    getpeername(fd, (struct sockaddr *)&ss, &len) == -1)
			continue;
		e = endpoint_from_sockaddr((struct sockaddr *)&ss);
		if (endpoint_cmp(&e, peer) == 0)
			return fd;
	}
	fail_msg("the proxy has no socket to that end");
	return -1;
}

void
play_mute(void)
{
	int fd = open("/dev/null", O_RDWR);

	assert_true(fd != -1);
	assert_int_equal(dup2(fd, at.fd), at.fd);
	close(fd);
}

unsigned int
play_descriptors(void)
{
	unsigned int n = 0;
	int fd;

	for (fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

/* The functions that the proxy process offers to its services. */

struct event_base *
proxy_base(const struct proxy *p)
{
	return p->base;
}

const struct conf *
proxy_conf(const struct proxy *p)
{
	return &p->conf;
}

int64_t
proxy_now(const struct proxy *p)
{
	return p->now;
}

uint64_t
proxy_open(struct proxy *p, const struct proxy_wish *wish)
{
	struct play_wish *x = &p->wish[p->nwishes];

	if (p->broke)
		return 0;
	assert_true(p->nwishes < PLAY_WISHES);
	memset(x, 0, sizeof(*x));
	x->w = *wish;
	x->id = 100 + p->nwishes++;
	return x->id;
}

void
proxy_close(struct proxy *p, uint64_t id, enum reason why)
{
	struct play_wish *x = &p->wish[id - 100];

	/* Never what was not opened, nor twice. */
	assert_in_range(id, 100, 100 + p->nwishes - 1);
	assert_false(x->closed);
	x->closed = true;
	x->why = why;
}

bool
proxy_original(struct proxy *p, const struct fw_flow *flow,
    proxy_target *answer, void *ctx)
{
	if (p->broke)
		return false;
	assert_true(p->ntargets < PLAY_TARGETS);
	p->target[p->ntargets++] = (struct play_target) { *flow, answer, ctx };
	return true;
}

bool
proxy_table(struct proxy *p, const struct proxy_table *t, proxy_answer *answer,
    void *ctx)
{
	struct play_table *x = &p->table[p->ntables];

	if (p->broke)
		return false;
	assert_true(p->ntables < PLAY_WISHES && t->n <= ROWS(x->v));
	p->ntables++;
	x->t = *t;
	memcpy(x->v, t->v, t->n * sizeof(t->v[0]));
	x->t.v = x->v;
	x->answer = answer;
	x->ctx = ctx;
	return true;
}

void
proxy_forget(struct proxy *p, void *ctx)
{
	size_t i;

	for (i = 0; i < p->nwishes; i++)
		if (p->wish[i].w.ctx == ctx)
			p->wish[i].forgotten = true;
	for (i = 0; i < p->ntargets; i++)
		if (p->target[i].ctx == ctx)
			p->target[i].answer = NULL;
	for (i = 0; i < p->ntables; i++)
		if (p->table[i].ctx == ctx)
			p->table[i].answer = NULL;
}
