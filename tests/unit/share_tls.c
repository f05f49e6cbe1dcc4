/* SPDX-License-Identifier: ISC */
/*
 * The server as pinholed -n tries it, by TLS or not: a process that is made for
 * each row, with a certificate that is made for all.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <event2/event.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/share/tls.h"
#include "src/share/trial.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/pinholed-test.XXXXXX";
static int patience_ms; /* 0: as long as it is */

/* What the server has seen. */
static struct seen {
	char name[64], client[64], asked[256];
	bool greeted;
} * seen;

int __wrap_event_base_loopexit(struct event_base *base,
    const struct timeval *within);
int __real_event_base_loopexit(struct event_base *base,
    const struct timeval *within);

static int breaks; /* the loop has ended without waiting */

int __wrap_event_base_loopbreak(struct event_base *base);
int __real_event_base_loopbreak(struct event_base *base);

int
__wrap_event_base_loopbreak(struct event_base *base)
{
	breaks++;
	return __real_event_base_loopbreak(base);
}

int
__wrap_event_base_loopexit(struct event_base *base,
    const struct timeval *within)
{
	const struct timeval soon = { 0, patience_ms * 1000 };

	assert_int_equal(within->tv_sec, TRIAL_WITHIN);
	assert_int_equal(within->tv_usec, 0);
	return __real_event_base_loopexit(base,
	    patience_ms > 0 ? &soon : within);
}

/* Certificates: NAME.crt and NAME.key below `dir`. */
struct pair {
	X509 *cert;
	EVP_PKEY *key;
};

static EVP_PKEY *
key_make(void)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, NULL);
	EVP_PKEY *key = NULL;

	assert_non_null(c);
	assert_int_equal(EVP_PKEY_keygen_init(c), 1);
	assert_int_equal(EVP_PKEY_keygen(c, &key), 1);
	EVP_PKEY_CTX_free(c);
	return key;
}

static void
extension_add(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(e);
	assert_int_equal(X509_add_ext(cert, e, -1), 1);
	X509_EXTENSION_free(e);
}

/* Signed by `ca`, or by itself; `names` as of openssl-x509(1), or NULL. */
static struct pair
pair_make(const char *subject, const struct pair *ca, const char *names,
    long days)
{
	struct pair p = { X509_new(), key_make() };
	static long serial;
	X509_NAME *name;

	X509_set_version(p.cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(p.cert), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(p.cert), -2 * 86400);
	X509_gmtime_adj(X509_getm_notAfter(p.cert), days * 86400);
	X509_set_pubkey(p.cert, p.key);
	name = X509_get_subject_name(p.cert);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)subject, -1, -1, 0);
	X509_set_issuer_name(p.cert,
	    ca != NULL ? X509_get_subject_name(ca->cert) : name);
	if (ca == NULL)
		extension_add(p.cert, NID_basic_constraints,
		    "critical,CA:TRUE");
	if (names != NULL)
		extension_add(p.cert, NID_subject_alt_name, names);
	assert_true(X509_sign(p.cert, ca != NULL ? ca->key : p.key, NULL) > 0);
	return p;
}

static const char *
path_of(const char *name)
{
	static char path[4][96];
	static int i;

	i = (i + 1) % 4;
	snprintf(path[i], sizeof(path[i]), "%s/%s", dir, name);
	return path[i];
}

static FILE *
file_make(const char *name, const char *suffix)
{
	char file[64];
	FILE *f;

	snprintf(file, sizeof(file), "%s%s", name, suffix);
	f = fopen(path_of(file), "w");
	assert_non_null(f);
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	return f;
}

static void
pair_write(const struct pair *p, const char *name)
{
	FILE *f = file_make(name, ".crt");

	assert_int_equal(PEM_write_X509(f, p->cert), 1);
	fclose(f);
	f = file_make(name, ".key");
	assert_int_equal(PEM_write_PrivateKey(f, p->key, NULL, NULL, 0, NULL,
			     NULL),
	    1);
	fclose(f);
}

