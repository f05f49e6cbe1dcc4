/* SPDX-License-Identifier: ISC */
/*
 * Live on Linux: the `any` device with cooked v2 frames, where each packet
 * brings its direction and interface, in one ordered stream.
 */
#include <pcap.h>

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/capture/capture.h"
#include "src/capture/handle.h"
#include "src/capture/large_linux.h"

#define CHECK_EVERY INT64_C(1000000)
#define ERRORS_MOST 16 /* until the interface is next looked at */

/*
 * In immediate mode every packet takes a slot of the kernel's ring, and all
 * slots are as large as the largest packet that the ring has whole.  These
 * hold the packets of a network with the usual MTU, so that a burst of messages
 * finds room for thousands; the size is just below a power of two, for a slot
 * has a header.  Segmentation offload makes TCP packets of up to 64 KiB, and
 * other networks have longer ones: see large_linux.h.
 */
#define SLOT  (2048 - 128)
#define LINK  20 /* the header of a cooked frame, version 2 */
/* Of the configured buffer, in quarters; what is large has the rest. */
#define SLOTS 3

static enum ph_err
find_interfaces(struct capture *c, const struct capture_config *config,
    struct strbuf *why)
{
	size_t i;

	if (config->ninterfaces > CAPTURE_MAX_IFS) {
		strbuf_fmt(why, "more than %d interfaces", CAPTURE_MAX_IFS);
		return PH_ELIMIT;
	}
	for (i = 0; i < config->ninterfaces; i++) {
		c->ifs[i] = if_nametoindex(config->interfaces[i]);
		if (c->ifs[i] == 0) {
			strbuf_fmt(why, "there is no interface \"%s\"",
			    config->interfaces[i]);
			return PH_EBAD;
		}
		strlcpy(c->names[i], config->interfaces[i],
		    sizeof(c->names[i]));
	}
	c->nifs = config->ninterfaces;
	return PH_OK;
}

/* By a descriptor of our own: the sandbox allows no new sockets. */
static uint32_t
index_of(const struct capture *c, const char *name)
{
	struct ifreq r;

	memset(&r, 0, sizeof(r));
	strlcpy(r.ifr_name, name, sizeof(r.ifr_name));
	if (ioctl(pcap_fileno(c->handles[0].pcap), SIOCGIFINDEX, &r) == -1)
		return 0;
	return (uint32_t)r.ifr_ifindex;
}

/*
 * From now on the filter can neither be changed nor taken off: socket(7).
 * That nothing is sent is the sandbox's to see to: see seccomp_linux.h.
 */
static bool
lock_filter(pcap_t *p)
{
	int yes = 1;

	return setsockopt(pcap_fileno(p), SOL_SOCKET, SO_LOCK_FILTER, &yes,
		   sizeof(yes)) == 0;
}

/*
 * A frame of a VLAN is seen at the interface that carries the VLAN, and again
 * at that of the VLAN itself, if there is one.  Only the latter counts, and
 * only the kernel knows the difference: it took the tag off the frame, and a
 * cooked header has no place for it.  A tag of VLAN 0 has a priority alone.
 */
static bool
filter_install(pcap_t *p, const struct bpf_program *prog)
{
	/* clang-format off */
	static const struct bpf_insn untagged[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS,
		    (bpf_u_int32)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 4, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS,
		    (bpf_u_int32)(SKF_AD_OFF + SKF_AD_VLAN_TAG)),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x0fff),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	/* clang-format on */
	const unsigned int n = sizeof(untagged) / sizeof(untagged[0]);
	struct bpf_program whole = { .bf_len = n + prog->bf_len };
	struct bpf_insn *i;
	bool ok;

	whole.bf_insns = calloc(whole.bf_len, sizeof(*whole.bf_insns));
	if (whole.bf_insns == NULL)
		return false;
	memcpy(whole.bf_insns, untagged, sizeof(untagged));
	memcpy(whole.bf_insns + n, prog->bf_insns,
	    prog->bf_len * sizeof(*prog->bf_insns));
	/* All of a packet, also if it is larger than a slot. */
	for (i = whole.bf_insns; i < whole.bf_insns + whole.bf_len; i++)
		if (i->code == (BPF_RET | BPF_K) && i->k != 0)
			i->k = LARGE_MAX;
	ok = pcap_setfilter(p, &whole) == 0;
	free(whole.bf_insns);
	return ok;
}

