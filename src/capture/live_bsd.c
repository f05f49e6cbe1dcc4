/* SPDX-License-Identifier: ISC */
/*
 * Live on the BSDs: Ethernet tells no direction, so each interface is opened
 * twice, once for what comes in and once for what goes out, and the two are
 * merged by time stamp (merge.h): a 200 read before its INVITE would be
 * refused.
 */
#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <net/bpf.h>
#include <net/if.h>
#include <net/if_dl.h>

#include <pcap.h>

#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>

#include "src/capture/capture.h"
#include "src/capture/handle.h"
#include "src/capture/link.h"
#include "src/capture/merge.h"

#define CHECK_EVERY INT64_C(1000000)

/*
 * Forbid sending through the handle, and forbid processes that are not root's
 * to change that or the filter: bpf(4), BIOCSETWF and BIOCLOCK.
 */
static bool
lock_handle(pcap_t *p)
{
	struct bpf_insn reject = BPF_STMT(BPF_RET | BPF_K, 0);
	struct bpf_program prog = { 1, &reject };
	int fd = pcap_fileno(p);

	return ioctl(fd, BIOCSETWF, &prog) != -1 && ioctl(fd, BIOCLOCK) != -1;
}

/*
 * Our filter on Ethernet, compiled once for all handles: the second time in
 * a process OpenBSD's pcap_compile() takes `vlan` for any packet at all.
 */
struct opening {
	const struct capture_config *config;
	struct bpf_program ethernet;
	bool made;
};

static enum ph_err
filter_install(pcap_t *p, struct bpf_program *prog, struct strbuf *why)
{
	if (pcap_setfilter(p, prog) == 0)
		return PH_OK;
	strbuf_fmt(why, "capture filter: %s", pcap_geterr(p));
	return PH_EIO;
}

static enum ph_err
set_filter(struct opening *o, struct capture_handle *h, struct strbuf *why)
{
	const struct capture_config *config = o->config;
	bool ethernet = h->dlt == DLT_EN10MB;
	char text[16384];
	struct strbuf f = strbuf_of(text, sizeof(text));
	struct bpf_program prog;
	enum ph_err rc;

	if (ethernet && o->made)
		return filter_install(h->pcap, &o->ethernet, why);
	capture_filter(config->ports, config->nports, ethernet, &f);
	if (f.full) {
		strbuf_str(why, "too many ports for one capture filter");
		return PH_ELIMIT;
	}
	if (pcap_compile(h->pcap, &prog, text, 1, 0) != 0) {
		strbuf_fmt(why, "capture filter: %s", pcap_geterr(h->pcap));
		return PH_EIO;
	}
	rc = filter_install(h->pcap, &prog, why);
	if (ethernet) {
		o->ethernet = prog;
		o->made = true;
	} else
		pcap_freecode(&prog);
	return rc;
}

/* Which frames are for the interface: BPF shows those for others, too. */
static void
find_mac(struct capture_handle *h, const char *name)
{
	const struct sockaddr_dl *link;
	struct ifaddrs *list, *i;

	if (h->dlt != DLT_EN10MB || getifaddrs(&list) != 0)
		return;
	for (i = list; i != NULL; i = i->ifa_next) {
		if (i->ifa_addr == NULL || i->ifa_addr->sa_family != AF_LINK ||
		    strcmp(i->ifa_name, name) != 0)
			continue;
		link = (const struct sockaddr_dl *)(const void *)i->ifa_addr;
		if (link->sdl_alen != sizeof(h->mac))
			continue;
		memcpy(h->mac, link->sdl_data + link->sdl_nlen, sizeof(h->mac));
		h->has_mac = true;
	}
	freeifaddrs(list);
}

static enum ph_err
open_one(struct capture *c, struct opening *o, const char *name, uint8_t dir,
    struct strbuf *why)
{
	struct capture_handle *h;
	char text[PCAP_ERRBUF_SIZE] = "";
	enum ph_err rc;
	int err;

