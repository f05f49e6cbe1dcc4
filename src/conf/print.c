/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/conf/conf.h"

/*
 * A configuration as one would write it, with every default.  What is printed
 * is read as the same configuration.
 */

static void
print_prefixes(FILE *f, const char *word, const struct prefixes *p)
{
	char buf[ADDR_STRLEN];
	size_t i;

	if (p->n == 0)
		return;
	fprintf(f, "%s {", word);
	for (i = 0; i < p->n; i++)
		fprintf(f, " %s", prefix_format(&p->v[i], buf));
	fprintf(f, " }\n");
}

static void
print_ports(FILE *f, const struct ports *p)
{
	size_t i;

	if (p->n == 0)
		return;
	fprintf(f, "\tport {");
	for (i = 0; i < p->n; i++)
		fprintf(f, " %u", p->v[i]);
	fprintf(f, " }\n");
}

static void
print_quoted(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', f);
		fputc(*s, f);
	}
	fputc('"', f);
}

static void
print_string(FILE *f, const char *before, const char *s)
{
	if (s == NULL)
		return;
	fputs(before, f);
	print_quoted(f, s);
}

static void
print_list(FILE *f, const char *word, const struct strings *s)
{
	size_t i;

	if (s->n == 0)
		return;
	fprintf(f, "%s {", word);
	for (i = 0; i < s->n; i++)
		print_string(f, " ", s->v[i]);
	fprintf(f, " }");
}

static void
print_strings(FILE *f, const char *word, const struct strings *s)
{
	print_list(f, word, s);
	if (s->n > 0)
		fprintf(f, "\n");
}

static const char *const priorities[] = {
	[PRIORITY_NORMAL] = "normal",
	[PRIORITY_HIGH] = "high",
	[PRIORITY_REALTIME] = "realtime",
};

static const char *
yes_no(bool yes)
{
	return yes ? "yes" : "no";
}

static void
print_remote(FILE *f, const struct conf_sip *c)
{
	static const char *const words[] = { [REMOTE_BOTH] = "both",
		[REMOTE_SDP] = "sdp",
		[REMOTE_SIGNALLING] = "signalling",
		[REMOTE_ANY] = "any" };

	if (c->remote == REMOTE_LIST)
		print_prefixes(f, "\tremote", &c->remotes);
	else
		fprintf(f, "\tremote %s\n", words[c->remote]);
}

static void
print_media(FILE *f, const struct conf_sip *c)
{
	char buf[ADDR_STRLEN];
	size_t i;

	if (c->media.n == 0)
		return;
	fprintf(f, "\tmedia {");
	for (i = 0; i < c->media.n; i++)
		fprintf(f, " %s", prefix_format(&c->media.v[i], buf));
	fprintf(f, " } port %u:%u\n", c->media_lo, c->media_hi);
}

static void
print_sip(FILE *f, const struct conf_sip *c)
{
	char a[ADDR_STRLEN], b[ADDR_STRLEN];
	size_t i;

	fprintf(f, "sip {\n");
	print_ports(f, &c->port);
	print_prefixes(f, "\tserver", &c->server);
	print_media(f, c);
	print_remote(f, c);
	print_prefixes(f, "\tsymmetric", &c->symmetric);
	fprintf(f,
	    "\tearly media %s\n\thold %s\n\tredirect %s\n\tlatch %s\n"
	    "\tinline %s\n"
	    "\tlimit calls %u per source %u rate %u streams %u\n"
	    "\ttimeout setup %u idle %u max %u\n",
	    yes_no(c->early_media), c->hold_keep ? "keep" : "close",
	    yes_no(c->redirect), yes_no(c->latch), yes_no(c->inline_),
	    c->limit_calls, c->limit_per_source, c->limit_rate,
	    c->limit_streams, c->timeout_setup, c->timeout_idle,
	    c->timeout_max);
	for (i = 0; i < c->nexternal; i++)
		fprintf(f, "\texternal %s for %s\n",
		    addr_format(&c->external[i].outside, a),
		    addr_format(&c->external[i].inside, b));
	fprintf(f, "}\n");
}

static void
print_proxy(FILE *f, const struct conf_proxy *x)
{
	char buf[ADDR_STRLEN];

	fprintf(f, "\tproxy on %s port %u", addr_format(&x->listen.addr, buf),
	    x->listen.port);
	if (addr_bytes(x->reverse.addr.af) > 0)
		fprintf(f, " reverse to %s port %u",
		    addr_format(&x->reverse.addr, buf), x->reverse.port);
	if (addr_bytes(x->source.af) > 0)
		fprintf(f, " source %s", addr_format(&x->source, buf));
	if (x->source_port_20)
		fprintf(f, " source-port 20");
	if (x->anonymous_only)
		fprintf(f, " anonymous only");
	fprintf(f, " max sessions %u timeout %u", x->max_sessions, x->timeout);
	print_string(f, " tag ", x->tag);
	print_string(f, " queue ", x->queue);
	fprintf(f, "\n");
}

static void
print_ftp(FILE *f, const struct conf_ftp *c)
{
	size_t i;

	fprintf(f, "ftp {\n");
	print_ports(f, &c->port);
	fprintf(f, "\tloose %s\n\ttimeout %u\n", yes_no(c->loose), c->timeout);
	for (i = 0; i < c->nproxy; i++)
		print_proxy(f, &c->proxy[i]);
	fprintf(f, "}\n");
}

