/* SPDX-License-Identifier: ISC */
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/process/keyfile.h"
#include "src/share/tls.h"

#define KEY_MAX	     65536 /* bytes of a file */
/* Messages of handshakes that a server has a reason to send, and more. */
#define MESSAGES_MAX 100

/* OpenSSL before 3.0 and LibreSSL lack one or the other. */
#ifndef SSL_OP_IGNORE_UNEXPECTED_EOF
#define SSL_OP_IGNORE_UNEXPECTED_EOF 0
#endif
#ifndef SSL_OP_NO_RENEGOTIATION
#define SSL_OP_NO_RENEGOTIATION 0
#endif

const char *const tls_lacks = NULL;

struct tls {
	SSL_CTX *ctx;
	char name[256];	   /* that the certificate must have */
	bool named;	   /* it is no address: the server may choose by it */
	unsigned messages; /* of handshakes, since the last tls_open() */
};

/* The first error that the library has noted; it forgets all of them. */
static const char *
tls_reason(const char *otherwise)
{
	unsigned long e = ERR_get_error();
	const char *text = ERR_reason_error_string(e);

	ERR_clear_error();
	return text != NULL ? text : otherwise;
}

/* A daemon has no person at hand to type the password of a key. */
static int
on_password(char *buf, int size, int writing, void *ctx)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)ctx;
	return -1;
}

static enum ph_err
certificates_read(struct tls *t, const struct conf_tls *c, struct strbuf *why)
{
	if (access(c->ca, R_OK) == -1) {
		strbuf_fmt(why, "%s%s: %s", c->ca_at, c->ca, strerror(errno));
		return PH_EIO;
	}
	if (SSL_CTX_load_verify_locations(t->ctx, c->ca, NULL) != 1) {
		strbuf_fmt(why, "%s%s: no certificate: %s", c->ca_at, c->ca,
		    tls_reason("not in PEM"));
		return PH_EMALFORMED;
	}
	if (c->certificate == NULL)
		return PH_OK;
	if (access(c->certificate, R_OK) == -1) {
		strbuf_fmt(why, "%s%s: %s", c->certificate_at, c->certificate,
		    strerror(errno));
		return PH_EIO;
	}
	if (SSL_CTX_use_certificate_chain_file(t->ctx, c->certificate) == 1)
		return PH_OK;
	strbuf_fmt(why, "%s%s: no certificate: %s", c->certificate_at,
	    c->certificate, tls_reason("not in PEM"));
	return PH_EMALFORMED;
}

static enum ph_err
key_read(struct tls *t, const struct conf_tls *c, struct strbuf *why)
{
	static char text[KEY_MAX];
	EVP_PKEY *key = NULL;
	enum ph_err rc;
	size_t n;
	BIO *bio;

	rc = keyfile_load(c->key, c->key_at, text, sizeof(text), &n, why);
	if (rc != PH_OK)
		return rc;
	if ((bio = BIO_new_mem_buf(text, (int)n)) != NULL)
		key = PEM_read_bio_PrivateKey(bio, NULL, on_password, NULL);
	if (key == NULL) {
		strbuf_fmt(why, "%s%s: no key: %s", c->key_at, c->key,
		    tls_reason("not in PEM"));
		rc = PH_EMALFORMED;
	} else if (SSL_CTX_use_PrivateKey(t->ctx, key) != 1 ||
	    SSL_CTX_check_private_key(t->ctx) != 1) {
		strbuf_fmt(why, "%s%s: not the key of %s", c->key_at, c->key,
		    c->certificate);
		ERR_clear_error();
		rc = PH_EMALFORMED;
	}
	EVP_PKEY_free(key);
	BIO_free(bio);
	explicit_bzero(text, sizeof(text));
	return rc;
}

/* The name or the address that the server's certificate must have. */
static bool
name_expect(struct tls *t, const struct conf_share *c)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(t->ctx);
	struct addr addr = c->server.addr;

	X509_VERIFY_PARAM_set_hostflags(param,
	    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	/* Also a certificate in the middle of a chain may be trusted. */
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	if (c->tls.name == NULL)
		addr_format(&addr, t->name);
	else {
		strlcpy(t->name, c->tls.name, sizeof(t->name));
		if (addr_parse(span_of(t->name), &addr) != PH_OK) {
			t->named = true;
			return X509_VERIFY_PARAM_set1_host(param, t->name, 0) ==
			    1;
		}
	}
	return X509_VERIFY_PARAM_set1_ip(param, addr.b, addr_bytes(addr.af)) ==
	    1;
}