	if (c->nhandles == CAPTURE_MAX_HANDLES) {
		strbuf_fmt(why, "more than %d interfaces",
		    CAPTURE_MAX_HANDLES / 2);
		return PH_ELIMIT;
	}
	h = &c->handles[c->nhandles];
	if ((h->pcap = pcap_create(name, text)) == NULL) {
		strbuf_fmt(why, "%s: %s", name, text);
		return PH_EIO;
	}
	c->nhandles++;
	h->dir = dir;
	h->ifindex = if_nametoindex(name);
	pcap_set_snaplen(h->pcap, CAPTURE_SNAPLEN);
	pcap_set_promisc(h->pcap, 0);
	pcap_set_immediate_mode(h->pcap, 1);
	pcap_set_timeout(h->pcap, 1);
	if (o->config->buffer > 0)
		pcap_set_buffer_size(h->pcap, (int)o->config->buffer);
	if ((err = pcap_activate(h->pcap)) < 0) {
		strbuf_fmt(why, "%s: capturing needs /dev/bpf: %s", name,
		    pcap_statustostr(err));
		return err == PCAP_ERROR_PERM_DENIED ? PH_EDENIED : PH_EIO;
	}
	h->dlt = pcap_datalink(h->pcap);
	if (!link_supported(h->dlt)) {
		strbuf_fmt(why, "%s: link type %d is not supported", name,
		    h->dlt);
		return PH_EUNSUPPORTED;
	}
	find_mac(h, name);
	if ((rc = set_filter(o, h, why)) != PH_OK)
		return rc;
	if (pcap_setdirection(h->pcap,
		dir == PKT_IN ? PCAP_D_IN : PCAP_D_OUT) != 0 ||
	    pcap_setnonblock(h->pcap, 1, text) != 0 || !lock_handle(h->pcap)) {
		strbuf_fmt(why, "%s: cannot set up the capture", name);
		return PH_EIO;
	}
	return PH_OK;
}

static enum ph_err
open_both(struct capture *c, struct opening *o, const char *name,
    struct strbuf *why)
{
	enum ph_err rc;
	size_t i;

	for (i = 0; i < c->nifs; i++)
		if (strcmp(c->names[i], name) == 0)
			return PH_OK;
	if (if_nametoindex(name) == 0) {
		strbuf_fmt(why, "there is no interface \"%s\"", name);
		return PH_EBAD;
	}
	if (c->nifs == CAPTURE_MAX_IFS) {
		strbuf_fmt(why, "more than %d interfaces", CAPTURE_MAX_IFS);
		return PH_ELIMIT;
	}
	strlcpy(c->names[c->nifs], name, sizeof(c->names[c->nifs]));
	c->ifs[c->nifs++] = if_nametoindex(name);
	if ((rc = open_one(c, o, name, PKT_IN, why)) != PH_OK)
		return rc;
	return open_one(c, o, name, PKT_OUT, why);
}

/* With the firewall itself protected, every interface matters. */
static enum ph_err
open_all(struct capture *c, struct opening *o, struct strbuf *why)
{
	struct ifaddrs *list, *i;
	enum ph_err rc = PH_OK;

	if (getifaddrs(&list) != 0) {
		strbuf_str(why, "getifaddrs failed");
		return PH_EIO;
	}
	for (i = list; i != NULL && rc == PH_OK; i = i->ifa_next)
		if ((i->ifa_flags & (IFF_UP | IFF_LOOPBACK)) == IFF_UP &&
		    i->ifa_addr != NULL &&
		    (o->config->here == NULL || o->config->here(i->ifa_name)) &&
		    (i->ifa_addr->sa_family == AF_INET ||
			i->ifa_addr->sa_family == AF_INET6))
			rc = open_both(c, o, i->ifa_name, why);
	freeifaddrs(list);
	return rc;
}

/* The address, and the bits of the mask that are set. */
static struct prefix
net_of(const struct ifaddrs *i)
{
	struct prefix net = { .addr = addr_from_sockaddr(i->ifa_addr) };
	struct sockaddr_storage mask;
	struct addr m;
	size_t k;

	if (net.addr.af == AF_UNSPEC || i->ifa_netmask == NULL)
		return (struct prefix) { 0 };
	/* Some systems leave out the family of a mask, and its last zeros. */
	memset(&mask, 0, sizeof(mask));
	memcpy(&mask, i->ifa_netmask, i->ifa_netmask->sa_len);
	mask.ss_family = net.addr.af;
	m = addr_from_sockaddr((struct sockaddr *)&mask);
	for (k = 0; k < addr_bytes(m.af); k++) {
		net.len = (uint8_t)(net.len + __builtin_popcount(m.b[k]));
		net.addr.b[k] &= m.b[k];
	}
	return net;
}

