/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/compat/copies.h"
#include "src/compat/divert.h"
#include "src/compat/packetq.h"

/* The firewall process, its successor, and that of before. */
#define RINGS	   3
#define PACKET_MAX 65536
#define UNREAD_MAX (1 << 20) /* bytes in each socket */
#define AT_ONCE	   256	     /* packets read in a row */

/* Interfaces that are remembered, and for how long; they may change. */
#define PLACES	    8
#define PLACE_LASTS (10 * INT64_C(1000000))

/* In memory that the monitor and its firewall processes share. */
struct divert {
	_Atomic uint32_t last; /* the number of the newest packet */
	_Atomic uint32_t paused;
	_Atomic uint64_t dropped;
	struct ring rings[RINGS];
};

const bool packetq_carried = true;

void
packetq_init(struct packetq *q)
{
	memset(q, 0, sizeof(*q));
	q->fd = q->other_fd = q->list_fd = -1;
	q->copies[0] = q->copies[1] = -1;
}

static void
close_one(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

void
packetq_close(struct packetq *q)
{
	close_one(&q->fd);
	close_one(&q->other_fd);
	close_one(&q->copies[0]);
	close_one(&q->copies[1]);
	if (q->divert != NULL)
		munmap(q->divert, sizeof(*q->divert));
	q->divert = NULL;
	q->own = NULL;
}

/* As much as the system lets us have. */
static void
make_room(int fd, int what)
{
	int size;

	for (size = UNREAD_MAX; size > PACKET_MAX; size /= 2)
		if (setsockopt(fd, SOL_SOCKET, what, &size, sizeof(size)) == 0)
			return;
}

static enum ph_err
make_copies(struct packetq *q, struct strbuf *why)
{
	int i;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
		0, q->copies) == -1) {
		q->copies[0] = q->copies[1] = -1;
		strbuf_fmt(why, "socketpair: %s", strerror(errno));
		return PH_EIO;
	}
	for (i = 0; i < 2; i++) {
		make_room(q->copies[i], SO_SNDBUF);
		make_room(q->copies[i], SO_RCVBUF);
	}
	return PH_OK;
}

enum ph_err
packetq_open(struct packetq *q, uint32_t number, bool open, struct strbuf *why)
{
	int fds[DIVERT_SOCKETS];
	enum ph_err rc;

	packetq_init(q);
	q->number = number;
	q->open = open;
	if ((rc = divert_open(fds, number, why)) != PH_OK)
		return rc;
	q->fd = fds[0];
	q->other_fd = fds[1];
	make_room(q->fd, SO_RCVBUF);
	if (q->other_fd != -1)
		make_room(q->other_fd, SO_RCVBUF);
	q->divert = mmap(NULL, sizeof(*q->divert), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANON, -1, 0);
	if (q->divert == MAP_FAILED) {
		q->divert = NULL;
		strbuf_fmt(why, "mmap: %s", strerror(errno));
		rc = PH_ENOMEM;
	} else
		rc = make_copies(q, why);
	if (rc != PH_OK)
		packetq_close(q);
	return rc;
}

enum ph_err
packetq_try(uint32_t number, struct strbuf *why)
{
	int fds[DIVERT_SOCKETS];
	enum ph_err rc = divert_open(fds, number, why);

	close_one(&fds[0]);
	close_one(&fds[1]);
	return rc;
}

/*
 * A ring that nobody writes to.  What waits in it goes at its deadline, or with
 * the next packet that the engine lets go.
 */
void
packetq_fork(struct packetq *q)
{
	uint32_t writer;
	size_t i;

	if (q->fd == -1)
		return;
	close_one(&q->copies[0]);
	for (i = 0; i < RINGS; i++) {
		writer = atomic_load(&q->divert->rings[i].writer);
		if (writer != 0 &&
		    (kill((pid_t)writer, 0) == 0 || errno != ESRCH))
			continue;
		q->own = &q->divert->rings[i];
		ring_begin(q->own, (uint32_t)getpid());
		return;
	}
}

void
packetq_reader(struct packetq *q)
{
	int fd = q->copies[0];

	if (q->fd == -1)
		return;
	q->copies[0] = -1;
	packetq_close(q);
	q->fd = fd;
}

size_t
packetq_read(const struct packetq *q, void *buf, size_t size)
{
	ssize_t n;

	if (q->fd == -1)
		return 0;
	do {
		n = recv(q->fd, buf, size, MSG_DONTWAIT);
	} while (n == -1 && errno == EINTR);
	return n > 0 ? (size_t)n : 0;
}

/*
 * Write a packet back to the kernel.  The call may block: with MSG_DONTWAIT the
 * kernel refuses the packet while another process writes to the socket.  A
 * packet that the kernel refuses for another reason is lost.
 */