static enum ph_err
set_filter(struct capture *c, const struct capture_config *config, pcap_t *p,
    struct strbuf *why)
{
	char text[32768], host[ADDR_STRLEN];
	struct strbuf f = strbuf_of(text, sizeof(text));
	struct bpf_program prog;
	bool installed;
	size_t i;

	strbuf_str(&f, "(");
	for (i = 0; i < c->nifs; i++)
		strbuf_fmt(&f, "%sifindex %u", i > 0 ? " or " : "", c->ifs[i]);
	for (i = 0; i < config->nown; i++)
		strbuf_fmt(&f, "%shost %s", c->nifs + i > 0 ? " or " : "",
		    addr_format(&config->own[i], host));
	strbuf_str(&f, ") and (");
	capture_filter(config->ports, config->nports, false, &f);
	strbuf_str(&f, ")");
	if (f.full) {
		strbuf_str(why, "too many ports for one capture filter");
		return PH_ELIMIT;
	}
	if (pcap_compile(p, &prog, text, 1, PCAP_NETMASK_UNKNOWN) != 0) {
		strbuf_fmt(why, "capture filter: %s", pcap_geterr(p));
		return PH_EIO;
	}
	installed = filter_install(p, &prog);
	pcap_freecode(&prog);
	if (!installed) {
		strbuf_fmt(why, "capture filter: %s", pcap_geterr(p));
		return PH_EIO;
	}
	if (!lock_filter(p)) {
		strbuf_fmt(why, "cannot lock the capture filter: %s",
		    strerror(errno));
		return PH_EIO;
	}
	return PH_OK;
}

/*
 * Every packet that leaves by an interface with a packet socket is copied for
 * it, and every one that arrives there goes through its filter.  A socket that
 * is bound to our only interface costs the others nothing.  libpcap does not
 * know: frames, direction and order are as they were.
 */
static enum ph_err
bind_to(struct capture *c, uint32_t ifindex, struct strbuf *why)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)ifindex };
	int fd = pcap_fileno(c->handles[0].pcap), down;
	socklen_t len = sizeof(down);

	if (bind(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		strbuf_fmt(why, "cannot capture on %s: %s", c->names[0],
		    strerror(errno));
		return PH_EIO;
	}
	/* An interface that is down is no error: it will come up. */
	(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &down, &len);
	c->bound = true;
	return PH_OK;
}

static enum ph_err
open_any(struct capture *c, const struct capture_config *config,
    struct strbuf *why)
{
	struct capture_handle *h = &c->handles[0];
	char text[PCAP_ERRBUF_SIZE] = "";
	enum ph_err err;
	int rc;

	if ((h->pcap = pcap_create("any", text)) == NULL) {
		strbuf_fmt(why, "%s", text);
		return PH_EIO;
	}
	c->nhandles = 1;
	pcap_set_snaplen(h->pcap, SLOT);
	pcap_set_promisc(h->pcap, 0);
	pcap_set_immediate_mode(h->pcap, 1);
	pcap_set_timeout(h->pcap, 1);
	if (config->buffer > 0)
		pcap_set_buffer_size(h->pcap,
		    (int)(config->buffer / 4 * SLOTS));
	if ((rc = pcap_activate(h->pcap)) < 0) {
		strbuf_fmt(why, "capturing needs %s: %s",
		    rc == PCAP_ERROR_PERM_DENIED ? "root or CAP_NET_RAW"
						 : "a working packet socket",
		    pcap_statustostr(rc));
		return rc == PCAP_ERROR_PERM_DENIED ? PH_EDENIED : PH_EIO;
	}
	if (pcap_set_datalink(h->pcap, DLT_LINUX_SLL2) != 0 ||
	    pcap_setnonblock(h->pcap, 1, text) != 0) {
		strbuf_fmt(why, "%s", pcap_geterr(h->pcap));
		return PH_EIO;
	}
	h->dlt = pcap_datalink(h->pcap);
	if (c->nifs == 1 && config->nown == 0 &&
	    (err = bind_to(c, c->ifs[0], why)) != PH_OK)
		return err;
	if ((err = set_filter(c, config, h->pcap, why)) != PH_OK)
		return err;
	c->large =
	    large_new(h->pcap, SLOT, LINK, config->buffer / 4 * (4 - SLOTS));
	if (c->large == NULL) {
		strbuf_str(why, "no queue for packets of more than a slot");
		return PH_EIO;
	}
	return PH_OK;
}