/* See struct packet_held. */
static enum ph_err
find_nets(struct capture *c, const struct capture_config *config)
{
	struct ifaddrs *list, *i;
	size_t n = config->nown, k;

	if (getifaddrs(&list) != 0)
		return PH_EIO;
	for (i = list; i != NULL; i = i->ifa_next)
		n++;
	if ((c->nets = calloc(n + 1, sizeof(*c->nets))) == NULL) {
		freeifaddrs(list);
		return PH_ENOMEM;
	}
	for (k = 0; k < config->nown; k++)
		c->nets[c->nnets++].net = prefix_host(&config->own[k]);
	for (i = list; i != NULL; i = i->ifa_next)
		for (k = 0; k < c->nifs && i->ifa_addr != NULL; k++)
			if (strcmp(i->ifa_name, c->names[k]) == 0 &&
			    net_of(i).len > 0)
				c->nets[c->nnets++] =
				    (struct packet_net) { net_of(i),
					    c->ifs[k] };
	freeifaddrs(list);
	return PH_OK;
}

enum ph_err
capture_open_live(struct capture **out, const struct capture_config *config,
    struct strbuf *why)
{
	struct opening o = { .config = config };
	struct capture *c;
	enum ph_err rc = PH_OK;
	size_t i;

	*out = NULL;
	if ((c = capture_new(config)) == NULL)
		return PH_ENOMEM;
	c->live = true;
	for (i = 0; i < config->ninterfaces && rc == PH_OK; i++)
		rc = open_both(c, &o, config->interfaces[i], why);
	if (rc == PH_OK && config->nown > 0)
		rc = open_all(c, &o, why);
	if (o.made)
		pcap_freecode(&o.ethernet);
	if (rc == PH_OK && config->ninside > 0 &&
	    (rc = find_nets(c, config)) != PH_OK)
		strbuf_str(why, "cannot list the networks of the interfaces");
	if (rc != PH_OK) {
		capture_close(c, NULL);
		return rc;
	}
	*out = c;
	return PH_OK;
}

static int
read_frame(void *ctx, size_t i, struct merge_frame *out)
{
	struct capture *c = ctx;
	struct pcap_pkthdr *h;
	int rc;

	rc = pcap_next_ex(c->handles[i].pcap, &h, &out->bytes);
	if (rc > 0) {
		out->head = h;
		out->ts = (int64_t)h->ts.tv_sec * 1000000 + h->ts.tv_usec;
	}
	return rc;
}

/* bpf(4) stamps with the wall clock. */
static int64_t
read_clock(void *ctx)
{
	struct timeval tv;

	(void)ctx;
	gettimeofday(&tv, NULL);
	return (int64_t)tv.tv_sec * 1000000 + tv.tv_usec;
}

enum ph_err
capture_dispatch(struct capture *c, int fd, size_t max, int64_t now,
    const struct capture_sink *sink)
{
	const struct merge_source source = { c, read_frame, read_clock };
	enum ph_err rc = PH_OK;
	struct merge_frame f;
	size_t i;

	(void)fd; /* one alone tells nothing about the order */
	merge_begin(&c->merge, c->nhandles);
	while (max-- > 0 &&
	    (rc = merge_next(&c->merge, c->nhandles, &source, &i, &f)) == PH_OK)
		capture_frame(c, &c->handles[i], f.head, f.bytes, now, sink);
	if (rc == PH_EGONE)
		return rc;
	c->waiting = rc == PH_OK;
	packets_expire(c->packets, now, sink);
	if (now - c->checked < CHECK_EVERY)
		return PH_OK;
	c->checked = now;
	for (i = 0; i < c->nifs; i++)
		if (if_nametoindex(c->names[i]) != c->ifs[i])
			return PH_EGONE;
	return PH_OK;
}

bool
capture_waiting(const struct capture *c)
{
	return c->waiting;
}

/* An interface that is taken away is an error of its handle. */
bool
capture_deaf(const struct capture *c)
{
	(void)c;
	return false;
}
