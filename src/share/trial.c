/* SPDX-License-Identifier: ISC */
#include <event2/event.h>

#include <hiredis/hiredis.h>

#include <stdio.h>
#include <string.h>

#include "src/share/redis.h"
#include "src/share/trial.h"

struct trial {
	struct event_base *base;
	struct strbuf *why;
	bool passed, failed;
};

static void
trial_fail(struct trial *t, const char *what, const redisReply *r)
{
	if (t->failed)
		return;
	t->failed = true;
	strbuf_str(t->why, what);
	if (r != NULL) {
		strbuf_str(t->why, ": ");
		redis_explain(r, t->why);
	}
	event_base_loopbreak(t->base);
}

static void
on_lost(void *ctx, const char *why)
{
	struct trial *t = ctx;

	if (!t->passed)
		trial_fail(t, why, NULL);
}

static void
on_password(void *ctx, const redisReply *r, const struct redis_tag *tag)
{
	(void)tag;
	if (r->type == REDIS_REPLY_ERROR)
		trial_fail(ctx, "it refuses the password", r);
}

static void
on_position(void *ctx, const redisReply *r, const struct redis_tag *tag)
{
	struct trial *t = ctx;

	(void)tag;
	if (r->type != REDIS_REPLY_ARRAY) {
		trial_fail(t, "it refuses to let its stream be read", r);
		return;
	}
	t->passed = true;
	event_base_loopbreak(t->base);
}

/* As a box joins: see server.c. */
static void
trial_ask(struct redis *r, const struct conf_share *c,
    const struct secrets *secrets)
{
	char stream[64];
	const char *password[] = { "AUTH", secrets->password };
	const size_t plen[] = { 4, secrets->passwordlen };
	const char *look[] = { "XREVRANGE", stream, "+", "-", "COUNT", "1" };
	const size_t llen[] = { 9,
		(size_t)snprintf(stream, sizeof(stream),
		    "pinholed:{%s}:changes", c->group),
		1, 1, 5, 1 };

	if (secrets->passwordlen > 0)
		redis_send(r, on_password, NULL, 2, password, plen);
	redis_send(r, on_position, NULL, 6, look, llen);
}

enum ph_err
trial_run(const struct conf_share *c, const struct secrets *secrets,
    struct tls *tls, int fd, struct strbuf *why)
{
	static const struct timeval within = { TRIAL_WITHIN, 0 };
	struct trial t = { .base = event_base_new(), .why = why };
	struct redis *r = NULL;

	if (t.base != NULL)
		r = redis_new(t.base, fd, tls, on_lost, &t);
	if (r == NULL) {
		strbuf_str(why, "out of memory");
		return PH_ENOMEM;
	}
	trial_ask(r, c, secrets);
	event_base_loopexit(t.base, &within);
	event_base_dispatch(t.base);
	if (!t.passed)
		trial_fail(&t, redis_late(r), NULL);
	redis_free(r);
	event_base_free(t.base);
	return t.failed ? PH_EIO : PH_OK;
}
