/* SPDX-License-Identifier: ISC */
#include <sys/wait.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/compat/memfile.h"
#include "tests/unit/child_play.h"

struct ipc monitor;
struct ipc_msg msg;
pid_t child;
static int said; /* its log and its events */

void
process_begin(void)
{
	ipc_init(&monitor, -1);
	child = 0;
	said = memfile_open();
	memset(&msg, 0, sizeof(msg));
}

void
process_start(int (*run)(int monitor_fd))
{
	const struct log_options foreground = { .foreground = true };
	const struct sigaction ignored = { .sa_handler = SIG_IGN };
	int fds[2];

	assert_int_equal(ipc_pair(fds), PH_OK);
	fflush(NULL);
	if ((child = fork()) == 0) {
		close(fds[1]);
		dup2(said, STDOUT_FILENO);
		dup2(said, STDOUT_FILENO);
		dup2(said, STDERR_FILENO);
		sigaction(SIGPIPE, &ignored, NULL);
		sigaction(SIGTERM, &ignored, NULL);
		log_init(&foreground);
		_exit(run(fds[0]));
	}
	close(fds[0]);
	ipc_close(&monitor);
	ipc_init(&monitor, fds[1]);
	assert_int_equal(expect(&monitor, IPC_READY), -1);
	memset(&msg, 0, sizeof(msg));
}

const char *
process_said(void)
{
	static char text[65536];
	ssize_t n = pread(said, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

void
await_said(const char *text)
{
	int64_t begun = clock_now();

	while (strstr(process_said(), text) == NULL) {
		assert_true(clock_now() - begun < PATIENCE * 1000);
		(void)poll(NULL, 0, 2);
	}
}

int
process_status(void)
{
	int64_t begun = clock_now();
	int rc, how = -1;

	while ((rc = waitpid(child, &how, WNOHANG)) == 0 &&
	    clock_now() - begun < PATIENCE * 1000)
		(void)poll(NULL, 0, 2);
	assert_int_equal(rc, child);
	child = 0;
	if (how != 0 && (!WIFEXITED(how) || WEXITSTATUS(how) != 2))
		print_message("%s", process_said());
	return WIFEXITED(how) ? WEXITSTATUS(how) : -WTERMSIG(how);
}

void
process_quit(void)
{
	memset(&msg, 0, sizeof(msg));
	tell(&monitor, IPC_QUIT, 0, -1);
	assert_int_equal(process_status(), 0);
}

void
process_end(void)
{
	if (child != 0) {
		print_message("%s", process_said());
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		child = 0;
	}
	ipc_close(&monitor);
	close(said);
}

void
tell(struct ipc *c, enum ipc_type type, uint64_t seq, int fd)
{
	assert_int_equal(ipc_send(c, type, seq, &msg, fd), PH_OK);
	memset(&msg, 0, sizeof(msg));
}

int
receive(struct ipc *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	enum ph_err rc;
	int fd = -1;

	do {
		while ((rc = ipc_recv(c, &msg, &fd)) == PH_EAGAIN)
			assert_int_equal(poll(&p, 1, PATIENCE), 1);
		assert_int_equal(rc, PH_OK);
	} while (msg.hdr.type == IPC_BEAT);
	return fd;
}

int
expect(struct ipc *c, enum ipc_type type)
{
	int fd = receive(c);

	assert_int_equal(msg.hdr.type, type);
	return fd;
}

void
await(struct ipc *c, enum ipc_type type)
{
	do
		(void)receive(c);
	while (msg.hdr.type != type);
}

void
introduce(struct ipc *c, enum ipc_type type)
{
	int fds[2];

	ipc_close(c);
	assert_int_equal(ipc_pair(fds), PH_OK);
	ipc_init(c, fds[1]);
	tell(&monitor, type, 0, fds[0]);
}
