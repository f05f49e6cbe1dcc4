/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <pcap.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/capture/capture.h"
#include "src/capture/handle.h"
#include "src/capture/link.h"

#define USEC	  INT64_C(1000000)
#define TIME_MAX  INT64_C(253402300799) /* seconds */
#define TIME_LEAP (24 * 3600 * USEC)
#define SKIP_MOST 1024 /* packets in a row */
#define READ_SIZE 65536

/* Where a file is, in time and in bytes. */
struct filetime {
	bool begun;
	int64_t stamp; /* of the last record */
	int64_t shift; /* how far the file's clock was set back */
	int64_t last;
	struct pcap_pkthdr *h;
	const unsigned char *bytes;
	unsigned char *copy;
	int ahead_rc; /* the next one was read: what was returned; or 0 */
	char buffer[READ_SIZE];
};

static bool
hold_init(struct capture *c, const struct capture_config *config)
{
	c->inside = calloc(config->ninside, sizeof(*c->inside));
	if (c->inside == NULL)
		return false;
	memcpy(c->inside, config->inside, config->ninside * sizeof(*c->inside));
	c->ninside = config->ninside;
	return packets_pair(c->packets);
}

struct capture *
capture_new(const struct capture_config *config)
{
	struct capture *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->ports =
	    calloc(config->nports > 0 ? config->nports : 1, sizeof(*c->ports));
	if (c->ports == NULL) {
		free(c);
		return NULL;
	}
	memcpy(c->ports, config->ports, config->nports * sizeof(*c->ports));
	if ((c->packets = packets_new(c->ports, config->nports)) == NULL) {
		free(c->ports);
		free(c);
		return NULL;
	}
	if (config->ninside > 0 && !hold_init(c, config)) {
		capture_close(c, NULL);
		return NULL;
	}
	return c;
}

void
capture_close(struct capture *c, const struct capture_sink *sink)
{
	size_t i;

	if (c == NULL)
		return;
	packets_free(c->packets, sink);
	for (i = 0; i < c->nhandles; i++)
		pcap_close(c->handles[i].pcap);
	if (c->filetime != NULL)
		free(c->filetime->copy);
	free(c->filetime);
	free(c->large);
	free(c->nets);
	free(c->inside);
	free(c->ports);
	free(c);
}

/* Microseconds; what no clock can have said is the end of the year 9999. */
static int64_t
stamp_of(const struct pcap_pkthdr *h)
{
	int64_t sec = h->ts.tv_sec;

	if (sec < 0)
		return 0;
	return (sec < TIME_MAX ? sec : TIME_MAX) * USEC +
	    (int64_t)h->ts.tv_usec % USEC;
}

/*
 * The time of a record whose successor's is `next`.  It never goes backwards,
 * for a clock that was set back must not undo what has happened, and it never
 * stands still: after a clock was set back it goes on from where it was.  A
 * leap ahead that the next record takes back is no time at all.
 */
static int64_t
filetime_of(struct filetime *f, int64_t stamp, int64_t next)
{
	if (next < stamp - TIME_LEAP)
		stamp = f->begun ? f->stamp : next;
	if (f->begun && stamp < f->stamp - TIME_LEAP)
		f->shift += f->stamp - stamp;
	f->begun = true;
	f->stamp = stamp;
	if (stamp + f->shift > f->last)
		f->last = stamp + f->shift;
	return f->last;
}

/* The next record into f->h and f->bytes; what pcap_next_ex() returns. */
static int
record_read(struct capture *c, struct filetime *f)
{
	int rc = f->ahead_rc;

	f->ahead_rc = 0;
	return rc != 0 ? rc
		       : pcap_next_ex(c->handles[0].pcap, &f->h, &f->bytes);
}

/*
 * Look at the record behind one that leaps; that one is copied, for reading
 * on overwrites it.  *next is its time; as that of the first, if there is
 * none.
 */
static enum ph_err
record_peek(struct capture *c, struct filetime *f, struct pcap_pkthdr *h,
    int64_t *next)
{
	unsigned char *copy = realloc(f->copy, h->caplen + 1);

	if (copy == NULL)
		return PH_ENOMEM;
	f->copy = copy;
	memcpy(copy, f->bytes, h->caplen);
	f->ahead_rc = pcap_next_ex(c->handles[0].pcap, &f->h, &f->bytes);
	if (f->ahead_rc == 1)
		*next = stamp_of(f->h);
	return PH_OK;
}

