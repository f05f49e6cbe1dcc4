/* SPDX-License-Identifier: ISC */
/*
 * The ioctls of pf(4) that FreeBSD and OpenBSD have in common: the device,
 * the tree of anchors, states, tables, natlook.
 */
#include <sys/param.h>
#include <sys/ioctl.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pf/bsd.h"

static int
real_ioctl(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg);
}

int (*p_ioctl)(int fd, unsigned long request, void *arg) = real_ioctl;

enum ph_err
p_call(const struct p_dev *d, unsigned long request, void *arg)
{
	return p_ioctl(d->fd, request, arg) == -1 ? p_error(errno) : PH_OK;
}

enum ph_err
p_dev_open(struct p_dev **out, bool write, struct strbuf *why)
{
	struct p_dev *d;

	*out = NULL;
	if ((d = calloc(1, sizeof(*d))) == NULL)
		return PH_ENOMEM;
	d->fd = open("/dev/pf", (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (d->fd == -1) {
		strbuf_fmt(why, "/dev/pf: %s%s", strerror(errno),
		    errno == ENOENT ? " (kldload pf)" : "");
		free(d);
		return PH_EGONE;
	}
	if (p_dev_confine(d->fd) != PH_OK) {
		strbuf_fmt(why, "/dev/pf: %s", strerror(errno));
		p_dev_close(d);
		return PH_EDENIED;
	}
	*out = d;
	return PH_OK;
}

void
p_dev_close(struct p_dev *d)
{
	close(d->fd);
	free(d);
}

/* The kernel's errors for an anchor that does not exist. */
static bool
is_absent(int error)
{
	return error == ENOENT || error == EINVAL;
}

/* Call `found` for each anchor below `path`, deepest first. */
enum ph_err
p_walk(struct p_dev *d, const char *path, int depth,
    enum ph_err (*found)(struct p_dev *d, const char *path, void *ctx),
    void *ctx)
{
	struct pfioc_ruleset rs;
	char sub[MAXPATHLEN];
	enum ph_err rc;
	uint32_t nr;

	memset(&rs, 0, sizeof(rs));
	strlcpy(rs.path, path, sizeof(rs.path));
	rc = p_call(d, DIOCGETRULESETS, &rs);
	if (rc != PH_OK && is_absent(errno))
		return PH_OK;
	/*
	 * Begin with the last, for an anchor that is emptied moves those after
	 * it.
	 */
	for (nr = rs.nr; rc == PH_OK && nr-- > 0;) {
		rs.nr = nr;
		strlcpy(rs.path, path, sizeof(rs.path));
		rc = p_call(d, DIOCGETRULESET, &rs);
		if (rc == PH_EAGAIN || (rc != PH_OK && is_absent(errno))) {
			rc = PH_OK; /* gone meanwhile */
			continue;
		}
		snprintf(sub, sizeof(sub), "%s/%s", path, rs.name);
		if (rc == PH_OK && depth > 0)
			rc = p_walk(d, sub, depth - 1, found, ctx);
	}
	return rc == PH_OK ? found(d, path, ctx) : rc;
}

enum ph_err
p_sys_enabled(struct p_dev *d, bool *yes)
{
	struct pf_status st;
	enum ph_err rc;

	memset(&st, 0, sizeof(st));
	if ((rc = p_call(d, DIOCGETSTATUS, &st)) == PH_OK)
		*yes = st.running != 0;
	return rc;
}

/*
 * The id of this pf among the nodes that share states; where the kernel does
 * not tell it (FreeBSD 15), a number made from the name of the host.
 */
uint32_t
p_sys_host(struct p_dev *d)
{
	uint32_t hash = UINT32_C(2166136261);
	char name[256] = "";
	struct pf_status st;
	size_t i;

	memset(&st, 0, sizeof(st));
	if (p_call(d, DIOCGETSTATUS, &st) == PH_OK && st.hostid != 0)
		return st.hostid;
	(void)gethostname(name, sizeof(name) - 1);
	for (i = 0; name[i] != '\0'; i++)
		hash = (hash ^ (uint8_t)name[i]) * UINT32_C(16777619);
	return hash;
}

enum ph_err
p_sys_states(struct p_dev *d, void (*found)(void *ctx, const struct p_state *s),
    void *ctx)
{
	struct pfioc_states ps;
	struct pfsync_state *v = NULL;
	struct p_state s;
	enum ph_err rc;
	size_t i, n, room = 0;
	int len;

	for (;;) {
		memset(&ps, 0, sizeof(ps));
		ps.ps_len = (int)(room * sizeof(*v));
		ps.ps_states = v;
		if ((rc = p_call(d, DIOCGETSTATES, &ps)) != PH_OK)
			goto out;
		len = ps.ps_len;
		n = (size_t)len / sizeof(*v);
		if (room > 0 && n < room)
			break;
		/* Some more may come until we ask again. */
		room = (room > n ? room : n) + n / 8 + 64;
		free(v);
		if ((v = calloc(room, sizeof(*v))) == NULL)
			return PH_ENOMEM;
	}
	for (i = 0; i < n; i++)
		if (p_get_state(&v[i], &s))
			found(ctx, &s);
out:
	free(v);
	return rc;
}

enum ph_err
p_sys_kill(struct p_dev *d, uint64_t id, uint32_t creator)
{
	struct pfioc_state_kill k;

	memset(&k, 0, sizeof(k));
	k.psk_pfcmp.id = id;
	k.psk_pfcmp.creatorid = creator;
	return p_call(d, DIOCKILLSTATES, &k);
}

enum ph_err
p_sys_add(struct p_dev *d, const struct p_state *s, bool log)
{
	struct pfioc_state ps;

	p_new_state(s, log, &ps.state);
	p_state_domain(&ps.state);
	if (p_ioctl(d->fd, DIOCADDSTATE, &ps) != -1)
		return PH_OK;
	if (errno == EEXIST)
		return PH_EEXIST;
	/* No pfsync in this kernel. */
	return errno == EOPNOTSUPP ? PH_EUNSUPPORTED : p_error(errno);
}

enum ph_err
p_sys_original(struct p_dev *d, const struct fw_flow *flow,
    struct endpoint *out)
{
	static const u_int8_t ways[] = { PF_OUT, PF_IN };
	struct pfioc_natlook nl;
	enum ph_err rc = PH_EIO;
	size_t i;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		p_set_natlook(flow, ways[i], &nl);
		p_natlook_domain(&nl);
		if ((rc = p_call(d, DIOCNATLOOK, &nl)) == PH_OK) {
			*out = p_get_natlook(&nl);
			return PH_OK;
		}
		if (errno == ENOENT)
			rc = PH_EMALFORMED; /* no such flow */
		else if (errno == E2BIG)
			rc = PH_EAMBIGUOUS;
	}
	return rc;
}

static void
table_name(const char *anchor, const char *name, struct pfr_table *out)
{
	memset(out, 0, sizeof(*out));
	strlcpy(out->pfrt_anchor, anchor, sizeof(out->pfrt_anchor));
	strlcpy(out->pfrt_name, name, sizeof(out->pfrt_name));
}

/* DIOCRADDTABLES, DIOCRDELTABLES */
static enum ph_err
table_make(struct p_dev *d, unsigned long request, const char *anchor,
    const char *name)
{
	struct pfioc_table io;
	struct pfr_table t;

	memset(&io, 0, sizeof(io));
	table_name(anchor, name, &t);
	if (request == DIOCRADDTABLES)
		t.pfrt_flags = PFR_TFLAG_PERSIST;
	io.pfrio_buffer = &t;
	io.pfrio_esize = sizeof(t);
	io.pfrio_size = 1;
	return p_call(d, request, &io);
}

/* ESRCH: nobody has made the table; deleting needs none. */
static enum ph_err
table_change(struct p_dev *d, unsigned long request, const char *anchor,
    const char *name, const struct prefix *v, size_t n)
{
	struct pfioc_table io;
	struct pfr_addr *a;
	enum ph_err rc = PH_OK;
	size_t i;
	int try;

	if ((a = calloc(n + 1, sizeof(*a))) == NULL)
		return PH_ENOMEM;
	for (i = 0; i < n; i++)
		p_table_addr(&v[i], &a[i]);
	for (try = 0; try < 2; try++) {
		memset(&io, 0, sizeof(io));
		table_name(anchor, name, &io.pfrio_table);
		if (request != DIOCRCLRADDRS) {
			io.pfrio_buffer = a;
			io.pfrio_esize = sizeof(*a);
			io.pfrio_size = (int)n;
		}
		rc = PH_OK;
		if (p_ioctl(d->fd, request, &io) != -1)
			break;
		rc = errno == ESRCH ? PH_OK : p_error(errno);
		if (rc != PH_OK || try == 1 ||
		    (request != DIOCRADDADDRS && request != DIOCRSETADDRS))
			break;
		rc = table_make(d, DIOCRADDTABLES, anchor, name);
		if (rc != PH_OK)
			break;
	}
	free(a);
	return rc;
}

enum ph_err
p_sys_table(struct p_dev *d, const char *name, enum fw_table_op op,
    const struct prefix *v, size_t n)
{
	static const unsigned long requests[] = {
		[FW_TABLE_ADD] = DIOCRADDADDRS,
		[FW_TABLE_DELETE] = DIOCRDELADDRS,
		[FW_TABLE_FLUSH] = DIOCRCLRADDRS,
	};

	if (strlen(name) >= PF_TABLE_NAME_SIZE)
		return PH_EBAD;
	if (op == FW_TABLE_FLUSH)
		n = 0;
	else if (n == 0)
		return PH_OK;
	return table_change(d, requests[op], "", name, v, n);
}

enum ph_err
p_sys_gate(struct p_dev *d, const char *anchor, enum p_gate_op op,
    const struct prefix *v, size_t n)
{
	static const unsigned long requests[] = {
		[P_GATE_ADD] = DIOCRADDADDRS,
		[P_GATE_DELETE] = DIOCRDELADDRS,
		[P_GATE_SET] = DIOCRSETADDRS,
	};

	if (op == P_GATE_REMOVE)
		return table_make(d, DIOCRDELTABLES, anchor, P_REMOTES);
	return table_change(d, requests[op], anchor, P_REMOTES, v, n);
}

/* With no room for addresses, pf says how many there are. */
enum ph_err
p_sys_gate_count(struct p_dev *d, const char *anchor, size_t *n)
{
	struct pfioc_table io;
	struct pfr_addr none;

	memset(&io, 0, sizeof(io));
	table_name(anchor, P_REMOTES, &io.pfrio_table);
	io.pfrio_buffer = &none;
	io.pfrio_esize = sizeof(none);
	*n = 0;
	if (p_ioctl(d->fd, DIOCRGETADDRS, &io) == -1)
		return errno == ESRCH ? PH_OK : p_error(errno);
	*n = (size_t)io.pfrio_size;
	return PH_OK;
}

void
p_sys_pause(uint32_t us)
{
	struct timespec ts = { us / 1000000, (long)(us % 1000000) * 1000 };

	(void)nanosleep(&ts, NULL);
}
