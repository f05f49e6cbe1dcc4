/* SPDX-License-Identifier: ISC */
#include <sys/ioctl.h>
#include <net/if.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "src/capture/link.h"
#include "tests/unit/fake_pcap.h"
#include "tests/unit/unit.h"

struct paper paper;

static int handle; /* has an address and nothing else */

pcap_t *
paper_pcap(void)
{
	return (pcap_t *)(void *)&handle;
}

static void __attribute__((format(printf, 1, 2))) note(const char *fmt, ...)
{
	size_t n = strlen(paper.calls);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(paper.calls + n, sizeof(paper.calls) - n, fmt, ap);
	va_end(ap);
}

pcap_t *__wrap_pcap_create(const char *device, char *why);
int __wrap_pcap_set_snaplen(pcap_t *p, int v);
int __wrap_pcap_set_promisc(pcap_t *p, int v);
int __wrap_pcap_set_immediate_mode(pcap_t *p, int v);
int __wrap_pcap_set_timeout(pcap_t *p, int v);
int __wrap_pcap_set_buffer_size(pcap_t *p, int v);
int __wrap_pcap_activate(pcap_t *p);
int __wrap_pcap_set_datalink(pcap_t *p, int v);
int __wrap_pcap_setnonblock(pcap_t *p, int v, char *why);
int __wrap_pcap_datalink(pcap_t *p);
int __wrap_pcap_compile(pcap_t *p, struct bpf_program *out, const char *text,
    int optimize, bpf_u_int32 mask);
void __wrap_pcap_freecode(struct bpf_program *prog);
int __wrap_pcap_setfilter(pcap_t *p, struct bpf_program *prog);
int __wrap_pcap_fileno(pcap_t *p);
int __wrap_pcap_get_selectable_fd(pcap_t *p);
char *__wrap_pcap_geterr(pcap_t *p);
void __wrap_pcap_close(pcap_t *p);
int __wrap_pcap_dispatch(pcap_t *p, int max, pcap_handler f, unsigned char *u);
int __wrap_pcap_stats(pcap_t *p, struct pcap_stat *out);
unsigned int __wrap_if_nametoindex(const char *name);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_bind(int fd, const struct sockaddr *to, socklen_t len);
int __wrap_getsockname(int fd, struct sockaddr *out, socklen_t *len);
int __wrap_setsockopt(int fd, int level, int name, const void *v,
    socklen_t len);
int __wrap_getsockopt(int fd, int level, int name, void *v, socklen_t *len);
ssize_t __wrap_recv(int fd, void *p, size_t size, int flags);

pcap_t *
__wrap_pcap_create(const char *device, char *why)
{
	note("create:%s ", device);
	if (paper.fails != CREATE)
		return paper_pcap();
	snprintf(why, PCAP_ERRBUF_SIZE, "no device");
	return NULL;
}

static int
set(pcap_t *p, const char *what, int v)
{
	note("%s%d%s ", what, v, p == paper_pcap() ? "" : "?");
	return 0;
}

int
__wrap_pcap_set_snaplen(pcap_t *p, int v)
{
	return set(p, "snaplen", v);
}

int
__wrap_pcap_set_promisc(pcap_t *p, int v)
{
	return set(p, "promisc", v);
}

int
__wrap_pcap_set_immediate_mode(pcap_t *p, int v)
{
	return set(p, "immediate", v);
}

int
__wrap_pcap_set_timeout(pcap_t *p, int v)
{
	return set(p, "timeout", v);
}

int
__wrap_pcap_set_buffer_size(pcap_t *p, int v)
{
	return set(p, "buffer", v);
}

int
__wrap_pcap_activate(pcap_t *p)
{
	(void)p;
	note("activate ");
	return paper.fails == ACTIVATE ? paper.rc : 0;
}

int
__wrap_pcap_set_datalink(pcap_t *p, int v)
{
	(void)set(p, "link", v);
	return paper.fails == DATALINK ? -1 : 0;
}

int
__wrap_pcap_setnonblock(pcap_t *p, int v, char *why)
{
	(void)why;
	(void)set(p, "nonblock", v);
	return paper.fails == NONBLOCK ? -1 : 0;
}

int
__wrap_pcap_datalink(pcap_t *p)
{
	(void)p;
	return DLT_LINUX_SLL2;
}

/* What the compiler of filters makes of it is its own affair. */
int
__wrap_pcap_compile(pcap_t *p, struct bpf_program *out, const char *text,
    int optimize, bpf_u_int32 mask)
{
	static struct bpf_insn insns[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					       9),
		BPF_STMT(BPF_RET | BPF_K, 1920), BPF_STMT(BPF_RET | BPF_A, 5),
		BPF_STMT(BPF_RET | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, 1) };

	(void)p;
	note("compile%d%s ", optimize, mask == PCAP_NETMASK_UNKNOWN ? "" : "?");
	strlcpy(paper.filter, text, sizeof(paper.filter));
	if (paper.fails == COMPILE)
		return -1;
	paper.program++;
	out->bf_len = ROWS(insns);
	out->bf_insns = insns;
	return 0;
}

void
__wrap_pcap_freecode(struct bpf_program *prog)
{
	(void)prog;
	paper.program--;
}

