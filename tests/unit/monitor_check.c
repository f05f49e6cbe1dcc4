/* SPDX-License-Identifier: ISC */
/*
 * What pinholed -n says, and whether it is content, for a machine of paper: one
 * thing is wrong at a time.
 */
#include <net/if.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/memfile.h"
#include "src/compat/packetq.h"
#include "src/compat/sandbox.h"
#include "src/engine/hep_key.h"
#include "src/engine/ports.h"
#include "src/fw/fw.h"
#include "src/monitor/check.h"
#include "src/monitor/generation.h"
#include "src/monitor/server.h"
#include "src/monitor/statefile.h"
#include "src/process/iface.h"
#include "src/process/listen.h"
#include "src/process/unixsock.h"
#include "src/proxy/keyfile.h"
#include "src/share/process.h"
#include "tests/unit/unit.h"

/* What is wrong; NULL and 0: nothing.  A text is what is said of it. */
static struct {
	uid_t uid;
	const char *unprivileged, *hidden;
	pid_t running, holder;
	const char *user, *nobody, *keys, *key, *hep, *impossible, *secrets,
	    *tls, *server, *state, *control, *own, *filter, *warning, *queue,
	    *capture, *interfaces, *missing, *foreign;
	bool speechless; /* the filter says nothing */
	enum listen_kind kind;
	int error; /* of a listener */
	bool protected;
} w;

static struct fw_ops ops;
static struct conf *conf;
static bool whole; /* the captures were tried so */
static bool local;

static enum ph_err
wrong(const char *text, struct strbuf *why)
{
	if (text != NULL)
		strbuf_str(why, text);
	return text != NULL ? PH_EIO : PH_OK;
}

uid_t __wrap_geteuid(void);
int __wrap_access(const char *path, int mode);
unsigned int __wrap_if_nametoindex(const char *name);
void __wrap_sandbox_missing(bool firewall, struct strbuf *out);
enum ph_err __wrap_sandbox_user(struct sandbox *out, const char *user,
    bool required, struct strbuf *why);
pid_t __wrap_generation_holder(const struct conf *c);
enum ph_err __wrap_keyfiles_read(struct keyfiles *out,
    const struct conf_tables *c, struct strbuf *why);
enum ph_err __wrap_hep_key_read(struct hep_key *out, const struct conf_hep *c,
    struct strbuf *why);
bool __wrap_share_possible(const struct conf_share *c, struct strbuf *why);
enum ph_err __wrap_secrets_read(struct secrets *s, const struct conf_share *c,
    struct strbuf *why);
enum ph_err __wrap_tls_new(struct tls **out, const struct conf_share *c,
    struct strbuf *why);
void __wrap_tls_free(struct tls *t);
bool __wrap_server_try(const struct conf *c, const struct secrets *secrets,
    struct tls *tls, struct strbuf *why);
enum ph_err __wrap_state_try(const char *path, struct strbuf *why);
pid_t __wrap_state_holder(const char *path);
enum ph_err __wrap_unixsock_try(const char *path, struct strbuf *why);
const struct fw_ops *__wrap_fw_lookup(const char *name);
enum ph_err __wrap_iface_own(struct iface *out, const struct conf *c,
    struct strbuf *why);
enum ph_err __wrap_packetq_try(uint32_t number, struct strbuf *why);
enum ph_err __wrap_engine_capture_try(const struct conf *c, bool all,
    struct strbuf *why);
void __wrap_listeners_try(const struct conf *c,
    void (*failed)(void *ctx, const struct listener *l, int error), void *ctx);
void __wrap_listeners_foreign(const struct conf *c, struct strbuf *out);

uid_t
__wrap_geteuid(void)
{
	return w.uid;
}

int
__wrap_access(const char *path, int mode)
{
	errno = EACCES;
	return mode == R_OK && w.hidden != NULL && strcmp(path, w.hidden) == 0
	    ? -1
	    : 0;
}