static struct pair ca, other;

static int
begin_all(void **state)
{
	static const struct {
		const char *name, *names;
		long days;
	} all[] = {
		{ "good", "IP:192.0.2.1,IP:2001:db8::1,DNS:redis.test", 1 },
		{ "wild", "DNS:*.wild.test,DNS:re*.part.test", 1 },
		{ "late", "IP:192.0.2.1", -1 },
		{ "box", NULL, 1 },
	};
	struct pair p;
	size_t i;
	FILE *f;

	(void)state;
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (seen == MAP_FAILED || mkdtemp(dir) == NULL)
		return -1;
	ca = pair_make("ca", NULL, NULL, 1);
	other = pair_make("other", NULL, NULL, 1);
	pair_write(&ca, "ca");
	pair_write(&other, "other");
	for (i = 0; i < ROWS(all); i++) {
		p = pair_make(all[i].name, &ca, all[i].names, all[i].days);
		pair_write(&p, all[i].name);
		if (i == 0) {
			f = file_make("locked", ".key");
			PEM_write_PrivateKey(f, p.key, EVP_aes_128_cbc(),
			    (const unsigned char *)"pass", 4, NULL, NULL);
			fclose(f);
		}
		X509_free(p.cert);
		EVP_PKEY_free(p.key);
	}
	f = file_make("junk", ".crt");
	fputs("junk\n", f);
	fclose(f);
	f = file_make("open", ".key");
	assert_int_equal(fchmod(fileno(f), 0644), 0);
	fclose(f);
	return 0;
}

static int
end_all(void **state)
{
	static const char *const names[] = { "ca", "other", "good", "wild",
		"late", "box", "locked", "junk", "open" };
	char file[64];
	size_t i;

	(void)state;
	X509_free(ca.cert);
	EVP_PKEY_free(ca.key);
	X509_free(other.cert);
	EVP_PKEY_free(other.key);
	for (i = 0; i < 2 * ROWS(names); i++) {
		snprintf(file, sizeof(file), "%s.%s", names[i / 2],
		    i % 2 ? "crt" : "key");
		(void)unlink(path_of(file));
	}
	munmap(seen, sizeof(*seen));
	return rmdir(dir);
}

/* The server: TLS with this certificate, or none. */
/* clang-format off */
enum kind { PLAIN, TLS, TLS_1_2, TLS_ASKS, TLS_TALKS, SILENT, CLOSES };
/* clang-format on */

static int
on_name(SSL *ssl, int *alert, void *arg)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	(void)arg;
	strlcpy(seen->name, name != NULL ? name : "none", sizeof(seen->name));
	return SSL_TLSEXT_ERR_OK;
}

static void
client_note(SSL *ssl)
{
	X509 *cert = SSL_get_peer_certificate(ssl);

	if (cert == NULL)
		return;
	X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName,
	    seen->client, sizeof(seen->client));
	X509_free(cert);
}

/* Bytes that are not read would make the end a reset. */
static void
server_leave(int fd)
{
	char buf[256];

	shutdown(fd, SHUT_WR);
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	_exit(0);
}

static SSL *
server_greet(int fd, enum kind kind, const char *cert)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	char file[64];
	SSL *ssl;
	int i;

	SSL_CTX_set_tlsext_servername_callback(ctx, on_name);
	if (kind == TLS_1_2)
		SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	snprintf(file, sizeof(file), "%s.crt", cert);
	SSL_CTX_use_certificate_chain_file(ctx, path_of(file));
	snprintf(file, sizeof(file), "%s.key", cert);
	SSL_CTX_use_PrivateKey_file(ctx, path_of(file), SSL_FILETYPE_PEM);
	if (kind == TLS_ASKS) {
		SSL_CTX_load_verify_locations(ctx, path_of("ca.crt"), NULL);
		SSL_CTX_set_verify(ctx,
		    SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	}
	SSL_CTX_set_num_tickets(ctx, kind == TLS_TALKS ? 90 : 1);
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) != 1)
		server_leave(fd);
	/* More messages of a handshake, one after the other. */
	for (i = 0; i < 20 && kind == TLS_TALKS; i++) {
		SSL_new_session_ticket(ssl);
		SSL_do_handshake(ssl);
	}
	seen->greeted = true;
	client_note(ssl);
	return ssl;
}

