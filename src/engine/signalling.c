/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/base/queue.h"
#include "src/base/strbuf.h"
#include "src/base/tree.h"
#include "src/engine/signalling.h"

#define PORT_MIN 1024

static bool
is_protected(const struct conf *conf, const struct addr *a)
{
	return prefixes_contain(conf->protect.v, conf->protect.n, a);
}

/* `host` is one end; `called` says that the other one began. */
static bool
port_fits(const struct conf *conf, const struct endpoint *host,
    const struct endpoint *peer, bool called)
{
	const struct ports *ports = &conf->sip.port;

	if (!is_protected(conf, &host->addr) ||
	    ports_contain(ports, host->port))
		return true;
	return !called && host->port >= PORT_MIN &&
	    ports_contain(ports, peer->port);
}

/* A protected server, to a client outside that has not said anything. */
static bool
speaks_first(const struct conf *conf, const struct datagram *d)
{
	return !d->resumed && !d->answers && d->origin == ORIGIN_DST &&
	    is_protected(conf, &d->src.addr) &&
	    !is_protected(conf, &d->dst.addr);
}

bool
signalling_fits(const struct conf *conf, const struct datagram *d)
{
	return port_fits(conf, &d->src, &d->dst, d->origin == ORIGIN_DST) &&
	    port_fits(conf, &d->dst, &d->src, d->origin == ORIGIN_SRC) &&
	    !speaks_first(conf, d);
}

/* One message that a protected host was sent at a port of its own choice. */
struct echo {
	RB_ENTRY(echo) node;
	TAILQ_ENTRY(echo) age;
	int64_t at;
	struct addr host, peer;
	size_t len;
	char text[256]; /* what tells messages apart */
};

RB_HEAD(echo_tree, echo);

struct echoes {
	struct echo_tree tree;
	TAILQ_HEAD(, echo) ages; /* oldest first */
	size_t n;
};

static int
echo_cmp(const struct echo *a, const struct echo *b)
{
	int r;

	if ((r = addr_cmp(&a->host, &b->host)) != 0 ||
	    (r = addr_cmp(&a->peer, &b->peer)) != 0)
		return r;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return memcmp(a->text, b->text, a->len);
}

RB_GENERATE_STATIC(echo_tree, echo, node, echo_cmp)

struct echoes *
echoes_new(void)
{
	struct echoes *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	RB_INIT(&e->tree);
	TAILQ_INIT(&e->ages);
	return e;
}

static void
echo_forget(struct echoes *e, struct echo *x)
{
	RB_REMOVE(echo_tree, &e->tree, x);
	TAILQ_REMOVE(&e->ages, x, age);
	e->n--;
	free(x);
}

void
echoes_free(struct echoes *e)
{
	if (e == NULL)
		return;
	while (!TAILQ_EMPTY(&e->ages))
		echo_forget(e, TAILQ_FIRST(&e->ages));
	free(e);
}

/* Copy the span; one that is too long is cut. */
static void
key_of(struct echo *key, const struct addr *host, const struct addr *peer,
    const struct sip_message *m)
{
	struct strbuf b = strbuf_of(key->text, sizeof(key->text));

	memset(key, 0, sizeof(*key));
	key->host = *host;
	key->peer = *peer;
	strbuf_fmt(&b, "%d %d %u %u ", m->request, m->method, m->status,
	    m->cseq);
	strbuf_add(&b, span_sub(m->branch, 0, 100));
	strbuf_str(&b, " ");
	strbuf_add(&b, span_sub(m->call_id, 0, 100));
	key->len = b.len;
}

static void
echo_remember(struct echoes *e, struct echo *key, int64_t now)
{
	struct echo *x = RB_FIND(echo_tree, &e->tree, key);

	if (x != NULL)
		echo_forget(e, x);
	while ((x = TAILQ_FIRST(&e->ages)) != NULL &&
	    (e->n >= ECHOES_MAX || now - x->at > ECHO_WITHIN))
		echo_forget(e, x);
	if ((x = malloc(sizeof(*x))) == NULL)
		return;
	*x = *key;
	x->at = now;
	RB_INSERT(echo_tree, &e->tree, x);
	TAILQ_INSERT_TAIL(&e->ages, x, age);
	e->n++;
}

bool
echoes_input(struct echoes *e, const struct conf *conf, int64_t now,
    const struct datagram *d, const struct sip_message *m)
{
	const struct ports *ports = &conf->sip.port;
	struct echo key, *x;

	if (is_protected(conf, &d->src.addr) &&
	    !ports_contain(ports, d->src.port)) {
		key_of(&key, &d->src.addr, &d->dst.addr, m);
		x = RB_FIND(echo_tree, &e->tree, &key);
		if (x != NULL && now - x->at <= ECHO_WITHIN)
			return true;
	}
	if (is_protected(conf, &d->dst.addr) &&
	    !ports_contain(ports, d->dst.port)) {
		key_of(&key, &d->dst.addr, &d->src.addr, m);
		echo_remember(e, &key, now);
	}
	return false;
}
