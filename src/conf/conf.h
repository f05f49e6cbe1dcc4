/* SPDX-License-Identifier: ISC */
#ifndef CONF_H
#define CONF_H

#include <net/if.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "src/base/addr.h"
#include "src/base/dialect.h"
#include "src/base/err.h"
#include "src/base/remote.h"
#include "src/base/span.h"
#include "src/base/strbuf.h"

/*
 * pinholed.conf(5), parsed: a tree of plain values that the monitor makes
 * and every process inherits.  It refuses to know what the values are used
 * for, opens nothing but the files it reads, and resolves no names.
 *
 * Lists are arrays with a count.  Strings are owned by the struct conf.
 * Times are in seconds.  Defaults are filled in by conf_load() once
 * everything has been read.
 *
 * A place is the text "file:line:column: ", for errors that only the host can
 * find.  It is "" if the value is a default or comes from an option.
 */
struct prefixes {
	struct prefix *v;
	size_t n;
};

struct ports {
	uint16_t *v;
	size_t n;
};

struct strings {
	char **v;
	size_t n;
};

/* external 203.0.113.10 for 192.0.2.10 */
struct conf_external {
	struct addr outside, inside;
};

struct conf_sip {
	bool on; /* default: yes, unless only other blocks are written */
	struct ports port;	     /* default 5060; UDP and TCP */
	struct prefixes server;	     /* who may name other protected hosts */
	struct prefixes media;	     /* what may be opened; default: protect */
	bool media_default;	     /* it is not written */
	uint16_t media_lo, media_hi; /* default 1024:65535 */
	enum remote remote;
	struct prefixes remotes;   /* with REMOTE_LIST */
	struct prefixes symmetric; /* who sends from the port it names */
	bool early_media;	   /* default yes */
	bool hold_keep;		   /* hold keep (default) | close */
	struct conf_external *external;
	size_t nexternal;
	bool redirect; /* redirect yes; default no */
	bool inline_;  /* hold signalling until its pinholes are open */
	char *inline_at;
	bool latch; /* only the port that media first came from; default no */
	char *latch_at;
	uint32_t limit_calls;	   /* default 50000 */
	uint32_t limit_per_source; /* calls not yet accepted; default 200 */
	uint32_t limit_rate;	   /* INVITEs per second and source; 0 = off */
	uint32_t limit_streams;	   /* m= lines per body; default 16 */
	uint32_t timeout_setup;	   /* default 180 */
	uint32_t timeout_idle;	   /* default 300 */
	uint32_t timeout_max;	   /* default 43200 */
};

/* One "proxy on ADDR port N ..." line of an ftp or tftp block. */
struct conf_proxy {
	struct endpoint listen;
	struct endpoint reverse; /* reverse to HOST [port N]; af 0: forward */
	struct addr source;	 /* source ADDR: our address to the server */
	bool source_port_20;
	bool anonymous_only;
	uint32_t max_sessions; /* default: ftp 100, tftp 1000 */
	uint32_t timeout;      /* idle seconds; ftp 86400, tftp 30 */
	char *tag, *queue;     /* pf, or NULL */
	char *at;	       /* place of `listen` */
};

/*
 * Constants of the FTP proxy that pinholed.conf(5) promises: the first port for
 * data connections to us, and the seconds that an unused pinhole stays open.
 */
#define CONF_FTP_PROXY_PORT_LO 49152
#define CONF_FTP_PROXY_DATA_S  60

struct conf_ftp {
	bool on;
	struct ports port; /* passive helper; empty: none */
	bool loose;	   /* data address may differ from the control peer */
	uint32_t timeout;  /* data connection must begin within; default 2 */
	struct conf_proxy *proxy;
	size_t nproxy;
};

struct conf_tftp {
	bool on;
	struct ports port;
	uint32_t timeout;	      /* silence; default 30 */
	bool allow_read, allow_write; /* default both */
	struct strings file;	      /* fnmatch(3) patterns; empty: all */
	struct conf_proxy *proxy;
	size_t nproxy;
};

struct conf_key {
	char *name; /* "" for the unnamed one */
	char *path;
	char *at; /* place of `path` */
};

struct conf_tables {
	bool on;
	struct endpoint listen; /* port 56789 by default */
	char *listen_at;
	struct conf_key *key;
	size_t nkey;
	struct strings allow;  /* `force` included */
	char *force;	       /* force TABLE, or NULL */
	struct prefixes never; /* default: protect and own addresses */
	uint32_t timeout;      /* 0: for ever */
	uint32_t max;	       /* entries; default 100000 */
};

/* Signalling that others mirror to us. */
struct conf_hep {
	bool on;
	struct endpoint listen; /* UDP and TCP; port 9060 by default */
	char *listen_at;
	struct prefixes from; /* who may */
	char *key;	      /* a file, or NULL */
	char *key_at;
};

/* How signalling is held, with `sip { inline yes }`. */
struct conf_inline {
	bool on;	  /* the block was written */
	uint32_t queue;	  /* of NFQUEUE; default 5060 */
	uint32_t hold_ms; /* at most; default 20 */
	bool open;	  /* afterwards: fail open (default) | closed */
};

struct conf_status {
	bool on;
	struct endpoint listen; /* port 9508 by default */
	char *listen_at;
};