int
__wrap_pcap_setfilter(pcap_t *p, struct bpf_program *prog)
{
	(void)set(p, "filter", (int)prog->bf_len);
	paper.ninsns = prog->bf_len;
	assert_in_range(prog->bf_len, 1, ROWS(paper.insns));
	memcpy(paper.insns, prog->bf_insns,
	    prog->bf_len * sizeof(paper.insns[0]));
	return paper.fails == SETFILTER ? -1 : 0;
}

int
__wrap_pcap_fileno(pcap_t *p)
{
	return p == paper_pcap() ? PAPER_FD : -1;
}

int
__wrap_pcap_get_selectable_fd(pcap_t *p)
{
	return p == paper_pcap() ? PAPER_FD : -1;
}

char *
__wrap_pcap_geterr(pcap_t *p)
{
	static char text[] = "it is of paper";

	(void)p;
	return text;
}

void
__wrap_pcap_close(pcap_t *p)
{
	note("close%s ", p == paper_pcap() ? "" : "?");
}

int
__wrap_pcap_dispatch(pcap_t *p, int max, pcap_handler f, unsigned char *u)
{
	int i;

	(void)p;
	paper.max = max;
	for (i = 0; i < paper.result; i++)
		f(u, &paper.head, paper.frame);
	return paper.result;
}

int
__wrap_pcap_stats(pcap_t *p, struct pcap_stat *out)
{
	memset(out, 0, sizeof(*out));
	out->ps_drop = 100;
	return p == paper_pcap() ? 0 : -1;
}

/* Any of em0 to em2. */
static uint32_t
index_of(const char *name)
{
	if (strncmp(name, "em", 2) != 0 || name[2] < '0' || name[2] > '2')
		return 0;
	return paper.index[name[2] - '0'];
}

unsigned int
__wrap_if_nametoindex(const char *name)
{
	return index_of(name);
}

int
__wrap_ioctl(int fd, unsigned long request, ...)
{
	struct ifreq *r;
	va_list ap;

	va_start(ap, request);
	r = va_arg(ap, struct ifreq *);
	va_end(ap);
	assert_int_equal(fd, PAPER_FD);
	assert_true(request == SIOCGIFINDEX);
	r->ifr_ifindex = (int)index_of(r->ifr_name);
	return r->ifr_ifindex == 0 ? -1 : 0;
}

int
__wrap_bind(int fd, const struct sockaddr *to, socklen_t len)
{
	assert_int_equal(fd, PAPER_FD);
	assert_int_equal(len, sizeof(paper.bound));
	memcpy(&paper.bound, to, sizeof(paper.bound));
	note("bind%d ", paper.bound.sll_ifindex);
	errno = EINVAL;
	return paper.fails == BIND ? -1 : 0;
}

int
__wrap_getsockname(int fd, struct sockaddr *out, socklen_t *len)
{
	assert_int_equal(fd, PAPER_FD);
	assert_int_equal(*len, sizeof(paper.bound));
	memcpy(out, &paper.bound, sizeof(paper.bound));
	return paper.fails == BIND ? -1 : 0;
}

int
__wrap_setsockopt(int fd, int level, int name, const void *v, socklen_t len)
{
	int value;

	assert_int_equal(fd, PAPER_FD);
	assert_int_equal(len, sizeof(value));
	memcpy(&value, v, sizeof(value));
	errno = EPERM;
	if (level == SOL_SOCKET && name == SO_LOCK_FILTER) {
		note("lock%d ", value);
		return paper.fails == LOCK ? -1 : 0;
	}
	if (level == SOL_SOCKET && name == SO_RCVBUFFORCE) {
		note("force%d ", value);
		return paper.fails == FORCE ? -1 : 0;
	}
	if (level == SOL_SOCKET && name == SO_RCVBUF)
		note("room%d ", value);
	else if (level == SOL_PACKET && name == PACKET_COPY_THRESH)
		note("thresh%d ", value);
	else
		note("option? ");
	return name == PACKET_COPY_THRESH && paper.fails == THRESH ? -1 : 0;
}

int
__wrap_getsockopt(int fd, int level, int name, void *v, socklen_t *len)
{
	assert_int_equal(fd, PAPER_FD);
	assert_int_equal(*len, sizeof(paper.reserve));
	if (level == SOL_PACKET && name == PACKET_RESERVE) {
		memcpy(v, &paper.reserve, sizeof(paper.reserve));
		note("reserve ");
		return paper.fails == RESERVE ? -1 : 0;
	}
	memset(v, 0, *len);
	note(level == SOL_SOCKET && name == SO_ERROR ? "error " : "option? ");
	return 0;
}

ssize_t
__wrap_recv(int fd, void *p, size_t size, int flags)
{
	assert_int_equal(fd, PAPER_FD);
	assert_int_equal(flags & ~MSG_PEEK, MSG_TRUNC | MSG_DONTWAIT);
	if (paper.waiting == 0)
		return -1;
	if ((flags & MSG_PEEK) == 0) {
		paper.waiting--;
		paper.dropped++;
	}
	if (size > 0 && paper.large != NULL)
		memcpy(p, paper.large,
		    size < paper.largelen ? size : paper.largelen);
	return (ssize_t)paper.largelen;
}
