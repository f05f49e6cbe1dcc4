/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/capture/capture.h"
#include "src/capture/hep_stream.h"
#include "src/engine/engine.h"
#include "src/engine/hep_policy.h"
#include "src/engine/hints.h"
#include "src/engine/ports.h"
#include "src/engine/progress.h"
#include "src/engine/replay.h"
#include "src/engine/report.h"
#include "src/engine/story.h"
#include "src/engine/explain.h"
#include "src/fw/config.h"
#include "src/fw/direct.h"

struct replay {
	struct engine *engine;
	const struct fw_ops *ops;
	struct fw *fw;
	struct fw_config config;
	struct form_counts forms;
	struct direct *direct;
	int64_t now;
	bool followed; /* SIP is */
	bool quiet;    /* no events */
	struct progress progress;
	const struct conf_hep *mirror; /* NULL: nobody mirrors */
	struct hep_key hep_key;
	struct hep_policy hep;
	unsigned long failed; /* commits the backend refused */
};

static void
on_line(void *ctx, const char *text)
{
	struct replay *r = ctx;

	if (r->quiet)
		return;
	progress_wipe(&r->progress);
	/* pinholed -r x.pcap -b pf-text | pfctl -nf - */
	if (r->ops->caps & FW_CAP_RULES)
		fputs("# ", stdout);
	fputs(text, stdout);
	putchar('\n');
}

static void
on_commit(void *ctx, const struct fw_change *changes, size_t n)
{
	struct replay *r = ctx;

	if (direct_commit(r->direct, changes, n, r->now) != PH_OK)
		r->failed++;
}

/* A connection: one of signalling, or one by which it is mirrored. */
struct followed {
	void *engine;
	struct hep_stream *hep;
};

/* One packet of HEP, and who sent it. */
struct mirroring {
	struct replay *r;
	const struct datagram *d;
};

static bool
is_mirror(const struct replay *r, const struct datagram *d)
{
	return r->mirror != NULL && d->dst.port == r->mirror->listen.port;
}

static void
on_hep(void *ctx, struct span packet)
{
	const struct mirroring *m = ctx;
	enum hep_refusal why;
	struct datagram d;

	if (hep_policy_packet(&m->r->hep, m->d->ts, &m->d->src.addr, packet, &d,
		&why))
		engine_udp(m->r->engine, d.ts, &d);
}

static void
on_udp(void *ctx, const struct datagram *d)
{
	struct replay *r = ctx;
	struct mirroring m = { r, d };

	r->now = d->ts;
	if (is_mirror(r, d))
		on_hep(&m, d->payload);
	else
		engine_udp(r->engine, d->ts, d);
}

/* Where its beginning was not seen, a connection of HEP is not read. */
static enum capture_more
replay_hep(struct replay *r, struct followed *f, const struct datagram *d)
{
	struct mirroring m = { r, d };

	if (d->joined ||
	    (f->hep == NULL && (f->hep = hep_stream_new()) == NULL))
		return CAPTURE_END;
	if (hep_stream_add(f->hep, d->payload, on_hep, &m) == PH_OK)
		return CAPTURE_PART;
	r->hep.refused[HEP_REFUSED_MALFORMED]++;
	return CAPTURE_END;
}

static enum capture_more
on_tcp(void *ctx, void **user, const struct datagram *d)
{
	struct replay *r = ctx;
	struct followed *f = *user;

	r->now = d->ts;
	if (f == NULL && (f = *user = calloc(1, sizeof(*f))) == NULL)
		return CAPTURE_END;
	if (is_mirror(r, d))
		return replay_hep(r, f, d);
	if (f->hep != NULL)
		return CAPTURE_WHOLE;
	return engine_tcp(r->engine, d->ts, &f->engine, d);
}

static void
on_tcp_end(void *ctx, void *user)
{
	struct replay *r = ctx;
	struct followed *f = user;

	if (f == NULL)
		return;
	engine_tcp_end(r->engine, f->engine);
	hep_stream_free(f->hep);
	free(f);
}

static void
on_other(void *ctx, const struct datagram *d)
{
	struct replay *r = ctx;

	hints_elsewhere(engine_hints(r->engine), d->ts, d);
}

/* To the standard error output, for events go to the standard output. */
static void
on_log_line(void *ctx, const char *text)
{
	struct replay *r = ctx;

	progress_wipe(&r->progress);
	fprintf(stderr, "pinholed: %s\n", text);
}

static void
replay_report(struct replay *r, struct capture *cap)
{
	char text[8192];
	struct strbuf b = strbuf_of(text, sizeof(text));
	struct counters c = { .form = COUNTERS_LINES, .out = &b };

	capture_report(cap, &c);
	engine_report(r->engine, &c);
	hep_policy_report(&r->hep, &c);
	if (r->config.states)
		form_report(&r->forms, &c);
	fputs(text, stderr);
}

static void
replay_hint(struct replay *r)
{
	char text[1024];
	struct strbuf b = strbuf_of(text, sizeof(text));
	struct span line, rest;

	hints_text(engine_hints(r->engine), r->followed, &b);
	for (rest = span_of(text); rest.len > 0;) {
		line = span_cut(rest, '\n', &rest);
		fprintf(stderr, "pinholed: %.*s\n", (int)line.len, line.p);
	}
}

static void
on_told(void *ctx, const char *text)
{
	fprintf(ctx, "%s\n", text);
}