unsigned int
__wrap_if_nametoindex(const char *name)
{
	return w.missing != NULL && strcmp(name, w.missing) == 0 ? 0 : 7;
}

void
__wrap_sandbox_missing(bool firewall, struct strbuf *out)
{
	if (w.unprivileged != NULL &&
	    firewall == ((ops.caps & FW_CAP_OFFLINE) == 0))
		strbuf_str(out, w.unprivileged);
}

enum ph_err
__wrap_sandbox_user(struct sandbox *out, const char *user, bool required,
    struct strbuf *why)
{
	assert_true(required);
	out->user = w.nobody != NULL ? w.nobody : user;
	return wrong(w.user, why);
}

pid_t
__wrap_generation_holder(const struct conf *c)
{
	assert_ptr_equal(c, conf);
	return w.running;
}

/* Its first look is at what needs no key, then each key alone. */
enum ph_err
__wrap_keyfiles_read(struct keyfiles *out, const struct conf_tables *c,
    struct strbuf *why)
{
	memset(out, 0, sizeof(*out));
	assert_true(c->nkey <= 1);
	if (c->nkey == 0)
		return wrong(w.keys, why);
	return strcmp(c->key->path, "/k2") == 0 ? wrong(w.key, why) : PH_OK;
}

enum ph_err
__wrap_hep_key_read(struct hep_key *out, const struct conf_hep *c,
    struct strbuf *why)
{
	(void)out;
	assert_ptr_equal(c, &conf->hep);
	return wrong(w.hep, why);
}

bool
__wrap_share_possible(const struct conf_share *c, struct strbuf *why)
{
	(void)c;
	return wrong(w.impossible, why) == PH_OK;
}

enum ph_err
__wrap_secrets_read(struct secrets *s, const struct conf_share *c,
    struct strbuf *why)
{
	(void)c;
	s->keylen = 5;
	return wrong(w.secrets, why);
}

enum ph_err
__wrap_tls_new(struct tls **out, const struct conf_share *c, struct strbuf *why)
{
	(void)c;
	*out = w.tls == NULL ? (struct tls *)&w : NULL;
	return wrong(w.tls, why);
}

void
__wrap_tls_free(struct tls *t)
{
	assert_true(t == NULL || t == (struct tls *)&w);
}

bool
__wrap_server_try(const struct conf *c, const struct secrets *secrets,
    struct tls *tls, struct strbuf *why)
{
	assert_ptr_equal(c, conf);
	assert_int_equal(secrets->keylen, 5);
	assert_true((tls != NULL) == conf->share.tls.on);
	return wrong(w.server, why) == PH_OK;
}

enum ph_err
__wrap_state_try(const char *path, struct strbuf *why)
{
	assert_string_equal(path, "/s");
	return wrong(w.state, why);
}

pid_t
__wrap_state_holder(const char *path)
{
	assert_string_equal(path, "/s");
	return w.holder;
}

enum ph_err
__wrap_unixsock_try(const char *path, struct strbuf *why)
{
	assert_string_equal(path, "/c");
	return wrong(w.control, why);
}

const struct fw_ops *
__wrap_fw_lookup(const char *name)
{
	assert_string_equal(name, conf->firewall);
	return &ops;
}

enum ph_err
__wrap_iface_own(struct iface *out, const struct conf *c, struct strbuf *why)
{
	(void)c;
	memset(out, 0, sizeof(*out));
	out->nownprotected = w.protected;
	return wrong(w.own, why);
}

static enum ph_err
filter_check(const struct fw_config *c, struct strbuf *why)
{
	local = c->local;
	if (w.warning != NULL)
		strbuf_str(why, w.warning);
	if (w.speechless)
		return PH_EIO;
	return wrong(w.filter, why);
}

enum ph_err
__wrap_packetq_try(uint32_t number, struct strbuf *why)
{
	assert_int_equal(number, 77);
	return wrong(w.queue, why);
}