enum ph_err
capture_open_live(struct capture **out, const struct capture_config *config,
    struct strbuf *why)
{
	struct capture *c;
	enum ph_err rc;

	*out = NULL;
	if ((c = capture_new(config)) == NULL)
		return PH_ENOMEM;
	c->live = true;
	if ((rc = find_interfaces(c, config, why)) != PH_OK ||
	    (rc = open_any(c, config, why)) != PH_OK) {
		capture_close(c, NULL);
		return rc;
	}
	/*
	 * The engine checks the interface again; here only packets of other
	 * interfaces are dropped early.
	 */
	if (config->nown > 0)
		c->nifs = 0;
	*out = c;
	return PH_OK;
}

/* The arguments of the function that libpcap calls with each packet. */
struct drain {
	struct capture *capture;
	struct capture_handle *handle;
	const struct capture_sink *sink;
	int64_t now; /* monotonic, which the packets' time is not */
};

static void
on_frame(unsigned char *user, const struct pcap_pkthdr *h,
    const unsigned char *bytes)
{
	struct drain *d = (struct drain *)(void *)user;
	struct pcap_pkthdr whole = *h;

	if (h->caplen < h->len) {
		bytes = large_take(d->capture->large, &whole, bytes);
		if (bytes == NULL) {
			d->capture->missed++;
			return;
		}
	}
	capture_frame(d->capture, d->handle, &whole, bytes, d->now, d->sink);
}

/*
 * The error of a socket that is bound is that its interface is or was down.
 * The kernel goes on when it is up again; libpcap, which looks for an interface
 * called `any`, reports the error as often as it finds no packet.  That the
 * interface is gone is found once a second.  Only an error that keeps the
 * descriptor readable would keep us busy.
 */
static bool
error_passes(struct capture *c, int fd)
{
	return c->bound && (fd == -1 || c->errors++ < ERRORS_MOST);
}

enum ph_err
capture_dispatch(struct capture *c, int fd, size_t max, int64_t now,
    const struct capture_sink *sink)
{
	struct drain d = { c, &c->handles[0], sink, now };
	size_t i;
	int n;

	n = pcap_dispatch(d.handle->pcap, (int)max, on_frame,
	    (unsigned char *)&d);
	if (n < 0 && !error_passes(c, fd))
		return PH_EGONE;
	if (n == 0 && fd != -1)
		large_idle(c->large);
	packets_expire(c->packets, now, sink);
	if (now - c->checked < CHECK_EVERY)
		return PH_OK;
	c->checked = now;
	c->errors = 0;
	large_tidy(c->large);
	for (i = 0; i < c->nifs; i++)
		if (index_of(c, c->names[i]) != c->ifs[i])
			return PH_EGONE;
	return PH_OK;
}

/* The ring is readable as long as it holds a packet. */
bool
capture_waiting(const struct capture *c)
{
	(void)c;
	return false;
}

/* The kernel forgets what a socket is bound to if that leaves our network. */
bool
capture_deaf(const struct capture *c)
{
	struct sockaddr_ll at;
	socklen_t len = sizeof(at);

	if (!c->bound || index_of(c, c->names[0]) != c->ifs[0])
		return false;
	return getsockname(pcap_fileno(c->handles[0].pcap),
		   (struct sockaddr *)&at, &len) == 0 &&
	    at.sll_ifindex != (int)c->ifs[0];
}