static void
server_run(int fd, enum kind kind, const char *cert, const char *answer)
{
	size_t len = 0, want = sizeof(seen->asked) - 1;
	SSL *ssl = NULL;
	ssize_t n;

	if (kind == CLOSES)
		server_leave(fd);
	if (kind != PLAIN && kind != SILENT)
		ssl = server_greet(fd, kind, cert);
	while (len < want && strstr(seen->asked, "COUNT") == NULL) {
		n = ssl != NULL
		    ? SSL_read(ssl, seen->asked + len, (int)(want - len))
		    : read(fd, seen->asked + len, want - len);
		if (n <= 0)
			_exit(0);
		len += (size_t)n;
		if (kind == PLAIN && seen->asked[0] != '*')
			break;
	}
	if (kind == SILENT)
		pause();
	if (ssl != NULL)
		(void)SSL_write(ssl, answer, (int)strlen(answer));
	else
		(void)!write(fd, answer, strlen(answer));
	/* Until the other end closes. */
	while (read(fd, seen->asked + want, 1) > 0)
		;
	_exit(0);
}

struct row {
	const char *what;
	enum kind kind;
	const char *cert;      /* of the server */
	const char *ca, *mine; /* of the box; NULL: none */
	const char *at, *name; /* its address, and the configured name */
	const char *password, *answer;
	const char *why; /* NULL: it is let in; @: what its name must be */
};

static enum ph_err
server_meet(const struct row *r, const struct conf_share *c,
    const struct secrets *secrets, struct tls *tls, struct strbuf *why)
{
	enum ph_err rc;
	int fds[2];
	pid_t pid;

	memset(seen, 0, sizeof(*seen));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(evutil_make_socket_nonblocking(fds[0]), 0);
	fflush(NULL);
	if ((pid = fork()) == 0) {
		close(fds[0]);
		alarm(20);
		server_run(fds[1], r->kind, r->cert, r->answer);
	}
	close(fds[1]);
	patience_ms = r->kind == SILENT ? 20 : 0;
	rc = trial_run(c, secrets, tls, fds[0], why);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return rc;
}

static enum ph_err
row_run(const struct row *r, struct strbuf *why)
{
	struct secrets secrets = { .passwordlen = strlen(r->password) };
	static char group[] = "fw", at[] = "";
	struct conf_share c = { .on = true, .group = group };
	/* The long line of one server does not count for the next. */
	int times = strcmp(r->what, "TLS") == 0 ? 30 : 1;
	struct tls *tls = NULL;
	char file[4][64];
	enum ph_err rc;

	memcpy(secrets.password, r->password, secrets.passwordlen);
	assert_int_equal(addr_parse(span_of(r->at), &c.server.addr), PH_OK);
	c.tls.name = r->name != NULL ? strdup(r->name) : NULL;
	snprintf(file[0], sizeof(file[0]), "%s/%s.crt", dir, r->ca);
	c.tls.ca = file[0];
	if (r->mine != NULL) {
		snprintf(file[1], sizeof(file[1]), "%s/%s.crt", dir, r->mine);
		snprintf(file[2], sizeof(file[2]), "%s/%s.key", dir, r->mine);
		c.tls.certificate = file[1];
		c.tls.key = file[2];
	}
	c.tls.at = c.tls.ca_at = c.tls.certificate_at = c.tls.key_at = at;
	if (r->ca != NULL)
		assert_int_equal(tls_new(&tls, &c, why), PH_OK);
	do
		rc = server_meet(r, &c, &secrets, tls, why);
	while (rc == PH_OK && --times > 0);
	tls_free(tls);
	free(c.tls.name);
	return rc;
}