enum ph_err
__wrap_engine_capture_try(const struct conf *c, bool all, struct strbuf *why)
{
	(void)c;
	whole = all;
	if (w.interfaces != NULL)
		strbuf_str(why, w.interfaces);
	return wrong(w.capture, why);
}

void
__wrap_listeners_try(const struct conf *c,
    void (*failed)(void *ctx, const struct listener *l, int error), void *ctx)
{
	static const struct listener l = { .at = { { AF_INET, { 1, 2, 3, 4 } },
					       5 },
		.place = "x:9:9: " };
	struct listener one = l;

	(void)c;
	one.kind = w.kind;
	if (w.error != 0)
		failed(ctx, &one, w.error);
}

void
__wrap_listeners_foreign(const struct conf *c, struct strbuf *out)
{
	(void)c;
	if (w.foreign != NULL)
		strbuf_fmt(out, "%s\n", w.foreign);
}

static int
begin(void **state)
{
	static const char text[] =
	    "protect 192.0.2.0/24\n"
	    "interface { i0 i1 }\n"
	    "user \"_p\"\n"
	    "firewall dry-run\n"
	    "state \"/s\"\n"
	    "control \"/c\"\n"
	    "sip { inline yes }\n"
	    "inline { queue 77 }\n"
	    "tables { listen on 127.0.0.1 key \"/k1\" key \"b\" \"/k2\"\n"
	    "  key \"c\" \"/k3\" allow a }\n"
	    "hep { listen on 127.0.0.1 port 9060 from 192.0.2.9 key \"/h\" }\n"
	    "share redis \"192.0.2.7:6379\" group \"g\" key \"/sk\" password "
	    "\"/sp\" tls {\n   ca \"/ca\" certificate \"/crt\" key \"/key\" "
	    "}\n";

	(void)state;
	memset(&w, 0, sizeof(w));
	ops = (struct fw_ops) { .name = "paper",
		.caps = FW_CAP_HOLD,
		.check = filter_check };
	return conf_parse(&conf, span_of(text), "x", NULL, 0, stderr) == PH_OK
	    ? 0
	    : -1;
}

static int
end(void **state)
{
	(void)state;
	conf_free(conf);
	return 0;
}