static void
print_tftp(FILE *f, const struct conf_tftp *c)
{
	size_t i;

	fprintf(f, "tftp {\n");
	print_ports(f, &c->port);
	fprintf(f, "\ttimeout %u\n\tallow {%s%s }\n", c->timeout,
	    c->allow_read ? " read" : "", c->allow_write ? " write" : "");
	print_strings(f, "\tfile", &c->file);
	for (i = 0; i < c->nproxy; i++)
		print_proxy(f, &c->proxy[i]);
	fprintf(f, "}\n");
}

/* The paths of keys are printed, the keys are not. */
static void
print_tables(FILE *f, const struct conf_tables *c)
{
	char buf[ADDR_STRLEN];
	size_t i;

	fprintf(f, "tables {\n\tlisten on %s port %u\n",
	    addr_format(&c->listen.addr, buf), c->listen.port);
	for (i = 0; i < c->nkey; i++) {
		fprintf(f, "\tkey ");
		if (c->key[i].name[0] != '\0')
			print_string(f, "", c->key[i].name);
		print_string(f, " ", c->key[i].path);
		fprintf(f, "\n");
	}
	print_strings(f, "\tallow", &c->allow);
	print_string(f, "\tforce ", c->force);
	fprintf(f, "%s\ttimeout %u\n\tmax %u\n", c->force != NULL ? "\n" : "",
	    c->timeout, c->max);
	print_prefixes(f, "\tnever", &c->never);
	fprintf(f, "}\n");
}

static void
print_hep(FILE *f, const struct conf_hep *c)
{
	char buf[ADDR_STRLEN];

	fprintf(f, "hep {\n\tlisten on %s port %u\n",
	    addr_format(&c->listen.addr, buf), c->listen.port);
	print_prefixes(f, "\tfrom", &c->from);
	print_string(f, "\tkey ", c->key);
	fprintf(f, "%s}\n", c->key != NULL ? "\n" : "");
}

static void
print_share(FILE *f, const struct conf_share *c)
{
	char buf[ADDR_STRLEN];

	fprintf(f, "share redis");
	print_string(f, " ",
	    c->path != NULL ? c->path : endpoint_format(&c->server, buf));
	print_string(f, " group ", c->group);
	print_string(f, " name ", c->name);
	print_string(f, " password ", c->password);
	print_string(f, " key ", c->key);
	if (c->tls.on) {
		print_string(f, " tls { ca ", c->tls.ca);
		print_string(f, " certificate ", c->tls.certificate);
		print_string(f, " key ", c->tls.key);
		print_string(f, " name ", c->tls.name);
		fprintf(f, " }");
	}
	fprintf(f, "\n");
}

static void
print_firewall(FILE *f, const struct conf *c)
{
	char buf[ADDR_STRLEN];
	size_t i;

	fprintf(f, "firewall %s", c->firewall);
	if (strcmp(c->firewall, "nftables") == 0) {
		print_string(f, " table ", c->name);
		fprintf(f, " mark 0x%x", c->mark);
		print_list(f, " hook", &c->hook);
	} else if (strncmp(c->firewall, "pf", 2) == 0) {
		fprintf(f, " %s", c->states ? "states" : "rules");
		print_string(f, " anchor ", c->name);
		fprintf(f, " kill %s%s%s", yes_no(c->kill),
		    c->if_bound ? " if-bound" : "", c->log ? " log" : "");
		print_string(f, " tag ", c->tag);
		print_string(f, " queue ", c->queue);
		fprintf(f, " dialect %s",
		    c->dialect == P_OPENBSD ? "openbsd" : "freebsd");
	}
	for (i = 0; i < c->nuplink; i++)
		fprintf(f, " reply-to (%s %s)", c->uplink[i].ifname,
		    addr_format(&c->uplink[i].gateway, buf));
	fprintf(f, "\n");
}

void
conf_print(const struct conf *c, FILE *f)
{
	char buf[ADDR_STRLEN];

	print_prefixes(f, "protect", &c->protect);
	print_strings(f, "interface", &c->interface);
	if (c->sip.on)
		print_sip(f, &c->sip);
	if (c->ftp.on)
		print_ftp(f, &c->ftp);
	if (c->tftp.on)
		print_tftp(f, &c->tftp);
	if (c->tables.on)
		print_tables(f, &c->tables);
	if (c->hep.on)
		print_hep(f, &c->hep);
	if (c->sip.inline_)
		fprintf(f, "inline { queue %u hold %u fail %s }\n",
		    c->inline_.queue, c->inline_.hold_ms,
		    c->inline_.open ? "open" : "closed");
	if (c->status.on)
		fprintf(f, "status { listen on %s port %u }\n",
		    addr_format(&c->status.listen.addr, buf),
		    c->status.listen.port);
	if (c->share.on)
		print_share(f, &c->share);
	/* Written, a user who is missing is an error; by default, not. */
	print_string(f, c->user_set ? "user " : "# user ", c->user);
	if (c->control != NULL)
		print_string(f, "\ncontrol ", c->control);
	else
		fputs("\ncontrol no", f);
	print_string(f, "\nstate ", c->state);
	fprintf(f, "\nbuffer %u\npriority %s\n", c->buffer,
	    priorities[c->priority]);
	if (c->cpu_latency == CONF_CPU_LATENCY_ANY)
		fputs("cpu-latency any\n", f);
	else
		fprintf(f, "cpu-latency %u\n", c->cpu_latency);
	print_firewall(f, c);
}