#define REFUSED "its certificate, which must be for @, is refused: "
#define EMPTY	"*0\r\n"
#define A	"192.0.2.1"

/* clang-format off */
static const struct row rows[] = {
	{ "plain", PLAIN, "good", NULL, NULL, A, NULL, "", EMPTY, NULL },
	{ "password", PLAIN, "good", NULL, NULL, A, NULL, "pw",
	    "+OK\r\n" EMPTY, NULL },
	{ "a short password", TLS, "good", "ca", NULL, A, NULL, "p",
	    "+OK\r\n" EMPTY, NULL },
	{ "wrong password", PLAIN, "good", NULL, NULL, A, NULL, "pw",
	    "-WRONGPASS no\r\n" EMPTY,
	    "it refuses the password: WRONGPASS no" },
	{ "two refusals", PLAIN, "good", NULL, NULL, A, NULL, "pw",
	    "-WRONGPASS no\r\n-NOAUTH x\r\n",
	    "it refuses the password: WRONGPASS no" },
	{ "no rights", PLAIN, "good", NULL, NULL, A, NULL, "",
	    "-NOPERM no\r\n",
	    "it refuses to let its stream be read: NOPERM no" },
	{ "no array", PLAIN, "good", NULL, NULL, A, NULL, "", "+OK\r\n",
	    "it refuses to let its stream be read: " },
	{ "replica", PLAIN, "good", NULL, NULL, A, NULL, "",
	    "-READONLY x\r\n",
	    "it refuses to let its stream be read: READONLY x (this is a "
	    "replica: name the server that it follows)" },
	{ "moved", PLAIN, "good", NULL, NULL, A, NULL, "",
	    "-MOVED 1 a:2\r\n",
	    "it refuses to let its stream be read: MOVED 1 a:2 (another "
	    "server of the cluster has this group: name that one)" },
	{ "moving", PLAIN, "good", NULL, NULL, A, NULL, "",
	    "-ASK 1 a:2\r\n",
	    "it refuses to let its stream be read: ASK 1 a:2 (the group is "
	    "moving to another server of the cluster)" },
	{ "no Redis", PLAIN, "good", NULL, NULL, A, NULL, "",
	    "HTTP/1.1 400 no\r\n", "no reply of Redis" },
	{ "an alert", PLAIN, "good", NULL, NULL, A, NULL, "",
	    "\x15\3\3", "it speaks TLS there: see \"tls\"" },
	{ "closed", CLOSES, "good", NULL, NULL, A, NULL, "", "",
	    "it closed the connection; does it speak TLS there?" },
	{ "silent", SILENT, "good", NULL, NULL, A, NULL, "", "",
	    "it does not answer" },

	{ "TLS", TLS, "good", "ca", NULL, A, NULL, "", EMPTY, NULL },
	{ "TLS, password", TLS, "good", "ca", NULL, A, NULL, "pw",
	    "+OK\r\n" EMPTY, NULL },
	{ "IPv6", TLS, "good", "ca", NULL, "2001:db8::1", NULL, "", EMPTY,
	    NULL },
	{ "by name", TLS, "good", "ca", NULL, A, "redis.test", "", EMPTY,
	    NULL },
	{ "by another address", TLS, "good", "ca", NULL, "192.0.2.9", A, "",
	    EMPTY, NULL },
	{ "its own", TLS, "good", "good", NULL, A, NULL, "", EMPTY, NULL },
	{ "wild", TLS, "wild", "ca", NULL, A, "a.wild.test", "", EMPTY, NULL },
	{ "part", TLS, "wild", "ca", NULL, A, "redis.part.test", "", EMPTY,
	    REFUSED },
	{ "wrong address", TLS, "good", "ca", NULL, "192.0.2.2", NULL, "",
	    EMPTY, REFUSED },
	{ "wrong name", TLS, "good", "ca", NULL, A, "other.test", "", EMPTY,
	    REFUSED },
	{ "name alone", TLS, "wild", "ca", NULL, A, NULL, "", EMPTY,
	    REFUSED },
	{ "late", TLS, "late", "ca", NULL, A, NULL, "", EMPTY,
	    REFUSED },
	{ "other CA", TLS, "good", "other", NULL, A, NULL, "", EMPTY,
	    REFUSED },
	{ "1.2", TLS_1_2, "good", "ca", NULL, A, NULL, "", EMPTY, NULL },
	{ "asked", TLS_ASKS, "good", "ca", "box", A, NULL, "", EMPTY, NULL },
	{ "asked in vain", TLS_ASKS, "good", "ca", NULL, A, NULL, "", EMPTY,
	    "certificate" },
	{ "talks", TLS_TALKS, "good", "ca", NULL, A, NULL, "", EMPTY,
	    "TLS: its handshake does not end" },
	{ "not TLS", PLAIN, "good", "ca", NULL, A, NULL, "",
	    "-ERR what is this\r\n", "it does not speak TLS there" },
	{ "TLS, closed", CLOSES, "good", "ca", NULL, A, NULL, "", "",
	    "it closed the connection; does it want a certificate?" },
	{ "TLS, silent", SILENT, "good", "ca", NULL, A, NULL, "", "",
	    "it does not answer; does it speak TLS there?" },
};

