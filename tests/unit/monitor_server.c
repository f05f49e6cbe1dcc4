/* SPDX-License-Identifier: ISC */
/* How pinholed -n tries the server that calls are shared by. */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/sandbox.h"
#include "src/monitor/server.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/pinholed-test.XXXXXX", path[64];
static struct conf conf;
static int server;

/* How the attempt goes. */
static struct {
	uid_t uid;
	enum ph_err prepared, entered, rc;
	const char *text;
	bool dies;
} plan;

uid_t __wrap_geteuid(void);
enum ph_err __wrap_sandbox_prepare(struct sandbox *out, const char *user,
    bool required, const char *rundir, struct strbuf *why);
enum ph_err __wrap_sandbox_enter(enum sandbox_role role,
    const struct sandbox *s, struct strbuf *why);
enum ph_err __wrap_trial_run(const struct conf_share *c,
    const struct secrets *secrets, struct tls *tls, int fd, struct strbuf *why);

uid_t
__wrap_geteuid(void)
{
	return plan.uid;
}

enum ph_err
__wrap_sandbox_prepare(struct sandbox *out, const char *user, bool required,
    const char *rundir, struct strbuf *why)
{
	(void)out;
	(void)rundir;
	if (plan.prepared != PH_OK)
		strbuf_fmt(why, "no user %s%s", user, required ? "!" : "");
	return plan.prepared;
}

enum ph_err
__wrap_sandbox_enter(enum sandbox_role role, const struct sandbox *s,
    struct strbuf *why)
{
	(void)s;
	if (role != SANDBOX_SHARE || plan.entered != PH_OK)
		strbuf_str(why, "no sandbox");
	return role == SANDBOX_SHARE ? plan.entered : PH_EBAD;
}

/* In the child; what is wrong with that is put before the text. */
enum ph_err
__wrap_trial_run(const struct conf_share *c, const struct secrets *secrets,
    struct tls *tls, int fd, struct strbuf *why)
{
	struct sockaddr_un un;
	socklen_t len = sizeof(un);

	if (c != &conf.share || secrets->keylen != 77 || tls != (void *)&conf)
		strbuf_str(why, "arguments? ");
	if (getpeername(fd, (struct sockaddr *)&un, &len) != 0 ||
	    strcmp(un.sun_path, path) != 0)
		strbuf_str(why, "peer? ");
	if (alarm(0) != 6)
		strbuf_str(why, "alarm? ");
	if (plan.dies)
		raise(SIGKILL);
	strbuf_str(why, plan.text);
	return plan.rc;
}

static int
begin(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	static char user[] = "_nobody";

	(void)state;
	strlcpy(dir, "/tmp/pinholed-test.XXXXXX", sizeof(dir));
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/s", dir);
	strlcpy(un.sun_path, path, sizeof(un.sun_path));
	server = socket(AF_UNIX, SOCK_STREAM, 0);
	memset(&plan, 0, sizeof(plan));
	plan.uid = 1000;
	conf.share.path = path;
	conf.user = user;
	return bind(server, (struct sockaddr *)&un, sizeof(un)) != 0 ||
	    listen(server, 16) != 0;
}

static int
end(void **state)
{
	(void)state;
	close(server);
	(void)unlink(path);
	return rmdir(dir);
}

static int
descriptors(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 64; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

static void
is_tried(bool ok, const char *want)
{
	static const struct secrets secrets = { .keylen = 77 };
	char text[256] = "";
	struct strbuf why = strbuf_of(text, sizeof(text));
	int before = descriptors();

	strbuf_str(&why, "why: ");
	assert_int_equal(server_try(&conf, &secrets, (void *)&conf, &why), ok);
	assert_string_equal(text, want);
	assert_int_equal(descriptors(), before);
}

static void
what_it_says_is_told(void **state)
{
	(void)state;
	plan.text = "";
	is_tried(true, "why: ");
	/* The answers on the way do not matter then. */
	plan.text = "something";
	is_tried(true, "why: ");
	plan.rc = PH_EIO;
	is_tried(false, "why: something");
	/* It says nothing. */
	plan.text = "";
	is_tried(true, "why: ");
	plan.dies = true;
	is_tried(false, "why: the attempt failed");
}

static void
it_is_tried_without_privilege(void **state)
{
	(void)state;
	plan.text = "tried";
	plan.rc = PH_EIO;
	plan.prepared = plan.entered = PH_EIO;
	is_tried(false, "why: tried");
	plan.uid = 0;
	is_tried(false, "why: no user _nobody");
	conf.user_set = true;
	is_tried(false, "why: no user _nobody!");
	conf.user_set = false;
	plan.prepared = PH_OK;
	is_tried(false, "why: no sandbox");
	plan.entered = PH_OK;
	is_tried(false, "why: tried");
}

static void
without_a_server_there_is_nothing_to_try(void **state)
{
	char want[128];

	(void)state;
	plan.rc = PH_EIO;
	plan.text = "tried";
	close(server);
	snprintf(want, sizeof(want), "why: %s", strerror(ECONNREFUSED));
	is_tried(false, want);
	unlink(path);
	snprintf(want, sizeof(want), "why: %s", strerror(ENOENT));
	is_tried(false, want);
	server = -1;
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_it_says_is_told),
		T(it_is_tried_without_privilege),
		T(without_a_server_there_is_nothing_to_try),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