/* --explain. */
static int
replay_explain(const struct replay *r, const struct conf *conf,
    const char *name)
{
	struct tell t = { .story = engine_story(r->engine),
		.sessions = engine_sessions(r->engine),
		.conf = conf,
		.line = on_told,
		.ctx = stdout };
	const struct session *session;
	const struct story_call *c;
	enum tell_found found;

	found = explain_find(&t, span_of(name), 0, &c, &session);
	if (found != TELL_ONE)
		t.ctx = stderr;
	explain_tell(&t, span_of(name), found, c, session);
	return found == TELL_ONE ? 0 : 1;
}

static int
replay_run(struct replay *r, struct capture *cap, const struct conf *conf,
    const struct replay_options *opt, struct report *report)
{
	char text[512];
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct capture_sink sink = { r, on_udp, on_tcp, on_tcp_end, NULL,
		on_other };
	enum ph_err rc;
	int64_t ts = 0;
	int code = 0;

	progress_begin(&r->progress);
	while ((rc = capture_next(cap, &sink, engine_next(r->engine), &ts,
		    &why)) == PH_OK) {
		r->now = ts;
		engine_run(r->engine, ts);
		progress_packet(&r->progress, cap, r->engine);
	}
	/* The last packets may have been of no interest. */
	r->now = ts;
	progress_wipe(&r->progress);
	if (opt->explain != NULL)
		code = replay_explain(r, conf, opt->explain);
	if (report != NULL)
		code = report_write(report, engine_story(r->engine), conf);
	engine_shutdown(r->engine, r->now);
	replay_hint(r);
	if (opt->verbose > 1)
		replay_report(r, cap);
	capture_close(cap, &sink);
	if (rc != PH_EGONE) {
		fprintf(stderr, "pinholed: %s: %s\n", opt->path, text);
		return 2;
	}
	if (r->failed > 0) {
		fprintf(stderr, "pinholed: %s: %lu changes failed\n",
		    r->ops->name, r->failed);
		return 2;
	}
	return code;
}

/*
 * The key may be root's alone to read.  A replay opens nothing, so it goes on
 * without, and says so.
 */
static void
replay_begin_hep(struct replay *r, const struct conf *conf)
{
	char text[512];
	struct strbuf why = strbuf_of(text, sizeof(text));

	if (conf->hep.on)
		r->mirror = &conf->hep;
	if (hep_key_read(&r->hep_key, &conf->hep, &why) != PH_OK)
		fprintf(stderr,
		    "pinholed: %s; mirrored packets with any key "
		    "are read\n",
		    text);
	hep_policy_init(&r->hep, conf, &r->hep_key);
}

/* The ports of SIP, FTP and TFTP, and that of HEP. */
static enum ph_err
replay_ports(const struct conf *conf, struct capture_port **out, size_t *n)
{
	struct capture_port *v;
	enum ph_err rc;

	if ((rc = engine_ports(conf, out, n)) != PH_OK || !conf->hep.on)
		return rc;
	if ((v = reallocarray(*out, *n + 2, sizeof(*v))) == NULL)
		return PH_ENOMEM;
	v[*n] = (struct capture_port) { IPPROTO_UDP, conf->hep.listen.port };
	v[*n + 1] =
	    (struct capture_port) { IPPROTO_TCP, conf->hep.listen.port };
	*n += 2;
	*out = v;
	return PH_OK;
}

int
replay_main(const struct conf *conf, const struct replay_options *opt)
{
	char text[512];
	struct strbuf why = strbuf_of(text, sizeof(text));
	bool with_story = opt->explain != NULL || opt->report != NULL;
	struct engine_place place = {
		.story = with_story ? &story_limits_file : &story_limits_none
	};
	/* The memory that `r` points to is freed by the end of the process. */
	static struct replay r;
	struct engine_sink sink = { &r, on_commit, NULL, on_log_line, NULL,
		NULL, NULL, NULL };
	struct capture_config cc = { 0 };
	struct capture_port *ports = NULL;
	struct events ev = { .format = opt->format,
		.verbose = opt->verbose,
		.explain = opt->fw->explain,
		.fw_config = &r.config,
		.line = on_line,
		.ctx = &r,
		.form = opt->fw->form,
		.forms = &r.forms };
	struct capture *cap = NULL;
	struct report *report = NULL;
	int code = 2;

	if (opt->report != NULL &&
	    (report = report_open(opt->report, opt->path)) == NULL)
		return 2;

	r.quiet = with_story;
	r.ops = opt->fw;
	r.followed = conf->sip.on;
	if (fwconfig_of(conf, &r.config) != PH_OK ||
	    replay_ports(conf, &ports, &cc.nports) != PH_OK) {
		fprintf(stderr, "pinholed: out of memory\n");
		report_close(report);
		return 2;
	}
	cc.ports = ports;
	replay_begin_hep(&r, conf);
	if (r.ops->open(&r.fw, &r.config, 0, &why) != PH_OK)
		fprintf(stderr, "pinholed: %s: %s\n", r.ops->name, text);
	else if (capture_open_file(&cap, &cc, opt->path, &why) != PH_OK)
		fprintf(stderr, "pinholed: %s\n", text);
	else if ((r.direct = direct_new(r.ops, r.fw)) == NULL ||
	    engine_new(&r.engine, conf, &place, &ev, &sink) != PH_OK) {
		fprintf(stderr, "pinholed: out of memory\n");
		capture_close(cap, &(struct capture_sink) { 0 });
	} else
		code = replay_run(&r, cap, conf, opt, report);
	report_close(report);
	if (r.fw != NULL)
		r.ops->close(r.fw, false);
	direct_free(r.direct);
	fwconfig_free(&r.config);
	free(ports);
	if (fflush(stdout) == EOF || ferror(stdout)) {
		perror("pinholed: standard output");
		code = 2;
	}
	return code;
}
