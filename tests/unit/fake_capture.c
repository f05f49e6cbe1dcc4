/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/wire.h"
#include "src/capture/capture.h"
#include "src/compat/packetq.h"
#include "src/process/iface.h"
#include "tests/unit/fake_capture.h"
#include "tests/unit/unit.h"

#define RECORD (CAPTURE_KEY_MIN + 5)

/* The process has the second of each. */
static int wire[2], lines[2], queue[2], bell[2];
/* Always readable; nobody's to wait for. */
static int trap[2];

/* Of the process alone. */
static int64_t later, still, due, stamp;
static bool more, moved, deaf, changed;
static uint64_t drops;
static char record[64];
static void *reader;

int64_t __real_clock_now(void);
int64_t __wrap_clock_now(void);
bool __wrap_iface_moved(const struct iface *f);
enum ph_err __wrap_iface_find(struct iface *out, const struct conf *conf,
    struct strbuf *why);
enum ph_err __wrap_capture_open_live(struct capture **out,
    const struct capture_config *config, struct strbuf *why);
void __wrap_capture_close(struct capture *c, const struct capture_sink *sink);
size_t __wrap_capture_fds(const struct capture *c, int *fds, size_t max);
enum ph_err __wrap_capture_dispatch(struct capture *c, int fd, size_t max,
    int64_t now, const struct capture_sink *sink);
bool __wrap_capture_waiting(const struct capture *c);
bool __wrap_capture_deaf(const struct capture *c);
int64_t __wrap_capture_due(const struct capture *c);
int64_t __wrap_capture_stamp(const struct capture *c);
bool __wrap_capture_flush(struct capture *c, const struct capture_sink *sink);
void __wrap_capture_adopt(struct capture *c, uint64_t key, const void *p,
    size_t len, int64_t now);
void __wrap_capture_stats(struct capture *c, struct capture_stats *out);
void __wrap_capture_report(struct capture *c, struct counters *out);
void __wrap_capture_held(struct capture *c, const struct nfqueue_packet *packet,
    int64_t now, const struct capture_sink *sink);
size_t __wrap_packetq_read(const struct packetq *q, void *buf, size_t size);

void
fake_capture_begin(void)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, wire), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, lines), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, queue), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, bell), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, trap), 0);
	assert_int_equal(send(trap[0], "!", 1, 0), 1);
}

void
fake_capture_end(void)
{
	close(wire[0]);
	close(wire[1]);
	close(lines[0]);
	close(lines[1]);
	close(queue[0]);
	close(queue[1]);
	close(bell[0]);
	close(bell[1]);
	close(trap[0]);
	close(trap[1]);
}

void
fake_capture_wire(const struct wire *w)
{
	assert_int_equal(send(wire[0], w, sizeof(*w), 0), sizeof(*w));
}

/* What the kernel would send: its header, and the packet as an attribute. */
void
fake_capture_hold(const struct wire *w, uint32_t number, bool silent)
{
	static uint8_t bytes[64 + sizeof(*w)];
	uint16_t type = 3 << 8, attr[] = { 11, 1, 20, 4, 4 + sizeof(*w), 10 };
	uint32_t len = 20 + 12 + 20 + 4 + sizeof(*w);
	struct writer v = writer_of(bytes + 24, 4);

	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, &len, sizeof(len));
	memcpy(bytes + 4, &type, sizeof(type));
	memcpy(bytes + 20, &attr[0], 4);
	writer_u32(&v, number);
	memcpy(bytes + 32, &attr[2], 4);
	v = writer_of(bytes + 36, 16);
	writer_u64(&v, (uint64_t)(w->stamp / 1000000));
	writer_u64(&v, (uint64_t)(w->stamp % 1000000));
	memcpy(bytes + 52, &attr[4], 4);
	memcpy(bytes + 56, w, sizeof(*w));
	assert_int_equal(send(queue[0], bytes, len, 0), len);
	if (!silent)
		assert_int_equal(send(bell[0], "!", 1, 0), 1);
}

int
fake_capture_queue(void)
{
	return bell[1];
}