void
capture_frame(struct capture *c, const struct capture_handle *handle,
    const struct pcap_pkthdr *h, const unsigned char *bytes, int64_t ts,
    const struct capture_sink *sink)
{
	struct span frame = { (const char *)bytes, h->caplen };
	struct packet_source from = { 0 };

	/*
	 * Never read half a message: it may mean something else than the whole.
	 */
	if (h->caplen < h->len) {
		packets_stats(c->packets)->packets++;
		packets_stats(c->packets)->truncated++;
		return;
	}
	from.dlt = handle->dlt;
	from.ifs = c->ifs;
	from.nifs = c->nifs;
	from.dir = handle->dir;
	from.ifindex = handle->ifindex;
	from.live = c->live;
	from.has_mac = handle->has_mac;
	memcpy(from.mac, handle->mac, sizeof(from.mac));
	c->stamp = stamp_of(h);
	packets_add(c->packets, &from, ts, frame, sink);
	c->stamp = 0;
}

/* libpcap would leave it at the 4096 bytes of stdio. */
static pcap_t *
file_open(const char *path, char buffer[READ_SIZE], char why[PCAP_ERRBUF_SIZE])
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
	pcap_t *pcap;

	if (f == NULL) {
		snprintf(why, PCAP_ERRBUF_SIZE, "%s", strerror(errno));
		return NULL;
	}
	(void)setvbuf(f, buffer, _IOFBF, READ_SIZE);
	pcap = pcap_fopen_offline(f, why);
	if (pcap == NULL && f != stdin)
		fclose(f);
	return pcap;
}

void
capture_held(struct capture *c, const struct nfqueue_packet *packet,
    int64_t now, const struct capture_sink *sink)
{
	const struct packet_held from = { packet->indev, packet->outdev, c->ifs,
		c->nifs, c->inside, c->ninside, c->nets, c->nnets };

	if (packet->truncated) {
		packets_stats(c->packets)->packets++;
		packets_stats(c->packets)->truncated++;
		return;
	}
	c->stamp = packet->stamp;
	packets_held(c->packets, &from, now, packet->ip, sink);
	c->stamp = 0;
}

enum ph_err
capture_open_file(struct capture **out, const struct capture_config *config,
    const char *path, struct strbuf *why)
{
	char text[PCAP_ERRBUF_SIZE];
	struct capture_handle *h;
	struct capture *c;

	*out = NULL;
	if ((c = capture_new(config)) == NULL)
		return PH_ENOMEM;
	if ((c->filetime = calloc(1, sizeof(*c->filetime))) == NULL) {
		capture_close(c, NULL);
		return PH_ENOMEM;
	}
	h = &c->handles[0];
	h->pcap = file_open(path, c->filetime->buffer, text);
	if (h->pcap == NULL) {
		strbuf_fmt(why, "%s", text);
		/* libpcap names the file in some of its errors only. */
		if (strstr(text, path) == NULL) {
			strbuf_reset(why);
			strbuf_fmt(why, "%s: %s", path, text);
		}
		capture_close(c, NULL);
		return PH_EIO;
	}
	c->nhandles = 1;
	h->dlt = pcap_datalink(h->pcap);
	if (!link_supported(h->dlt)) {
		const char *name = pcap_datalink_val_to_name(h->dlt);

		strbuf_fmt(why, "%s: link type %s (%d) is not supported", path,
		    name != NULL ? name : "unknown", h->dlt);
		capture_close(c, NULL);
		return PH_EUNSUPPORTED;
	}
	*out = c;
	return PH_OK;
}

/* The next record and its time; `h` stays valid until the next call. */
static enum ph_err
record_next(struct capture *c, struct pcap_pkthdr *h,
    const unsigned char **bytes, int64_t *ts, struct strbuf *why)
{
	struct filetime *f = c->filetime;
	int64_t stamp, next;

	switch (record_read(c, f)) {
	case 1:
		break;
	case PCAP_ERROR_BREAK:
		return PH_EGONE;
	default:
		strbuf_fmt(why, "after %llu packets: %s",
		    (unsigned long long)packets_stats(c->packets)->packets,
		    pcap_geterr(c->handles[0].pcap));
		return PH_ETRUNC;
	}
	*h = *f->h;
	*bytes = f->bytes;
	stamp = next = stamp_of(h);
	if (!f->begun || next > f->stamp + TIME_LEAP) {
		if (record_peek(c, f, h, &next) != PH_OK) {
			strbuf_str(why, "out of memory");
			return PH_ETRUNC;
		}
		*bytes = f->copy;
	}
	*ts = filetime_of(f, stamp, next);
	return PH_OK;
}