/* TLS of the connection to a server: `tls`. */
struct conf_tls {
	bool on;
	char *at;	   /* place of the block */
	char *ca;	   /* files: who may have signed its certificate, */
	char *certificate; /* and ours with its key, or NULL */
	char *key;
	char *name; /* in its certificate; NULL: its address */
	char *ca_at, *certificate_at, *key_at;
};

/* The calls of several firewalls, by a server of Redis. */
struct conf_share {
	bool on;
	char *at;		/* place of the statement */
	struct endpoint server; /* or */
	char *path;		/* a unix socket; or NULL */
	char *group;
	char *name;	/* of this box, or NULL: the host's */
	char *password; /* files, or NULL */
	char *key;
	char *password_at, *key_at;
	struct conf_tls tls;
};

struct conf_uplink {
	char *ifname;
	struct addr gateway;
};

/* The scheduling of the engine and the firewall process: `priority`. */
enum conf_priority {
	PRIORITY_NORMAL,
	PRIORITY_HIGH,
	PRIORITY_REALTIME,
};

struct conf {
	struct strings interface;    /* empty: those that reach `protect` */
	struct strings interface_at; /* their places */
	struct prefixes protect;
	char *protect_at;
	struct conf_sip sip;
	struct conf_ftp ftp;
	struct conf_tftp tftp;
	struct conf_tables tables;
	struct conf_hep hep;
	struct conf_status status;
	struct conf_inline inline_;
	struct conf_share share;
	char *user; /* default _pinholed */
	char *user_at;
	bool user_set;	/* written, so a missing user is an error */
	char *firewall; /* backend name; default by platform */
	char *firewall_at;
	char *name;    /* table "..." or anchor "..."; default "pinholed" */
	uint32_t mark; /* default 0x10000 */
	struct strings hook;	/* nftables: "family table chain" */
	bool states;		/* pf: states where it can; default: rules */
	bool kill;		/* pf: states of what has closed; default yes */
	enum p_dialect dialect; /* pf-text; default freebsd */
	bool if_bound;		/* pf: states bound to an interface */
	bool log;
	char *tag;		    /* pf, or NULL */
	char *queue;		    /* pf, or NULL */
	struct conf_uplink *uplink; /* pf: reply-to em0 192.0.2.254 */
	size_t nuplink;
	char *control;	 /* socket path; there is one of this name.ro, too; or
			    NULL */
	char *state;	 /* where calls survive a restart */
	uint32_t buffer; /* capture buffer in bytes; default 32 MiB */
	enum conf_priority priority; /* default normal */
	uint32_t cpu_latency; /* microseconds; default CONF_CPU_LATENCY_ANY */
};

#define CONF_CPU_LATENCY_ANY UINT32_MAX

#define CONF_MAX_HOOKS 8

/*
 * -D macro=value; wins over the same macro in the file, as in pf.conf, and
 * `protect` over the statement.  One that nothing uses is an error.
 */
struct conf_define {
	const char *name;
	const char *value;
};

/*
 * Read and check a configuration.  Every error is written to `errors` as
 * "file:line:column: sentence", all of them before giving up.  With `path`
 * NULL an empty file is read, so that -D protect=... alone can be a whole
 * configuration: the macro `protect` stands for a protect statement if the
 * file has none, and with -D instead of the one that the file has.
 *
 * Returns PH_OK and a conf for conf_free(), PH_EMALFORMED with errors
 * written, PH_EIO if `path` cannot be read (written, too) or PH_ENOMEM.
 */
PH_NODISCARD enum ph_err conf_load(struct conf **out, const char *path,
    const struct conf_define *defines, size_t ndefines, FILE *errors);

/* The same from memory, for tests and the fuzzer; include is refused. */
PH_NODISCARD enum ph_err conf_parse(struct conf **out, struct span text,
    const char *name, const struct conf_define *defines, size_t ndefines,
    FILE *errors);

void conf_free(struct conf *c);

/* As one would write it, with every default: print.c. */
void conf_print(const struct conf *c, FILE *f);

/*
 * The most data connections of FTP, and transfers of TFTP, that are followed at
 * a time; further ones are refused.
 */
#define CONF_FTP_MAX  16384
#define CONF_TFTP_MAX 16384
/* The limit of transfers of all protocols that are configured, together. */
size_t conf_max_transfers(const struct conf *conf);

/*
 * `allow` and `file` of the tftp block: NULL if a request for `file` may
 * pass, or why not, for the client's eyes.
 */
const char *conf_tftp_forbids(const struct conf_tftp *conf, bool write,
    struct span file);

bool conf_loopback(const struct addr *a);
/*
 * Whether whoever is on the way to the server of `share`, or holds it, may
 * write records that are believed: there is no key, and it is elsewhere.
 */
bool conf_share_keyless(const struct conf_share *c);

/* The place of an interface, or "". */
const char *conf_interface_at(const struct conf *c, size_t i);

/* "sip (port 5060), ftp (port 21, proxy)": what it asks to follow. */
void conf_following(const struct conf *c, struct strbuf *out);
/* "pinholectl at PATH, http://ADDRESS:PORT/": where one may ask; or "". */
void conf_answering(const struct conf *c, struct strbuf *out);

void conf_proxy_clear(struct conf_proxy *x); /* free its strings */
void strings_free(struct strings *s);	     /* and empty it */
bool ports_contain(const struct ports *ports, uint16_t port);

#endif
