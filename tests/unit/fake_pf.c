/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "tests/unit/fake_pf.h"

struct fake_pf k;

static enum ph_err
fake_open(struct p_dev **out, bool write, struct strbuf *unused)
{
	(void)write;
	(void)unused;
	*out = (struct p_dev *)&k;
	return PH_OK;
}

static void
fake_close(struct p_dev *d)
{
	assert_ptr_equal(d, &k);
}

static enum ph_err
fake_write(struct p_dev *d, struct p_tree *tree, const struct fw_config *c)
{
	const struct p_node *n;
	const struct p_rule *v;
	size_t len, all;

	(void)d;
	(void)c;
	if (++k.writes == k.fail_at)
		return PH_ELIMIT;
	if (k.busy > 0) {
		k.busy--;
		return PH_EAGAIN;
	}
	if (k.write != PH_OK)
		return k.write;
	k.rules = all = 0;
	for (n = p_tree_dirty(tree); n != NULL; n = p_node_next(tree, n)) {
		assert_int_equal(p_node_rules(tree, n, P_PASS, &v, &len),
		    PH_OK);
		if (p_node_is_top(n))
			k.top = len;
		else
			k.rules += len;
		all += len;
	}
	k.biggest = all > k.biggest ? all : k.biggest;
	return PH_OK;
}

static enum ph_err
fake_flush(struct p_dev *d, const char *anchor)
{
	(void)d;
	assert_string_equal(anchor, "pinholed");
	k.flushes++;
	k.top = 0;
	return PH_OK;
}

static enum ph_err
fake_rules(struct p_dev *d, const char *anchor,
    void (*found)(void *ctx, const struct p_rule *r), void *ctx)
{
	size_t i;

	(void)d;
	(void)anchor;
	for (i = 0; i < k.nold; i++)
		found(ctx, &k.old[i]);
	return k.rules_rc;
}

static enum ph_err
fake_enabled(struct p_dev *d, bool *yes)
{
	(void)d;
	*yes = k.on;
	return PH_OK;
}

static enum ph_err
fake_hooked(struct p_dev *d, const char *anchor, enum p_part part, bool *yes)
{
	(void)d;
	(void)anchor;
	*yes = k.hooked || part == P_NAT;
	return PH_OK;
}

static enum ph_err
fake_count(struct p_dev *d, const char *anchor, enum p_part part, size_t *n)
{
	(void)d;
	*n = 0;
	if (part == P_PASS)
		*n = strcmp(anchor, "pinholed") == 0 ? k.top : k.rules;
	return PH_OK;
}

static enum ph_err
fake_states(struct p_dev *d, void (*found)(void *ctx, const struct p_state *s),
    void *ctx)
{
	size_t i;

	(void)d;
	for (i = 0; k.states_rc == PH_OK && i < k.nstates; i++)
		found(ctx, &k.states[i]);
	return k.states_rc;
}

static enum ph_err
fake_kill(struct p_dev *d, uint64_t id, uint32_t creator)
{
	(void)d;
	(void)creator;
	if (id == UINT64_MAX)
		return PH_OK;
	k.killed[k.kills++ % 4] = id;
	return k.kill_rc;
}

static enum ph_err
fake_add(struct p_dev *d, const struct p_state *s, bool log)
{
	(void)d;
	(void)s;
	(void)log;
	return PH_EUNSUPPORTED;
}

static enum ph_err
fake_table(struct p_dev *d, const char *name, enum fw_table_op op,
    const struct prefix *v, size_t n)
{
	(void)d;
	(void)v;
	assert_string_equal(name, "blocked");
	if (op == FW_TABLE_DELETE)
		k.deletes += (unsigned int)n;
	return PH_OK;
}

static void
fake_pause(uint32_t us)
{
	k.pauses++;
	k.pause_us += us;
}

const struct p_sys sys = {
	.dialect = P_FREEBSD,
	.open = fake_open,
	.close = fake_close,
	.write = fake_write,
	.flush = fake_flush,
	.rules = fake_rules,
	.enabled = fake_enabled,
	.hooked = fake_hooked,
	.count = fake_count,
	.states = fake_states,
	.kill = fake_kill,
	.add = fake_add,
	.table = fake_table,
	.pause = fake_pause,
};

char text[512];
struct strbuf why;

struct fw *
opened(const struct fw_config *c)
{
	struct fw *fw;

	why = strbuf_of(text, sizeof(text));
	assert_int_equal(p_open(&fw, &sys, c, 0, &why), PH_OK);
	return fw;
}

struct fw_change
change(enum fw_op op, uint64_t id, uint16_t port)
{
	struct fw_change c;
	struct addr phone = addr_v4(198, 51, 100, 7);

	memset(&c, 0, sizeof(c));
	c.op = op;
	c.hole.id = id;
	c.hole.proto = IPPROTO_UDP;
	c.hole.dir = PINHOLE_IN;
	c.hole.from = prefix_host(&phone);
	c.hole.to = addr_v4(192, 0, 2, 20);
	c.hole.to_lo = port;
	c.hole.to_hi = port + 1;
	return c;
}

struct p_state
state_to(uint64_t id, uint16_t port, uint64_t packets)
{
	struct p_state s = { .id = id,
		.proto = IPPROTO_UDP,
		.packets = { packets, packets / 10 } };

	s.src.addr = addr_v4(198, 51, 100, 7);
	s.src.port = 4000;
	s.dst.addr = addr_v4(192, 0, 2, 20);
	s.dst.port = port;
	s.in_src = s.src;
	s.in_dst = s.dst;
	return s;
}

int
reset(void **state)
{
	(void)state;
	memset(&k, 0, sizeof(k));
	return 0;
}

void
note(void *ctx, struct fw_entry *e, unsigned int ends)
{
	*(uint64_t *)ctx += (e != NULL ? e->id : 0) * 100 + ends;
}