static enum ph_err
tls_prepare(struct tls *t, const struct conf_share *c, struct strbuf *why)
{
	enum ph_err rc;

	/* A reply has its own end, so that a cut connection hides nothing. */
	SSL_CTX_set_options(t->ctx,
	    SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
		SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_default_passwd_cb(t->ctx, on_password);
	SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_OFF);
	if (SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION) != 1 ||
	    !name_expect(t, c)) {
		strbuf_fmt(why, "%sTLS: %s", c->tls.at,
		    tls_reason("the library refuses"));
		return PH_EIO;
	}
	rc = certificates_read(t, &c->tls, why);
	if (rc == PH_OK && c->tls.key != NULL)
		rc = key_read(t, &c->tls, why);
	return rc;
}

enum ph_err
tls_new(struct tls **out, const struct conf_share *c, struct strbuf *why)
{
	struct tls *t = calloc(1, sizeof(*t));
	enum ph_err rc = PH_ENOMEM;

	*out = NULL;
	if (t != NULL && (t->ctx = SSL_CTX_new(TLS_client_method())) != NULL)
		rc = tls_prepare(t, c, why);
	else
		strbuf_fmt(why, "%sTLS: %s", c->tls.at,
		    tls_reason("out of memory"));
	if (rc == PH_OK)
		*out = t;
	else
		tls_free(t);
	return rc;
}

void
tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	SSL_CTX_free(t->ctx);
	free(t);
}

/*
 * The library reads messages of a handshake for as long as they come, and does
 * not return: after too many, there is no more to read.
 */
static void
on_message(int sent, int version, int type, const void *p, size_t len, SSL *ssl,
    void *arg)
{
	struct tls *t = arg;
	BIO *nothing;

	(void)version;
	(void)p;
	(void)len;
	if (sent || type != SSL3_RT_HANDSHAKE || t->messages++ < MESSAGES_MAX ||
	    (nothing = BIO_new(BIO_s_null())) == NULL)
		return;
	SSL_set0_rbio(ssl, nothing);
}

struct bufferevent *
tls_open(struct tls *t, struct event_base *base, int fd)
{
	struct bufferevent *be = NULL;
	SSL *ssl = SSL_new(t->ctx);

	t->messages = 0;
	if (ssl != NULL) {
		SSL_set_msg_callback(ssl, on_message);
		SSL_set_msg_callback_arg(ssl, t);
	}
	if (ssl != NULL &&
	    (!t->named || SSL_set_tlsext_host_name(ssl, t->name) == 1))
		be = bufferevent_openssl_socket_new(base, fd, ssl,
		    BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	if (be == NULL) {
		SSL_free(ssl);
		close(fd);
	}
	return be;
}

void
tls_explain(const struct tls *t, struct bufferevent *be, struct strbuf *out)
{
	long verdict = SSL_get_verify_result(bufferevent_openssl_get_ssl(be));
	unsigned long e, first = 0;
	const char *text;

	/*
	 * The last one that it gives is the one that came first; but before
	 * that, libevent notes what SSL_get_error(3) has said, of no library.
	 */
	while ((e = bufferevent_get_openssl_error(be)) != 0)
		if (ERR_GET_LIB(e) != 0)
			first = e;
	if (t->messages > MESSAGES_MAX)
		strbuf_str(out, "TLS: its handshake does not end");
	else if (verdict != X509_V_OK)
		strbuf_fmt(out,
		    "its certificate, which must be for %s, is "
		    "refused: %s",
		    t->name, X509_verify_cert_error_string(verdict));
	else if (ERR_GET_REASON(first) == SSL_R_WRONG_VERSION_NUMBER &&
	    ERR_GET_LIB(first) == ERR_LIB_SSL)
		strbuf_str(out, "it does not speak TLS there");
	else if ((text = ERR_reason_error_string(first)) != NULL)
		strbuf_fmt(out, "TLS: %s", text);
}