/* Of those whose certificate is refused, why. */
static const struct {
	const char	*what;
	long		 verdict;
} refusals[] = {
	{ "part", X509_V_ERR_HOSTNAME_MISMATCH },
	{ "wrong address", X509_V_ERR_IP_ADDRESS_MISMATCH },
	{ "wrong name", X509_V_ERR_HOSTNAME_MISMATCH },
	{ "name alone", X509_V_ERR_IP_ADDRESS_MISMATCH },
	{ "late", X509_V_ERR_CERT_HAS_EXPIRED },
	{ "other CA", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY },
};
/* clang-format on */

/* The text with `word` for an @. */
static void
text_fill(const char *text, const char *word, char *out, size_t size)
{
	struct strbuf b = strbuf_of(out, size);
	struct span rest, first = span_cut(span_of(text), '@', &rest);

	strbuf_reset(&b);
	strbuf_add(&b, first);
	if (strchr(text, '@') != NULL)
		strbuf_str(&b, word);
	strbuf_add(&b, rest);
}

static void
refusal_add(const char *what, char *out, size_t size)
{
	size_t i;

	for (i = 0; i < ROWS(refusals); i++)
		if (strcmp(refusals[i].what, what) == 0)
			strlcat(out,
			    X509_verify_cert_error_string(refusals[i].verdict),
			    size);
}

static void
each_server_is_let_in_or_not(void **state)
{
	char text[512], want[512], auth[64];
	struct strbuf why = strbuf_of(text, sizeof(text));
	const struct row *r;
	const char *p;
	int n;

	(void)state;
	for (r = rows; r < rows + ROWS(rows); r++) {
		print_message("%s\n", r->what);
		strbuf_reset(&why);
		breaks = 0;
		assert_int_equal(row_run(r, &why),
		    r->why == NULL ? PH_OK : PH_EIO);
		assert_true(breaks > 0);
		if (r->why == NULL) {
			assert_string_equal(text, "");
			n = snprintf(auth, sizeof(auth),
			    "*2\r\n$4\r\nAUTH\r\n$%zu\r\n%s\r\n",
			    strlen(r->password), r->password);
			assert_in_range(n, 1, sizeof(auth) - 1);
			snprintf(want, sizeof(want),
			    "%s*6\r\n$9\r\nXREVRANGE\r\n$21\r\n"
			    "pinholed:{fw}:changes\r\n$1\r\n+\r\n$1\r\n-\r\n"
			    "$5\r\nCOUNT\r\n$1\r\n1\r\n",
			    r->password[0] != '\0' ? auth : "");
			assert_memory_equal(seen->asked, want,
			    strstr(want, "COUNT") - want);
		} else {
			p = r->name != NULL ? r->name : r->at;
			text_fill(r->why, p, want, sizeof(want));
			refusal_add(r->what, want, sizeof(want));
			/* Libraries put this in different words. */
			if (strcmp(r->why, "certificate") == 0)
				assert_non_null(strstr(text, want));
			else
				assert_string_equal(text, want);
		}
		if (r->kind == TLS && r->why == NULL)
			assert_string_equal(seen->name,
			    r->name == NULL || strcmp(r->name, A) == 0
				? "none"
				: r->name);
		assert_string_equal(seen->client,
		    r->kind == TLS_ASKS && r->why == NULL ? "box" : "");
	}
}

