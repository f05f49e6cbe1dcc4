/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <event2/event.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/timers.h"
#include "src/compat/memfile.h"
#include "src/proxy/link.h"
#include "tables/wire.h"
#include "tests/unit/proxy_process_play.h"

struct conf *conf;
struct proxy_args args;
struct ipc fw, status;
int journal[2];
int64_t idle;
static struct listeners listeners;
static struct sandbox sandbox;
static char key[32];

int64_t __wrap_proxy_idle(const struct proxy *p);
int64_t __real_proxy_idle(const struct proxy *p);

int64_t
__wrap_proxy_idle(const struct proxy *p)
{
	return idle != 0 ? idle : __real_proxy_idle(p);
}

/* Timers of the child are FASTER; the clock is not. */
int __wrap_event_add(struct event *ev, const struct timeval *tv);
int __real_event_add(struct event *ev, const struct timeval *tv);

int
__wrap_event_add(struct event *ev, const struct timeval *tv)
{
	struct timeval soon;
	int64_t us;

	if (tv == NULL)
		return __real_event_add(ev, NULL);
	us = (tv->tv_sec * USEC_PER_SEC + tv->tv_usec) / FASTER;
	soon.tv_sec = (time_t)(us / USEC_PER_SEC);
	soon.tv_usec = (suseconds_t)(us % USEC_PER_SEC);
	return __real_event_add(ev, &soon);
}

struct endpoint
name_of(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	return endpoint_from_sockaddr((struct sockaddr *)&ss);
}

int
proxy_begin_with(const char *allowed)
{
	char config[9500], tables[9000] = "", text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	size_t i;
	int fd;

	strlcpy(key, "/tmp/pinholed-test.XXXXXX", sizeof(key));
	if ((fd = mkstemp(key)) == -1 ||
	    write(fd, "0123456789012345678901234567890123456789", 40) != 40)
		return -1;
	close(fd);
	if (allowed != NULL)
		snprintf(tables, sizeof(tables),
		    "tables { listen on 127.0.0.1 key \"%s\" allow { %s } }\n",
		    key, allowed);
	snprintf(config, sizeof(config),
	    "protect 127.0.0.0/8\ninterface lo\n"
	    "ftp { proxy on 127.0.0.1 port 1 max sessions 7 }\n"
	    "tftp { proxy on 127.0.0.1 port 1 max sessions 9 }\n"
	    "%s",
	    tables);
	if (conf_parse(&conf, span_of(config), "x", NULL, 0, stderr) != PH_OK)
		return -1;
	free(conf->firewall);
	conf->firewall = strdup("dry-run");
	/* Any ports. */
	conf->ftp.proxy[0].listen.port = conf->tftp.proxy[0].listen.port =
	    conf->tables.listen.port = 0;
	if (listeners_open(&listeners, conf, LISTEN_FOR_PROXY, NULL, &why) !=
	    PH_OK)
		return -1;
	for (i = 0; i < listeners.n; i++)
		listeners.v[i].at = name_of(listeners.v[i].fd);
	conf->ftp.proxy[0].listen = listeners.v[0].at;
	conf->tftp.proxy[0].listen = listeners.v[1].at;
	journal[0] = memfile_open();
	journal[1] = memfile_open();
	args = (struct proxy_args) { .conf = conf,
		.foreground = true,
		.sandbox = &sandbox,
		.journal_fds = { journal[0], journal[1] },
		.journal_limit = 1 << 20,
		.first_run = true,
		.listeners = &listeners };
	process_begin();
	ipc_init(&fw, -1);
	ipc_init(&status, -1);
	idle = 0;
	return 0;
}

int
proxy_begin(void **state)
{
	(void)state;
	return proxy_begin_with("bad good");
}

int
proxy_end_all(void **state)
{
	(void)state;
	process_end();
	ipc_close(&fw);
	ipc_close(&status);
	listeners_close(&listeners, NULL);
	conf_free(conf);
	close(journal[0]);
	close(journal[1]);
	return unlink(key);
}

static int
run(int monitor_fd)
{
	args.monitor_fd = monitor_fd;
	return proxy_main(&args);
}

void
start(void)
{
	process_start(run);
}

void
link_it(void)
{
	introduce(&fw, IPC_FW);
	(void)expect(&fw, IPC_BEGIN);
	(void)expect(&fw, IPC_SETTLE);
}

void
connect_status(void)
{
	introduce(&status, IPC_STATUS);
	memset(&msg, 0, sizeof(msg));
	msg.u.tell.what = IPC_TELL_ALL;
	tell(&status, IPC_TELL, 0, -1);
	await(&status, IPC_FEED_END);
}

struct endpoint
at(enum listen_kind kind)
{
	size_t i;

	for (i = 0; i < listeners.n; i++)
		if (listeners.v[i].kind == kind)
			return name_of(listeners.v[i].fd);
	return (struct endpoint) { 0 };
}

int
client(int type, enum listen_kind kind)
{
	struct endpoint from = { 0 }, to = at(kind);
	struct sockaddr_storage ss;
	socklen_t len;
	int fd;

	assert_int_equal(addr_parse(span_of("127.0.0.2"), &from.addr), PH_OK);
	len = (socklen_t)endpoint_to_sockaddr(&from, &ss);
	fd = socket(AF_INET, type, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	len = (socklen_t)endpoint_to_sockaddr(&to, &ss);
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
	return fd;
}

const char *
heard(int fd, int ms)
{
	static char text[600];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n = 0;

	if (poll(&p, 1, ms) == 1)
		n = recv(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

void
answer_nowhere(uint64_t seq)
{
	memset(&msg, 0, sizeof(msg));
	msg.u.target.err = PH_EGONE;
	tell(&fw, IPC_TARGET, seq, -1);
}

void
answer_target(struct endpoint target)
{
	uint64_t seq = msg.hdr.seq;

	memset(&msg, 0, sizeof(msg));
	msg.u.target.target = target;
	tell(&fw, IPC_TARGET, seq, -1);
}

void
answer(enum ph_err err)
{
	uint64_t seq = msg.hdr.seq;

	memset(&msg, 0, sizeof(msg));
	msg.u.result.err = err;
	tell(&fw, IPC_RESULT, seq, -1);
}

int
send_entry(const char *what)
{
	struct wire_request r = { .version = 3, .command = WIRE_ADD, .n = 1 };
	uint8_t buf[WIRE_MAX];
	struct key k;
	size_t n;
	int fd;

	assert_int_equal(key_set(&k, "",
			     span_of(
				 "0123456789012345678901234567890123456789")),
	    PH_OK);
	r.time = (uint32_t)(clock_now() / USEC_PER_SEC);
	r.nonce = 1;
	strlcpy(r.table, "bad", sizeof(r.table));
	assert_int_equal(prefix_parse(span_of(what), &r.entries[0].prefix),
	    PH_OK);
	n = wire_build(&r, &k, buf);
	assert_int_not_equal(n, 0);
	fd = client(SOCK_DGRAM, LISTEN_TABLES);
	assert_int_equal(send(fd, buf, n, 0), n);
	return fd;
}

void
enter(const char *what)
{
	int fd = send_entry(what);

	(void)expect(&fw, IPC_TABLE);
	assert_int_equal(msg.u.table.n, 1);
	answer(PH_OK);
	assert_true(strlen(heard(fd, PATIENCE)) > 0);
	close(fd);
}
