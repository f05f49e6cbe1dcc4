/* SPDX-License-Identifier: ISC */
/*
 * One pinhole and a hundred into nftables: by the backend (netlink), by
 * libnftables, and by running nft.  Compare the ratios, not the numbers.
 *
 * usage: bench_nft_elements [elements that are there already]
 */
#include <sys/wait.h>
#include <netinet/in.h>

#include <err.h>
#include <nftables/libnftables.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "src/fw/direct.h"

extern char **environ;

#define HUNDRED 100

static struct fw_config config = { .name = "pinholed", .mark = 0x10000 };
static struct fw *fw;
static struct direct *direct;
static struct nft_ctx *ctx;
static uint64_t last_id;

static int64_t
clock_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* The i-th pinhole of many: a port of one of many inside hosts. */
static struct pinhole
hole(uint32_t i)
{
	struct pinhole h;

	memset(&h, 0, sizeof(h));
	h.id = ++last_id;
	h.deadline = clock_us(CLOCK_REALTIME) + 600 * 1000000LL;
	h.proto = IPPROTO_UDP;
	h.dir = PINHOLE_IN;
	h.from.addr = addr_v4(198, 51, 100, 7);
	h.from.len = 32;
	h.to = addr_v4(10, (uint8_t)(i >> 24), (uint8_t)(i >> 16),
	    (uint8_t)(i >> 14));
	h.to_lo = h.to_hi = (uint16_t)(10000 + i % 16384);
	return h;
}

static void
by_backend(struct fw_change *v, size_t n)
{
	if (direct_commit(direct, v, n, clock_us(CLOCK_REALTIME)) != PH_OK)
		errx(1, "commit");
}

static char *
as_text(const struct fw_change *v, size_t n)
{
	size_t i, size = n * 160 + 64;
	char *text = malloc(size);
	struct strbuf b;

	if (text == NULL)
		err(1, NULL);
	b = strbuf_of(text, size);
	for (i = 0; i < n; i++)
		fw_nftables.explain(&config, &v[i].hole, &b);
	return text;
}

static void
by_library(struct fw_change *v, size_t n)
{
	char *text = as_text(v, n);

	if (nft_run_cmd_from_buffer(ctx, text) != 0)
		errx(1, "libnftables");
	free(text);
}

/* A file, for a hundred lines are too long for an argument to be fair. */
static void
by_program(struct fw_change *v, size_t n)
{
	char path[] = "/tmp/bench-nft.XXXXXX", nft[] = "nft", f[] = "-f";
	char *argv[] = { nft, f, path, NULL };
	char *text = as_text(v, n);
	size_t len = strlen(text);
	int fd, status;
	pid_t pid;

	if ((fd = mkstemp(path)) == -1 || write(fd, text, len) != (ssize_t)len)
		err(1, "%s", path);
	close(fd);
	free(text);
	if (posix_spawnp(&pid, nft, NULL, NULL, argv, environ) != 0 ||
	    waitpid(pid, &status, 0) != pid || status != 0)
		errx(1, "nft");
	unlink(path);
}

static int
cmp(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Median of `rounds` commits of `n` new pinholes each, in microseconds. */
static double
median(void (*how)(struct fw_change *, size_t), size_t n, int rounds)
{
	static uint32_t next = 1u << 24;
	struct fw_change *v = calloc(n, sizeof(*v));
	int64_t *t = calloc((size_t)rounds, sizeof(*t)), from;
	double result;
	size_t i;
	int r;

	if (v == NULL || t == NULL)
		err(1, NULL);
	for (r = 0; r < rounds; r++) {
		for (i = 0; i < n; i++) {
			v[i].op = FW_OPEN;
			v[i].hole = hole(next++);
		}
		from = clock_us(CLOCK_MONOTONIC);
		how(v, n);
		t[r] = clock_us(CLOCK_MONOTONIC) - from;
	}
	qsort(t, (size_t)rounds, sizeof(*t), cmp);
	result = (double)t[rounds / 2];
	free(v);
	free(t);
	return result;
}

static void
row(const char *what, void (*how)(struct fw_change *, size_t), int rounds,
    double base[2])
{
	double one = median(how, 1, rounds);
	double hundred = median(how, HUNDRED, rounds / 4 + 1);

	if (base[0] == 0) {
		base[0] = one > 0 ? one : 1;
		base[1] = hundred > 0 ? hundred : 1;
	}
	printf("%-14s %10.0f us %8.1f x %10.0f us %8.1f x\n", what, one,
	    one / base[0], hundred, hundred / base[1]);
}

static void
nobody(void *unused, struct fw_entry *e, unsigned int ends)
{
	(void)unused;
	(void)ends;
	(void)e;
}

static void
fill(size_t n)
{
	struct fw_change *v = calloc(n, sizeof(*v));
	int64_t from, next, took, total = 0, longest = 0;
	enum ph_err rc;
	size_t i;

	if (v == NULL)
		err(1, NULL);
	for (i = 0; i < n; i++) {
		v[i].op = FW_OPEN;
		v[i].hole = hole((uint32_t)i);
	}
	from = clock_us(CLOCK_MONOTONIC);
	by_backend(v, n);
	printf("%zu in one commit: %.1f ms\n", n,
	    (double)(clock_us(CLOCK_MONOTONIC) - from) / 1000);
	for (i = 0; i < n; i++)
		v[i].hole.deadline += 1000000;
	from = clock_us(CLOCK_MONOTONIC);
	by_backend(v, n);
	printf("all refreshed in one commit: %.1f ms\n",
	    (double)(clock_us(CLOCK_MONOTONIC) - from) / 1000);
	free(v);
	/* Counters are read between other work: how long is that kept? */
	if (fw_nftables.activity(fw, nobody, NULL, 1) != PH_OK)
		errx(1, "activity");
	do {
		from = clock_us(CLOCK_MONOTONIC);
		next = fw_nftables.tick(fw, from, &rc);
		took = clock_us(CLOCK_MONOTONIC) - from;
		total += took;
		longest = took > longest ? took : longest;
	} while (next - from <= 1000);
	printf("reading all counters: %.1f ms, at most %.1f ms at a time\n\n",
	    (double)total / 1000, (double)longest / 1000);
}

int
main(int argc, char **argv)
{
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000;
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	double base[2] = { 0, 0 };

	if (unshare(CLONE_NEWNET) == -1)
		err(77, "needs root, for a network namespace of its own");
	if (fw_nftables.open(&fw, &config, clock_us(CLOCK_REALTIME), &why) !=
	    PH_OK)
		errx(1, "%s", text);
	if ((direct = direct_new(&fw_nftables, fw)) == NULL)
		err(1, NULL);
	if ((ctx = nft_ctx_new(NFT_CTX_DEFAULT)) == NULL)
		errx(1, "libnftables");
	if (n > 0)
		fill(n);
	printf("%-14s %13s %10s %13s %10s\n", "", "one pinhole", "",
	    "a hundred", "");
	row("netlink", by_backend, 2000, base);
	row("libnftables", by_library, 200, base);
	row("nft, forked", by_program, 40, base);
	nft_ctx_free(ctx);
	fw_nftables.close(fw, false);
	direct_free(direct);
	return 0;
}