/* The files of the box, and what is said of them. */
/* clang-format off */
static const struct {
	const char	*ca, *certificate, *key;
	enum ph_err	 rc;
	const char	*why;	/* @: `dir` */
} files[] = {
	{ "ca.crt", NULL, NULL, PH_OK, "" },
	{ "ca.crt", "box.crt", "box.key", PH_OK, "" },
	{ "none", NULL, NULL, PH_EIO, "ca: @/none: No such file" },
	{ "junk.crt", NULL, NULL, PH_EMALFORMED,
	    "ca: @/junk.crt: no certificate: " },
	{ "ca.crt", "none", "box.key", PH_EIO, "cert: @/none: No such file" },
	{ "ca.crt", "junk.crt", "box.key", PH_EMALFORMED,
	    "cert: @/junk.crt: no certificate: " },
	{ "ca.crt", "box.crt", "none", PH_EIO, "key: @/none: " },
	{ "ca.crt", "box.crt", "junk.crt", PH_EMALFORMED,
	    "key: @/junk.crt: no key: " },
	{ "ca.crt", "box.crt", "good.key", PH_EMALFORMED,
	    "key: @/good.key: not the key of " },
	{ "ca.crt", "good.crt", "locked.key", PH_EMALFORMED,
	    "key: @/locked.key: no key: " },
	{ "ca.crt", "box.crt", "open.key", PH_EDENIED, "key: @/open.key: " },
};
/* clang-format on */

static void
what_is_wrong_with_a_file_is_said(void **state)
{
	static char at[4][8] = { "tls: ", "ca: ", "cert: ", "key: " };
	char text[512], want[256], file[3][64];
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct tls *tls;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(files); i++) {
		struct conf_share c = { .on = true };

		print_message("%zu\n", i);
		assert_int_equal(addr_parse(span_of(A), &c.server.addr), PH_OK);
		snprintf(file[0], 64, "%s/%s", dir, files[i].ca);
		snprintf(file[1], 64, "%s/%s", dir, files[i].certificate);
		snprintf(file[2], 64, "%s/%s", dir, files[i].key);
		c.tls = (struct conf_tls) { .on = true,
			.at = at[0],
			.ca = file[0],
			.certificate = files[i].certificate ? file[1] : NULL,
			.key = files[i].key ? file[2] : NULL,
			.ca_at = at[1],
			.certificate_at = at[2],
			.key_at = at[3] };
		strbuf_reset(&why);
		assert_int_equal(tls_new(&tls, &c, &why), files[i].rc);
		assert_int_equal(tls != NULL, files[i].rc == PH_OK);
		text_fill(files[i].why, dir, want, sizeof(want));
		if (memcmp(text, want, strlen(want)) != 0)
			fail_msg("%s is not %s", text, want);
		assert_true(
		    files[i].rc == PH_OK || strlen(text) > strlen(want));
		tls_free(tls);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_with_a_file_is_said),
		cmocka_unit_test(each_server_is_let_in_or_not),
	};

	return cmocka_run_group_tests(tests, begin_all, end_all);
}
