/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/sandbox.h"
#include "src/monitor/server.h"
#include "src/version.h"

#define TRY_WITHIN (2 * TRIAL_WITHIN) /* seconds, whatever hangs */

static socklen_t
sockaddr_of(const struct conf_share *c, struct sockaddr_storage *ss)
{
	struct sockaddr_un *un = (void *)ss;
	struct sockaddr_in6 *in6 = (void *)ss;
	struct sockaddr_in *in = (void *)ss;

	memset(ss, 0, sizeof(*ss));
	if (c->path != NULL) {
		un->sun_family = AF_UNIX;
		strlcpy(un->sun_path, c->path, sizeof(un->sun_path));
		return sizeof(*un);
	}
	if (c->server.addr.af == AF_INET6) {
		in6->sin6_family = AF_INET6;
		memcpy(&in6->sin6_addr, c->server.addr.b, 16);
		in6->sin6_port = htons(c->server.port);
		return sizeof(*in6);
	}
	in->sin_family = AF_INET;
	memcpy(&in->sin_addr, c->server.addr.b, 4);
	in->sin_port = htons(c->server.port);
	return sizeof(*in);
}

int
server_connect(const struct conf_share *c)
{
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_of(c, &ss);
	int fd =
	    socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, error;

	if (fd == -1)
		return -1;
	/* Records are small, and none waits for the next. */
	if (ss.ss_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (struct sockaddr *)&ss, len) == 0 ||
	    errno == EINPROGRESS)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* Writes to `out` why the server does not answer; nothing: it does. */
static void
try_alone(const struct conf *conf, const struct secrets *secrets,
    struct tls *tls, int fd, int out)
{
	char text[512] = "";
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct sandbox s;

	alarm(TRY_WITHIN);
	if (geteuid() == 0 &&
	    (sandbox_prepare(&s, conf->user, conf->user_set, PINHOLED_RUNDIR,
		 &why) != PH_OK ||
		sandbox_enter(SANDBOX_SHARE, &s, &why) != PH_OK))
		close(fd);
	else if (trial_run(&conf->share, secrets, tls, fd, &why) == PH_OK)
		strbuf_reset(&why);
	_exit(write(out, text, why.len) == (ssize_t)why.len ? 0 : 1);
}

static bool
try_failed(struct strbuf *why)
{
	strbuf_str(why, strerror(errno));
	return false;
}

bool
server_try(const struct conf *conf, const struct secrets *secrets,
    struct tls *tls, struct strbuf *why)
{
	char text[512];
	int fd, ends[2], status = 0;
	ssize_t n;
	pid_t pid;

	if ((fd = server_connect(&conf->share)) == -1 || pipe(ends) == -1)
		return try_failed(why);
	/*
	 * The child would write the bytes that stdio has buffered a second
	 * time.
	 */
	fflush(NULL);
	if ((pid = fork()) == 0)
		try_alone(conf, secrets, tls, fd, ends[1]);
	close(fd);
	close(ends[1]);
	while ((n = read(ends[0], text, sizeof(text))) == -1 && errno == EINTR)
		continue;
	close(ends[0]);
	if (pid == -1 || waitpid(pid, &status, 0) == -1)
		return try_failed(why);
	if (n > 0)
		strbuf_add(why, (struct span) { text, (size_t)n });
	else if (status != 0)
		strbuf_str(why, "the attempt failed");
	return n == 0 && status == 0;
}
