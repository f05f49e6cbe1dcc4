/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/conf/conf.h"
#include "src/fw/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/*
 * An engine that has been taken over: whatever it sends, nothing opens but
 * unprivileged ports of protected hosts, from somebody, for a while.
 */
static const char text[] = "protect { 192.0.2.0/24 2001:db8:2::/64 }\n"
			   "sip { media 192.0.2.10 port 10000:20000\n"
			   "limit calls 10 }\n";

struct fw {
	int64_t now;
};

static bool
is_protected(const struct addr *a)
{
	static const uint8_t v6[] = { 0x20, 1, 0xd, 0xb8, 0, 2, 0, 0 };

	return a->af == AF_INET
	    ? a->b[0] == 192 && a->b[1] == 0 && a->b[2] == 2
	    : a->af == AF_INET6 && memcmp(a->b, v6, sizeof(v6)) == 0;
}

static enum ph_err
on_commit(struct fw *fw, const struct fw_edit *c, size_t n, int64_t now)
{
	static const uint8_t media[] = { 192, 0, 2, 10 };
	struct pinhole hole;
	const struct pinhole *h = &hole;

	(void)fw;
	for (; n > 0; n--, c++) {
		if (c->op == FW_REMOVE)
			continue;
		hole = fw_entry_hole(c->entry);
		if (h->id == 0 || h->to_lo < 1024 || h->to_hi < h->to_lo ||
		    h->to_hi - h->to_lo > 31 || h->deadline <= now ||
		    h->deadline > now + INT64_C(86400000000) ||
		    h->nat_to.addr.af != 0 || h->rdr_from.addr.af != 0)
			abort();
		if (h->dir == PINHOLE_IN &&
		    (h->to.af != AF_INET || memcmp(h->to.b, media, 4) != 0 ||
			h->to_lo < 10000 || h->to_hi > 20000 ||
			h->from.addr.af != AF_INET || h->from.len != 32))
			abort();
		if (h->dir == PINHOLE_OUT &&
		    (!is_protected(&h->from.addr) ||
			h->from.len != addr_bytes(h->to.af) * 8))
			abort();
	}
	return PH_OK;
}

static void
on_cut(struct fw *fw, const struct pinhole *h, int64_t now)
{
	(void)fw;
	(void)now;
	if (h->from_port == 0 || !is_protected(&h->from.addr))
		abort();
}

static void
on_send(void *ctx, enum ipc_role role, enum ipc_type type, uint64_t seq,
    struct ipc_msg *m)
{
	(void)ctx;
	(void)role;
	(void)type;
	(void)seq;
	(void)m;
}

/* A header byte, then as much of a message as it says, and so on. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct fw_ops ops = { .name = "fuzz",
		.commit = on_commit,
		.cut = on_cut };
	static struct conf *conf;
	static struct ipc_msg m;
	struct answers_sink sink = { NULL, on_send, NULL };
	struct fw_policy policy;
	struct fw fw = { 0 };
	struct fwtable *t;
	int64_t now = 1;
	size_t n;

	if (conf == NULL &&
	    conf_parse(&conf, span_of(text), "fuzz", NULL, 0, stderr) != PH_OK)
		abort();
	memset(&policy, 0, sizeof(policy));
	policy.conf = conf;
	if ((t = fwtable_new(&ops, &fw, &policy, &sink)) == NULL)
		abort();
	while (len > 2) {
		n = (size_t)(data[0] | data[1] << 8) % (sizeof(m) + 1);
		data += 2;
		len -= 2;
		if (n > len)
			n = len;
		memset(&m, 0, sizeof(m));
		memcpy(&m, data, n);
		data += n;
		len -= n;
		now += m.hdr.seq % 1000000;
		if (!ipc_valid(&m, m.hdr.len))
			continue;
		if (m.hdr.type == IPC_COMMIT)
			fwtable_commit(t, IPC_ENGINE, m.hdr.seq, &m.u.commit,
			    now);
		else if (m.hdr.type == IPC_BEGIN)
			fwtable_begin(t, IPC_ENGINE);
		else if (m.hdr.type == IPC_SETTLE)
			fwtable_settle(t, IPC_ENGINE);
		else
			(void)fwtable_run(t, now);
	}
	(void)fwtable_run(t, now);
	fwtable_free(t);
	return 0;
}
