/* SPDX-License-Identifier: ISC */
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/compat/memfile.h"
#include "src/process/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define LIMIT (1 << 20)

static uint64_t sum, bytes;

static void
on_record(void *ctx, uint64_t key, const void *p, size_t len)
{
	const uint8_t *b = p;
	size_t i;

	(void)ctx;
	sum += key;
	bytes += len;
	for (i = 0; i < len; i++)
		sum += b[i];
}

static struct checkpoint *
load(int fds[2])
{
	struct checkpoint *c;

	sum = bytes = 0;
	if (checkpoint_open(&c, fds, LIMIT, on_record, NULL) != PH_OK)
		abort();
	return c;
}

/*
 * The first byte says where the first file ends.  Whatever was in them, what
 * is loaded once is loaded again the same, and can be written to.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct checkpoint *c;
	uint64_t first;
	size_t split;
	int fds[2];

	if (len == 0 || len > LIMIT / 2)
		return 0;
	split = (len - 1) * data[0] / 255;
	fds[0] = memfile_open();
	fds[1] = memfile_open();
	if (fds[0] == -1 || fds[1] == -1 ||
	    pwrite(fds[0], data + 1, split, 0) != (ssize_t)split ||
	    pwrite(fds[1], data + 1 + split, len - 1 - split, 0) !=
		(ssize_t)(len - 1 - split))
		abort();
	c = load(fds);
	first = sum;
	checkpoint_close(c);
	c = load(fds);
	if (sum != first)
		abort();
	if (checkpoint_put(c, UINT64_MAX, data, len > 64 ? 64 : len) != PH_OK ||
	    checkpoint_del(c, 1) != PH_OK || checkpoint_sync(c) != PH_OK)
		abort();
	checkpoint_close(c);
	checkpoint_close(load(fds));
	if (bytes == 0)
		abort();
	close(fds[0]);
	close(fds[1]);
	return 0;
}
