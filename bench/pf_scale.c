/* SPDX-License-Identifier: ISC */
/*
 * The cost of thousands of pinholes on a real pf: time and rules per commit,
 * anchors, and the time of a packet that matches no state.  FreeBSD, root, a pf
 * that nobody needs; it loads a main ruleset of its own:
 *
 *	pf_scale [-bs] [-c calls] [-n packets] [-p pbxs]
 *
 * -b opens both ways, three rules a call instead of two; -s makes states
 * (DIOCADDSTATE) for symmetric peers, and no rules.  Packets go from
 * an address of lo0 to another, so each meets pf twice: as it leaves (and
 * passes) and as it comes in (and is dropped).  Some come from a stranger in
 * the network of the phones, some from elsewhere, some from the phone of the
 * first call, at a port that nobody opened for it.
 */
#include <sys/param.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <sys/wait.h>
#include <net/if.h>
#include <netinet/in.h>
#include <net/pfvar.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pf/bsd.h"
#include "src/fw/direct.h"

#define ROUNDS	  20	     /* of which the fastest counts */
#define NEAR	  0xc6120001 /* 198.18.0.1, as the phones are */
#define ELSEWHERE 0x64640001 /* 100.100.0.1 */
#define PHONE	  0xc61201c8 /* 198.18.1.200 */

static unsigned int ncalls = 10000, npackets = 20000, npbx = 1;
static bool both, states;
static uint32_t seed = 1;
static unsigned long added; /* rules, for the call under way */
static unsigned long batch; /* in the transaction under way */
static unsigned long most;  /* in any transaction */
static int pfdev;

static uint32_t
next(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)seed * below) >> 32);
}

static double
seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int
counting_ioctl(int fd, unsigned long request, void *arg)
{
	if (request == DIOCXBEGIN)
		batch = 0;
	if (request == DIOCADDRULE) {
		added++;
		batch++;
	}
	if (request == DIOCXCOMMIT && batch > most)
		most = batch;
	return ioctl(fd, request, arg);
}

static void
shell(const char *command)
{
	if (system(command) != 0)
		errx(1, "failed: %s", command);
}

static unsigned long
evaluations_of(const char *anchor)
{
	struct pfioc_rule pr;
	unsigned long sum = 0;
	uint32_t n, i, ticket;

	memset(&pr, 0, sizeof(pr));
	strlcpy(pr.anchor, anchor, sizeof(pr.anchor));
	pr.rule.action = PF_PASS;
	if (ioctl(pfdev, DIOCGETRULES, &pr) == -1)
		return 0;
	n = pr.nr;
	ticket = pr.ticket;
	for (i = 0; i < n; i++) {
		pr.nr = i;
		pr.ticket = ticket;
		if (ioctl(pfdev, DIOCGETRULE, &pr) == -1)
			err(1, "DIOCGETRULE %s", anchor);
		sum += pr.rule.evaluations;
	}
	return sum;
}

static uint32_t
anchors_of(const char *anchor, unsigned long *evaluations)
{
	struct pfioc_ruleset rs;
	char sub[MAXPATHLEN];
	uint32_t i, n;

	memset(&rs, 0, sizeof(rs));
	strlcpy(rs.path, anchor, sizeof(rs.path));
	if (ioctl(pfdev, DIOCGETRULESETS, &rs) == -1)
		return 0;
	n = rs.nr;
	for (i = 0; i < n; i++) {
		rs.nr = i;
		strlcpy(rs.path, anchor, sizeof(rs.path));
		if (ioctl(pfdev, DIOCGETRULESET, &rs) == -1)
			err(1, "DIOCGETRULESET");
		snprintf(sub, sizeof(sub), "%s/%s", anchor, rs.name);
		*evaluations += evaluations_of(sub);
	}
	return n + 1;
}

static unsigned long
evaluations(uint32_t *anchors)
{
	unsigned long sum = evaluations_of("") + evaluations_of("pinholed");

	*anchors = anchors_of("pinholed", &sum);
	return sum;
}

/* Packets to media ports that nobody opened for this source. */
static void
packets(uint32_t source, double *us, double *evals, uint32_t *anchors)
{
	struct sockaddr_in from = { 0 }, to = { 0 };
	unsigned long before, after;
	unsigned int i, round;
	double start, took;
	int s;

	if ((s = socket(AF_INET, SOCK_DGRAM, 0)) == -1)
		err(1, "socket");
	from.sin_len = to.sin_len = sizeof(from);
	from.sin_family = to.sin_family = AF_INET;
	from.sin_addr.s_addr = htonl(source);
	from.sin_port = htons(15000);
	if (bind(s, (struct sockaddr *)&from, sizeof(from)) == -1)
		err(1, "bind");
	before = evaluations(anchors);
	*us = 1e9;
	for (round = 0; round < ROUNDS; round++) {
		start = seconds();
		for (i = 0; i < npackets / ROUNDS; i++) {
			to.sin_addr.s_addr = htonl(0xc000020a + next(npbx));
			to.sin_port = htons((uint16_t)(10000 + next(20000)));
			(void)sendto(s, "x", 1, 0, (struct sockaddr *)&to,
			    sizeof(to));
		}
		took = (seconds() - start) * 1e6 / (npackets / ROUNDS);
		*us = took < *us ? took : *us;
	}
	after = evaluations(anchors);
	*evals = (double)(after - before) / (npackets / ROUNDS * ROUNDS);
	close(s);
}