const char *
fake_capture_done(int ms)
{
	static char text[256];
	struct pollfd p = { .fd = lines[0], .events = POLLIN };
	ssize_t n = 0;

	if (poll(&p, 1, ms) == 1)
		n = recv(lines[0], text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void __attribute__((format(printf, 1, 2))) done(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)!send(lines[1], text, strlen(text), 0);
}

int64_t
__wrap_clock_now(void)
{
	return (still != 0 ? still : __real_clock_now()) + later;
}

bool
__wrap_iface_moved(const struct iface *f)
{
	(void)f;
	return moved;
}

enum ph_err
__wrap_iface_find(struct iface *out, const struct conf *conf,
    struct strbuf *why)
{
	(void)conf;
	(void)why;
	out->own[out->nown++] = addr_v4(198, 51, 100, 1);
	out->own[out->nown++] = addr_v4(192, 0, 2, 1);
	out->ownprotected[out->nownprotected++] = addr_v4(192, 0, 2, 1);
	strlcpy(out->name[0], "in0", sizeof(out->name[0]));
	out->index[0] = 7;
	out->n = 1;
	return PH_OK;
}

enum ph_err
__wrap_capture_open_live(struct capture **out,
    const struct capture_config *config, struct strbuf *why)
{
	size_t i, udp = 0;

	(void)why;
	for (i = 0; i < config->nports; i++)
		udp += config->ports[i].proto == IPPROTO_UDP &&
		    config->ports[i].port == 5060;
	done("open %s of %zu, buffer %u, own %zu, inside %zu, port %zu%s",
	    config->interfaces[0], config->ninterfaces, config->buffer,
	    config->nown, config->ninside, udp,
	    config->here != NULL ? ", here" : "");
	due = INT64_MAX;
	*out = (void *)&reader;
	return PH_OK;
}

void
__wrap_capture_close(struct capture *c, const struct capture_sink *sink)
{
	if (c == NULL)
		return;
	if (reader != NULL)
		sink->tcp_end(sink->ctx, reader);
	done("close%s", sink->remember != NULL ? ", kept" : "");
}

size_t
__wrap_capture_fds(const struct capture *c, int *fds, size_t max)
{
	(void)c;
	assert_true(max >= 2);
	fds[0] = wire[1];
	fds[1] = trap[1];
	return 1;
}

static struct datagram
datagram_of(const struct wire *w, int64_t now)
{
	return (struct datagram) { .ts = now,
		.ifindex = w->ifindex != 0 ? w->ifindex : 7,
		.dir = w->dir,
		.proto = w->kind == WIRE_UDP ? IPPROTO_UDP : IPPROTO_TCP,
		.src = w->src,
		.dst = w->dst,
		.payload = { w->text, w->len } };
}

static enum ph_err
handle(const struct wire *w, int64_t now, const struct capture_sink *sink)
{
	struct datagram d = datagram_of(w, now);

	switch (w->kind) {
	case WIRE_UDP:
		sink->udp(sink->ctx, &d);
		break;
	case WIRE_TCP:
		done("tcp %d", sink->tcp(sink->ctx, &reader, &d));
		break;
	case WIRE_TCP_END:
		sink->tcp_end(sink->ctx, reader);
		reader = NULL;
		break;
	case WIRE_FAIL:
		return PH_EGONE;
	case WIRE_DUE:
		due = now + w->value;
		break;
	case WIRE_MORE:
		more = true;
		break;
	case WIRE_KEEP:
		changed = true;
		memcpy(record, w->text, sizeof(record));
		break;
	case WIRE_DROPS:
		drops = (uint64_t)w->value;
		break;
	case WIRE_MOVED:
		moved = true;
		break;
	case WIRE_DEAF:
		deaf = true;
		break;
	case WIRE_CLOCK:
		later += w->value;
		break;
	case WIRE_STILL:
		still = __real_clock_now();
		break;
	}
	return PH_OK;
}

enum ph_err
__wrap_capture_dispatch(struct capture *c, int fd, size_t max, int64_t now,
    const struct capture_sink *sink)
{
	enum ph_err rc = PH_OK;
	struct wire w;
	size_t n = 0;

	(void)c;
	due = INT64_MAX;
	while (rc == PH_OK && n < max &&
	    recv(wire[1], &w, sizeof(w), MSG_DONTWAIT) == sizeof(w)) {
		stamp = w.stamp;
		rc = handle(&w, now, sink);
		n++;
	}
	stamp = 0;
	done("dispatch %s of %zu: %zu", fd == wire[1] ? "one" : "all", max, n);
	return rc;
}

bool
__wrap_capture_waiting(const struct capture *c)
{
	bool is = more;

	(void)c;
	more = false;
	return is;
}

bool
__wrap_capture_deaf(const struct capture *c)
{
	(void)c;
	return deaf;
}

int64_t
__wrap_capture_due(const struct capture *c)
{
	(void)c;
	return due;
}

int64_t
__wrap_capture_stamp(const struct capture *c)
{
	(void)c;
	return stamp;
}

bool
__wrap_capture_flush(struct capture *c, const struct capture_sink *sink)
{
	bool was = changed;

	(void)c;
	if (was)
		sink->remember(sink->ctx, RECORD, record, strlen(record));
	changed = false;
	return was;
}

void
__wrap_capture_adopt(struct capture *c, uint64_t key, const void *p, size_t len,
    int64_t now)
{
	(void)c;
	done("adopt %d \"%.*s\"%s", (int)(key - CAPTURE_KEY_MIN), (int)len,
	    (const char *)p, now > 0 ? "" : " never");
}

void
__wrap_capture_stats(struct capture *c, struct capture_stats *out)
{
	(void)c;
	memset(out, 0, sizeof(*out));
	out->kernel_drops = drops;
}

void
__wrap_capture_report(struct capture *c, struct counters *out)
{
	(void)c;
	counters_put(out, "captured", 11);
}

/* Each message has rung once, unless it is silent. */
size_t
__wrap_packetq_read(const struct packetq *q, void *buf, size_t size)
{
	ssize_t n;
	char c;

	if (q->fd == -1)
		return 0;
	(void)!recv(bell[1], &c, 1, MSG_DONTWAIT);
	n = recv(queue[1], buf, size, MSG_DONTWAIT);
	return n > 0 ? (size_t)n : 0;
}

void
__wrap_capture_held(struct capture *c, const struct nfqueue_packet *packet,
    int64_t now, const struct capture_sink *sink)
{
	struct wire w;

	assert_ptr_equal(c, &reader);
	if (packet->ip.len != sizeof(w))
		return;
	memcpy(&w, packet->ip.p, sizeof(w));
	done("held %u", packet->id);
	stamp = packet->stamp;
	(void)handle(&w, now, sink);
	stamp = 0;
}