static void
send_back(const struct packetq *q, const struct ring_packet *p)
{
	static struct log_limit limit;
	struct ring_place place = p->place;
	const char *why = NULL;
	uint32_t missed;
	ssize_t n;

	if (!divert_way_back(&place, &why)) {
		atomic_fetch_add(&q->divert->dropped, 1);
		if (why != NULL && log_may(&limit, clock_now(), &missed))
			log_warnx("fw", "%s", why);
		return;
	}
	do {
		n = sendto(place.socket == 0 ? q->fd : q->other_fd, p->bytes,
		    p->len, 0,
		    (const struct sockaddr *)(const void *)place.address,
		    place.len);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		atomic_fetch_add(&q->divert->dropped, 1);
}

static void
packet_judge(const struct packetq *q, const struct ring_packet *p, bool pass)
{
	if (pass)
		send_back(q, p);
}

/* One packet from a socket, into `buf`; it gets the next number. */
static bool
packet_receive(const struct packetq *q, uint32_t socket, void *buf,
    struct ring_packet *p)
{
	int fd = socket == 0 ? q->fd : q->other_fd;
	socklen_t len = sizeof(p->place.address);
	ssize_t n;

	if (fd == -1)
		return false;
	memset(&p->place, 0, sizeof(p->place));
	do {
		n = recvfrom(fd, buf, PACKET_MAX, MSG_DONTWAIT,
		    (struct sockaddr *)(void *)p->place.address, &len);
	} while (n == -1 && errno == EINTR);
	if (n < 0)
		return false;
	p->id = atomic_fetch_add(&q->divert->last, 1) + 1;
	p->len = (size_t)n;
	p->bytes = buf;
	p->place.socket = socket;
	p->place.len = len < sizeof(p->place.address)
	    ? (uint32_t)len
	    : (uint32_t)sizeof(p->place.address);
	return true;
}

/* To ask the system costs more than all else that is done for a packet. */
static uint32_t
place_interface(const struct ring_place *place)
{
	static struct {
		struct ring_place place;
		uint32_t index;
		int64_t at;
	} known[PLACES], *k;
	static size_t next;
	int64_t now = clock_now();
	size_t i;

	for (i = 0; i < PLACES; i++) {
		k = &known[i];
		if (k->index != 0 && now - k->at < PLACE_LASTS &&
		    memcmp(&k->place, place, sizeof(*place)) == 0)
			return k->index;
	}
	k = &known[next++ % PLACES];
	k->place = *place;
	k->index = divert_interface(place);
	k->at = now;
	return k->index;
}

/*
 * The packet waits, and the engine has its copy.  It waits first: until then it
 * would be lost if we were killed.
 */
static bool
packet_hold(const struct packetq *q, const struct ring_packet *p)
{
	static unsigned char message[PACKET_MAX + COPY_OVERHEAD];
	struct ring_packet again;
	struct copy c;
	uint32_t at;
	ssize_t len;

	if (q->own == NULL || atomic_load(&q->divert->paused) != 0 ||
	    !ring_put(q->own, p, &at))
		return false;
	c = (struct copy) { p->id, place_interface(&p->place),
		clock_wall(clock_now()), p->bytes, p->len };
	len = (ssize_t)copy_write(message, &c);
	if (send(q->copies[1], message, (size_t)len,
		MSG_DONTWAIT | MSG_NOSIGNAL) == len)
		return true;
	if (!ring_take(q->own, &at, p->id, &again))
		return true; /* its deadline has come */
	ring_done(q->own, &again);
	return false;
}

void
packetq_carry(const struct packetq *q)
{
	static unsigned char buf[PACKET_MAX];
	struct ring_packet p;
	uint32_t socket;
	int n;

	for (socket = 0; socket < DIVERT_SOCKETS; socket++)
		for (n = 0; n < AT_ONCE && packet_receive(q, socket, buf, &p);
		     n++) {
			if (packet_hold(q, &p))
				continue;
			if (!q->open && atomic_load(&q->divert->paused) == 0)
				atomic_fetch_add(&q->divert->dropped, 1);
			else
				send_back(q, &p);
		}
}

/* Packets that no firewall process has read. */
static bool
is_unread(const struct packetq *q)
{
	struct pollfd p[DIVERT_SOCKETS] = { { q->fd, POLLIN, 0 },
		{ q->other_fd, POLLIN, 0 } };

	return poll(p, DIVERT_SOCKETS, 0) > 0;
}

static void
judge_unread(const struct packetq *q, bool pass)
{
	static unsigned char buf[PACKET_MAX];
	struct ring_packet p;
	uint32_t socket;
	int n;

	for (socket = 0; socket < DIVERT_SOCKETS; socket++)
		for (n = 0; n < AT_ONCE && packet_receive(q, socket, buf, &p);
		     n++)
			packet_judge(q, &p, pass);
}

static void
judge_waiting(const struct packetq *q, uint32_t last, bool pass)
{
	struct ring_packet p;
	struct ring *r;
	uint32_t at;
	size_t i;

	for (i = 0; i < RINGS; i++) {
		r = &q->divert->rings[i];
		at = ring_first(r);
		while (ring_take(r, &at, last, &p)) {
			packet_judge(q, &p, pass);
			ring_done(r, &p);
		}
	}
}

void
packetq_verdict(const struct packetq *q, uint32_t last, bool pass)
{
	if (q->fd == -1)
		return;
	judge_waiting(q, last, pass);
	/* See packetq_state(). */
	if ((int32_t)(last - atomic_load(&q->divert->last)) > 0)
		judge_unread(q, pass);
}

/*
 * Packets that are in the socket still have no numbers.  Together they count as
 * one packet behind the newest; if that packet stays the newest for long, no
 * process reads the socket.
 */
bool
packetq_state(const struct packetq *q, struct packetq_state *out)
{
	uint32_t unread;
	size_t i;

	memset(out, 0, sizeof(*out));
	if (q->fd == -1)
		return false;
	unread = is_unread(q);
	for (i = 0; i < RINGS; i++)
		out->waiting += ring_waiting(&q->divert->rings[i]);
	out->waiting += unread;
	out->last = atomic_load(&q->divert->last) + unread;
	out->dropped = atomic_load(&q->divert->dropped);
	return true;
}

void
packetq_pause(const struct packetq *q)
{
	if (q->fd == -1)
		return;
	atomic_store(&q->divert->paused, 1);
	judge_waiting(q, atomic_load(&q->divert->last), true);
	judge_unread(q, true);
}

void
packetq_resume(const struct packetq *q)
{
	if (q->fd != -1)
		atomic_store(&q->divert->paused, 0);
}