/* It says that on its standard error, and is content or not. */
static void
says_for(bool inherited, bool ok, const char *want)
{
	int fd = memfile_open(), saved = dup(STDERR_FILENO);
	char text[2048];
	ssize_t n;
	bool got;

	fflush(stderr);
	dup2(fd, STDERR_FILENO);
	got = check_start(conf, inherited);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	n = pread(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	close(fd);
	assert_string_equal(text, want);
	assert_int_equal(got, ok);
	/* Then all is well again. */
	memset(&w, 0, sizeof(w));
}

static void
says(bool ok, const char *want)
{
	says_for(false, ok, want);
}

static void
all_is_well(void **state)
{
	(void)state;
	says(true, "");
	assert_true(whole);
	assert_false(local);
	w.protected = true;
	says(true, "");
	assert_true(local);
	/* Without any of it. */
	conf->tables.on = conf->share.on = conf->sip.on = false;
	free(conf->state);
	free(conf->control);
	free(conf->hep.key);
	conf->state = conf->control = conf->hep.key = NULL;
	w.state = w.control = w.queue = w.server = w.secrets = "no";
	w.holder = 9;
	says(true, "");
}

static void
users_and_keys_are_looked_at(void **state)
{
	(void)state;
	w.user = "no such user: _p";
	says(false, "x:3:1: no such user: _p\n");
	w.nobody = "nobody";
	says(true, "x:3:1: no user _p; it would run as nobody\n");
	w.keys = "no MAC";
	says(false, "no MAC\n");
	w.key = "x:9:1: /k2: wrong";
	says(false, "x:9:1: /k2: wrong\n");
	w.hidden = "/k2";
	w.key = "x:9:1: /k2: wrong";
	says(false, "x:9:1: /k2: wrong\n");
	w.uid = 5;
	w.hidden = "/k2";
	w.key = "x:9:1: /k2: wrong";
	says(true, "pinholed: without privilege, not looked at: /k2\n");
	conf->tables.on = false;
	w.key = "x:9:1: /k2: wrong";
	says(true, "");
	w.hep = "x:10:1: /h: wrong";
	says(false, "x:10:1: /h: wrong\n");
	w.uid = 5;
	w.hidden = "/h";
	w.hep = "x:10:1: /h: wrong";
	says(true, "pinholed: without privilege, not looked at: /h\n");
}

static void
sharing_is_looked_at(void **state)
{
	static const char *const files[] = { "/sk", "/sp", "/ca", "/crt",
		"/key" };
	char key[] = "/sk";
	size_t i;

	(void)state;
	w.server = "gone";
	says(true, "x:12:1: warning: no server: gone\n");
	w.impossible = "x:12:1: this build cannot";
	says(false, "x:12:1: this build cannot\n");
	w.secrets = "x:12:1: /sk: wrong";
	says(false, "x:12:1: /sk: wrong\n");
	w.tls = "x:13:1: /ca: wrong";
	says(false, "x:13:1: /ca: wrong\n");
	for (i = 0; i < ROWS(files); i++) {
		w.uid = 5;
		w.hidden = files[i];
		w.secrets = w.tls = w.server = "wrong";
		says(true,
		    "pinholed: without privilege, not looked at: the secrets "
		    "of \"share\", and its server\n");
	}
	w.uid = 5;
	w.hidden = "/sk";
	w.impossible = "x:12:1: this build cannot";
	says(false, "x:12:1: this build cannot\n");
	/* Without TLS its files do not matter. */
	conf->share.tls.on = false;
	w.tls = "wrong";
	says(true, "");
	free(conf->share.key);
	conf->share.key = NULL;
	assert_true(conf_share_keyless(&conf->share));
	says(true, "x:12:1: " GENERATION_KEYLESS "\n");
	conf->share.key = strdup(key);
}

static void
a_running_pinholed_has_what_a_start_would_take(void **state)
{
	static const struct {
		pid_t running;
		uid_t uid;
		unsigned int caps;
		const char *says;
		bool ok;
	} rows[] = {
		{ 0, 0, FW_CAP_HOLD,
		    "pinholed: no room\npinholed: /s belongs to process 9\n"
		    "pinholed: warning: no control socket: no path\n"
		    "x:7:7: no queue\n",
		    false },
		{ 8, 0, FW_CAP_HOLD, "pinholed: no room\n", false },
		{ 0, 5, FW_CAP_HOLD,
		    "pinholed: /s belongs to process 9\nx:7:7: no queue\n",
		    false },
		{ 8, 5, FW_CAP_HOLD, "", true },
		{ 0, 0, 0,
		    "pinholed: no room\npinholed: /s belongs to process 9\n"
		    "pinholed: warning: no control socket: no path\n",
		    false },
		{ 0, 0, FW_CAP_OFFLINE, "pinholed: /s belongs to process 9\n",
		    false },
		{ 8, 0, FW_CAP_OFFLINE, "", true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%zu\n", i);
		w.running = rows[i].running;
		w.uid = rows[i].uid;
		ops.caps = rows[i].caps;
		w.holder = 9;
		w.state = "no room";
		w.control = "no path";
		w.queue = "no queue";
		says(rows[i].ok, rows[i].says);
	}
	ops.caps = FW_CAP_HOLD;
	w.control = "no path";
	says(true, "pinholed: warning: no control socket: no path\n");
	conf->sip.inline_ = false;
	w.queue = "no queue";
	says(true, "");
}

static void
the_packet_filter_is_asked(void **state)
{
	(void)state;
	w.filter = "add this:\n\tpass";
	says(false, "x:4:1: add this:\nx:4:1: \tpass\n");
	w.speechless = true;
	says(false, "x:4:1: the packet filter cannot be asked\n");
	w.warning = "mind\nthat";
	says(true, "pinholed: mind\npinholed: that\n");
	w.own = "no addresses";
	says(false, "pinholed: no addresses\n");
	ops.caps = FW_CAP_OFFLINE;
	w.filter = w.own = "no";
	says(true, "");
	ops.caps = FW_CAP_HOLD;
	w.unprivileged = "CAP_NET_ADMIN";
	w.filter = w.own = w.queue = "no";
	says(true,
	    "pinholed: without privilege, not looked at: the packet filter, "
	    "the captures\n");
	assert_false(whole);
}

static void
interfaces_and_captures_are_tried(void **state)
{
	(void)state;
	w.interfaces = "capture on i0\ncapture on i1";
	says(true, "pinholed: capture on i0\npinholed: capture on i1\n");
	w.capture = "no capture";
	says(false, "no capture\n");
	w.missing = "i1";
	w.capture = "no capture";
	says(false, "x:2:16: no such interface: i1\n");
	w.missing = "i0";
	says(false, "x:2:13: no such interface: i0\n");
	w.missing = "i2";
	assert_true(check_interfaces(conf));
}

static void
listeners_are_tried(void **state)
{
	static const struct {
		uid_t uid;
		int error;
		pid_t running;
		enum listen_kind kind;
		bool privileged;
		int said; /* 0: nothing, 1: it, 2: not looked at */
	} rows[] = {
		{ 0, EACCES, 0, LISTEN_FTP, true, 1 },
		{ 5, EACCES, 0, LISTEN_FTP, true, 2 },
		{ 0, EADDRNOTAVAIL, 0, LISTEN_FTP, true, 1 },
		{ 0, EADDRNOTAVAIL, 0, LISTEN_FTP, false, 0 },
		{ 0, EADDRNOTAVAIL, 0, LISTEN_TABLES, false, 1 },
		{ 0, EADDRINUSE, 0, LISTEN_FTP, true, 1 },
		{ 0, EADDRINUSE, 9, LISTEN_FTP, true, 0 },
		{ 0, ENOBUFS, 9, LISTEN_FTP, true, 1 },
	};
	char want[256], line[128];
	struct strbuf b = strbuf_of(line, sizeof(line));
	struct listener l = { .at = { { AF_INET, { 1, 2, 3, 4 } }, 5 },
		.place = "x:9:9: " };
	size_t i;

	(void)state;
	/* Nothing else depends on privilege. */
	ops.caps = FW_CAP_OFFLINE;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%zu\n", i);
		w.uid = rows[i].uid;
		w.error = rows[i].error;
		w.running = rows[i].running;
		w.kind = l.kind = rows[i].kind;
		w.unprivileged = rows[i].privileged ? NULL : "no";
		strbuf_reset(&b);
		listener_explain(&l, rows[i].error, &b);
		snprintf(want, sizeof(want), "%s%s%s%s%s",
		    rows[i].said == 1 ? line : "",
		    rows[i].said == 1 ? "\n" : "",
		    rows[i].said == 2 || !rows[i].privileged
			? "pinholed: without privilege, not looked at: "
			: "",
		    rows[i].said == 2	     ? "ports below 1024"
			: rows[i].privileged ? ""
					     : "the captures",
		    rows[i].said == 2 || !rows[i].privileged ? "\n" : "");
		says(rows[i].said != 1, want);
	}
	w.error = ENOBUFS;
	w.foreign = "elsewhere";
	says_for(true, true, "");
	w.foreign = "elsewhere";
	says(true, "elsewhere\n");
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(all_is_well),
		T(users_and_keys_are_looked_at),
		T(sharing_is_looked_at),
		T(a_running_pinholed_has_what_a_start_would_take),
		T(the_packet_filter_is_asked),
		T(interfaces_and_captures_are_tried),
		T(listeners_are_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