enum ph_err
capture_next(struct capture *c, const struct capture_sink *sink, int64_t until,
    int64_t *ts, struct strbuf *why)
{
	int64_t due = packets_due(c->packets);
	const unsigned char *bytes;
	struct pcap_pkthdr h;
	enum ph_err rc;
	int n;

	if (until > due)
		until = due;
	for (n = 0; n < SKIP_MOST; n++) {
		if ((rc = record_next(c, &h, &bytes, ts, why)) != PH_OK)
			return rc;
		if (*ts < until && h.caplen >= h.len &&
		    packets_skip(c->packets, c->handles[0].dlt,
			(struct span) { (const char *)bytes, h.caplen }))
			continue;
		packets_expire(c->packets, *ts, sink);
		capture_frame(c, &c->handles[0], &h, bytes, *ts, sink);
		break;
	}
	return PH_OK;
}

bool
capture_progress(const struct capture *c, uint64_t *done, uint64_t *size)
{
	FILE *f = pcap_file(c->handles[0].pcap);
	struct stat st;
	off_t at;

	if (f == NULL || fstat(fileno(f), &st) == -1 || !S_ISREG(st.st_mode) ||
	    (at = ftello(f)) == -1)
		return false;
	*done = (uint64_t)at;
	*size = (uint64_t)st.st_size;
	return true;
}

size_t
capture_fds(const struct capture *c, int *fds, size_t max)
{
	size_t i;

	for (i = 0; i < c->nhandles && i < max; i++)
		fds[i] = pcap_get_selectable_fd(c->handles[i].pcap);
	return i;
}

int64_t
capture_due(const struct capture *c)
{
	return packets_next(c->packets);
}

bool
capture_flush(struct capture *c, const struct capture_sink *sink)
{
	return packets_flush(c->packets, sink);
}

void
capture_adopt(struct capture *c, uint64_t key, const void *p, size_t len,
    int64_t now)
{
	packets_adopt(c->packets, key, p, len, now);
}

int64_t
capture_stamp(const struct capture *c)
{
	return c->stamp;
}

void
capture_stats(struct capture *c, struct capture_stats *out)
{
	struct pcap_stat st;
	uint64_t drops = c->missed;
	size_t i;

	for (i = 0; i < c->nhandles; i++)
		if (c->live && pcap_stats(c->handles[i].pcap, &st) == 0)
			drops += st.ps_drop;
	*out = *packets_stats(c->packets);
	out->kernel_drops = drops;
}

void
capture_report(struct capture *c, struct counters *out)
{
	struct capture_stats s;

	capture_stats(c, &s);
	const struct {
		const char *name;
		uint64_t value;
	} lines[] = {
		{ "packets", s.packets },
		{ "packets_used",
		    s.packets - s.truncated - s.malformed - s.ignored -
			s.foreign - s.duplicates },
		{ "packets_dropped_by_kernel", s.kernel_drops },
		{ "packets_truncated", s.truncated },
		{ "packets_malformed", s.malformed },
		{ "packets_ignored", s.ignored },
		{ "packets_foreign", s.foreign },
		{ "packets_duplicate", s.duplicates },
		{ "packets_twin", s.twins },
		{ "fragments", s.fragments },
		{ "fragment_overlaps", s.frag_overlaps },
		{ "fragment_timeouts", s.frag_timeouts },
		{ "fragment_limits", s.frag_limits },
		{ "tcp_connections", s.tcp_connections },
		{ "tcp_midstream", s.tcp_midstream },
		{ "tcp_gaps", s.tcp_gaps },
		{ "tcp_implausible", s.tcp_implausible },
		{ "tcp_conflicts", s.tcp_conflicts },
		{ "tcp_limits", s.tcp_limits },
	};
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		counters_put(out, lines[i].name, lines[i].value);
}