static struct pinhole
hole(uint64_t id, enum pinhole_dir dir, struct addr from, struct addr to,
    uint16_t port)
{
	struct pinhole h = { .id = id,
		.proto = IPPROTO_UDP,
		.dir = (uint8_t)dir,
		.to_lo = port,
		.to_hi = port + 1,
		.from = prefix_host(&from),
		.to = to };

	return h;
}

static int
by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
open_calls(struct direct *d)
{
	struct fw_change v[2] = { { .op = FW_OPEN }, { .op = FW_OPEN } };
	struct addr pbx, phone;
	unsigned long dearest = 0, sum = 0;
	double *us, start;
	uint16_t *ports, swap;
	unsigned int i, j;

	if ((us = calloc(ncalls, sizeof(*us))) == NULL ||
	    (ports = calloc(ncalls, sizeof(*ports))) == NULL)
		err(1, NULL);
	for (i = 0; i < ncalls; i++)
		ports[i] = (uint16_t)(10000 + 2 * (i % 10000));
	for (i = ncalls; i > 1; i--) {
		j = next(i);
		swap = ports[i - 1];
		ports[i - 1] = ports[j];
		ports[j] = swap;
	}
	for (i = 0; i < ncalls; i++) {
		pbx = addr_v4(192, 0, 2, (uint8_t)(10 + i % npbx));
		phone = i == 0 ? addr_v4(198, 18, 1, 200)
			       : addr_v4(198, 18, (uint8_t)next(256),
				     (uint8_t)(2 + next(254)));
		v[0].hole = hole(2 * i + 1, PINHOLE_IN, phone, pbx, ports[i]);
		if (states) {
			/* RTP of a symmetric peer. */
			v[0].hole.from_port = 4000;
			v[0].hole.to_hi = v[0].hole.to_lo;
		}
		v[1].hole = hole(2 * i + 2, PINHOLE_OUT, pbx, phone,
		    (uint16_t)(16384 + 2 * next(8000)));
		added = 0;
		start = seconds();
		if (direct_commit(d, v, both ? 2 : 1, 0) != PH_OK)
			errx(1, "call %u: commit failed", i);
		us[i] = (seconds() - start) * 1e6;
		sum += added;
		dearest = added > dearest ? added : dearest;
	}
	qsort(us, ncalls, sizeof(*us), by_value);
	printf("a call: median %.0f us, 99%% %.0f us; rules written: mean "
	       "%.1f, most %lu, of them in one commit of pf %lu\n",
	    us[ncalls / 2], us[ncalls - 1 - ncalls / 100], (double)sum / ncalls,
	    dearest, most);
	free(us);
	free(ports);
}

static void
setup(void)
{
	char command[128];
	unsigned int i;
	FILE *f;

	shell("ifconfig lo0 inet 100.100.0.1/32 alias");
	shell("ifconfig lo0 inet 198.18.0.1/32 alias");
	shell("ifconfig lo0 inet 198.18.1.200/32 alias");
	for (i = 0; i < npbx; i++) {
		snprintf(command, sizeof(command),
		    "ifconfig lo0 inet 192.0.2.%u/32 alias", 10 + i);
		shell(command);
	}
	if ((f = popen("pfctl -q -f -", "w")) == NULL)
		err(1, "pfctl");
	fprintf(f,
	    "pass out no state\nblock in\n"
	    "anchor \"pinholed\"\n");
	if (pclose(f) != 0)
		errx(1, "pfctl -f failed");
	(void)system("pfctl -q -e 2>/dev/null");
}

static unsigned int
number(const char *s)
{
	char *end;
	unsigned long n = strtoul(s, &end, 10);

	if (*s == '\0' || *end != '\0' || n == 0 || n > 1000000)
		errx(1, "bad number %s", s);
	return (unsigned int)n;
}

int
main(int argc, char *argv[])
{
	struct fw_config config = { .name = "pinholed" };
	static const struct {
		const char *name;
		uint32_t source;
	} strangers[] = { { "near", NEAR }, { "elsewhere", ELSEWHERE },
		{ "a phone", PHONE } };
	double none_us, us, none_evals, evals;
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	uint32_t anchors;
	struct direct *d;
	struct fw *fw;
	size_t i;
	int ch;

	while ((ch = getopt(argc, argv, "bc:n:p:s")) != -1)
		switch (ch) {
		case 'b':
			both = true;
			break;
		case 'c':
			ncalls = number(optarg);
			break;
		case 'n':
			npackets = number(optarg);
			break;
		case 'p':
			npbx = number(optarg);
			break;
		case 's':
			states = true;
			config.states = true;
			break;
		default:
			return 1;
		}
	if (npbx > 200)
		errx(1, "at most 200 PBX");
	if ((pfdev = open("/dev/pf", O_RDONLY)) == -1)
		err(1, "/dev/pf");
	p_ioctl = counting_ioctl;
	setup();
	if (fw_pf.open(&fw, &config, 0, &why) != PH_OK)
		errx(1, "%s", text);
	if ((d = direct_new(&fw_pf, fw)) == NULL)
		err(1, NULL);
	packets(NEAR, &none_us, &none_evals, &anchors);
	printf("%u calls%s to %u PBX\n", ncalls, both ? ", both ways," : "",
	    npbx);
	open_calls(d);
	for (i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
		packets(strangers[i].source, &us, &evals, &anchors);
		printf("a packet without a state, from %s: %.1f evaluations, "
		       "%.2f us; with nothing open %.1f, %.2f us; %.2f times\n",
		    strangers[i].name, evals, us, none_evals, none_us,
		    us / none_us);
	}
	printf("anchors: %u\n", anchors);
	fw_pf.close(fw, false);
	direct_free(d);
	return 0;
}
