/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/stat.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/crc.h"
#include "src/base/idmap.h"
#include "src/base/slab.h"
#include "src/process/checkpoint.h"

/*
 * A file is a header and records.  `complete` is set once everything that
 * still counts has been copied from the other file; until then the other one
 * is read first.
 */
struct file_header {
	uint32_t magic;
	uint32_t complete;
	uint64_t generation;
	uint32_t layout; /* of what follows, and of this */
	uint32_t check;	 /* over all before it */
};

struct record_header {
	uint32_t type;
	uint32_t len; /* of what follows */
	uint64_t key;
	uint32_t pad;
	uint32_t check; /* over all before it and what follows */
};

enum {
	RECORD_PUT = 1,
	RECORD_DEL = 2,
};

#define MAGIC	     0x70696e68u /* also tells the byte order */
#define LAYOUT	     1
#define RECORDS_MAX  1000000
#define BUFFER_SIZE  (2 * (CHECKPOINT_RECORD_MAX + sizeof(struct record_header)))
/* Garbage below this is not worth copying all that lives. */
#define SLACK	     (1024 * 1024)
#define MOVE_AT_ONCE 16
#define LOOK_AT_ONCE 256

/*
 * For the limits.  A call of two streams takes 600 bytes, an entry of a table
 * 100; a file is up to twice what is alive in it.
 */
#define LIMIT_LEAST ((uint64_t)16 * 1024 * 1024)
#define LIMIT_CALL  2048
#define LIMIT_ENTRY 256

/* A fuzzer cannot guess checksums, and would not get past them. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define CHECKED false
#else
#define CHECKED true
#endif

/* Where the newest record of a key is: one for each call, 24 bytes. */
struct place {
	uint64_t key;
	uint64_t off : 63; /* of the record header */
	uint64_t file : 1;
	uint32_t len; /* with the record header */
};

struct checkpoint {
	int fds[2];
	uint64_t limit;
	uint64_t generation;
	unsigned int cur;    /* the file that is written to */
	bool moving;	     /* the other one still has records that count */
	uint64_t move_from;  /* their keys are not below this one */
	uint64_t end;	     /* of the current file, without `buf` */
	uint64_t other;	     /* size of the other file */
	struct idmap places; /* by their keys */
	struct checkpoint_stats stats;
	int64_t sync_at; /* for checkpoint_run(); 0: nothing waits */
	size_t buffered;
	uint8_t buf[BUFFER_SIZE];
	uint8_t move[CHECKPOINT_RECORD_MAX + sizeof(struct record_header)];
};

static uint32_t
record_sum(const struct record_header *h, const void *p)
{
	return crc32_of(crc32_of(0, h, offsetof(struct record_header, check)),
	    p, h->len);
}

static bool
record_intact(const struct record_header *h, const void *p)
{
	return !CHECKED || h->check == record_sum(h, p);
}

static bool
write_all(int fd, const void *p, size_t len, uint64_t off)
{
	const char *b = p;
	ssize_t n;

	while (len > 0) {
		if ((n = pwrite(fd, b, len, (off_t)off)) <= 0)
			return false;
		b += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return true;
}

/* Read up to `len` bytes, as many as the file has. */
static size_t
read_some(int fd, void *p, size_t len, uint64_t off)
{
	char *b = p;
	size_t done = 0;
	ssize_t n;

	while (done < len &&
	    (n = pread(fd, b + done, len - done, (off_t)(off + done))) > 0)
		done += (size_t)n;
	return done;
}

static bool
write_header(struct checkpoint *c, unsigned int file, bool complete)
{
	struct file_header h = { .magic = MAGIC,
		.complete = complete,
		.generation = c->generation,
		.layout = LAYOUT };

	h.check = crc32_of(0, &h, offsetof(struct file_header, check));
	return write_all(c->fds[file], &h, sizeof(h), 0);
}

static bool
read_header(int fd, struct file_header *h)
{
	return read_some(fd, h, sizeof(*h), 0) == sizeof(*h) &&
	    h->magic == MAGIC && h->layout == LAYOUT &&
	    (!CHECKED ||
		h->check ==
		    crc32_of(0, h, offsetof(struct file_header, check)));
}

static struct place *
place_find(struct checkpoint *c, uint64_t key)
{
	return idmap_find(&c->places, key);
}

static void
place_drop(struct checkpoint *c, struct place *p)
{
	idmap_remove(&c->places, p->key);
	c->stats.records--;
	c->stats.live -= p->len;
	slab_free(p, sizeof(*p));
}

/* From now on, the record of `key` is the one at `off`. */
static enum ph_err
place_set(struct checkpoint *c, uint64_t key, unsigned int file, uint64_t off,
    uint32_t len)
{
	struct place *p = place_find(c, key);

	if (p == NULL) {
		if (c->stats.records == RECORDS_MAX)
			return PH_ELIMIT;
		if ((p = slab_new(sizeof(*p))) == NULL)
			return PH_ENOMEM;
		p->key = key;
		if (idmap_put(&c->places, key, p) != PH_OK) {
			slab_free(p, sizeof(*p));
			return PH_ENOMEM;
		}
		c->stats.records++;
	} else
		c->stats.live -= p->len;
	p->file = file & 1;
	p->off = off;
	p->len = len;
	c->stats.live += len;
	return PH_OK;
}

/*
 * Index one file; *end is behind its last good record.  PH_OK also when it
 * ends in rubbish.
 */
static enum ph_err
index_file(struct checkpoint *c, unsigned int file, uint64_t *end)
{
	struct record_header h;
	uint64_t off = sizeof(struct file_header);
	size_t have = 0, pos = 0, need;
	enum ph_err rc = PH_OK;
	struct place *p;
	bool eof = false;

	/* c->buf slides over the file: [off + pos) is what is looked at. */
	for (;;) {
		if (!eof && have - pos < BUFFER_SIZE / 2) {
			memmove(c->buf, c->buf + pos, have - pos);
			off += pos;
			have -= pos;
			pos = 0;
			have += read_some(c->fds[file], c->buf + have,
			    BUFFER_SIZE - have, off + have);
			eof = have < BUFFER_SIZE;
		}
		if (have == pos)
			break;
		if (have - pos < sizeof(h))
			goto damaged;
		memcpy(&h, c->buf + pos, sizeof(h));
		need = sizeof(h) + h.len;
		if (h.len > CHECKPOINT_RECORD_MAX || have - pos < need ||
		    !record_intact(&h, c->buf + pos + sizeof(h)))
			goto damaged;
		if (h.type == RECORD_PUT)
			rc = place_set(c, h.key, file, off + pos,
			    (uint32_t)need);
		else if (h.type == RECORD_DEL &&
		    (p = place_find(c, h.key)) != NULL)
			place_drop(c, p);
		if (rc == PH_ELIMIT)
			goto damaged;
		if (rc != PH_OK)
			return rc;
		pos += need;
		if (off + pos > c->limit)
			break;
	}
	*end = off + pos;
	return PH_OK;
damaged:
	c->stats.damaged++;
	*end = off + pos;
	return PH_OK;
}

static bool
read_record(struct checkpoint *c, const struct place *p,
    struct record_header *h)
{
	if (p->len < sizeof(*h) || p->len > sizeof(c->move) ||
	    read_some(c->fds[p->file], c->move, p->len, p->off) != p->len)
		return false;
	memcpy(h, c->move, sizeof(*h));
	return h->key == p->key && sizeof(*h) + h->len == p->len &&
	    record_intact(h, c->move + sizeof(*h));
}

/* Choose the file that is valid, read it, and be ready to append. */
static enum ph_err
checkpoint_load(struct checkpoint *c)
{
	struct file_header h[2];
	bool good[2];
	enum ph_err rc;

	good[0] = read_header(c->fds[0], &h[0]);
	good[1] = read_header(c->fds[1], &h[1]);
	if (!good[0] && !good[1]) {
		c->generation = 1;
		c->end = sizeof(struct file_header);
		if (ftruncate(c->fds[0], 0) == -1 ||
		    ftruncate(c->fds[1], 0) == -1 || !write_header(c, 0, true))
			return PH_EIO;
		return PH_OK;
	}
	if (good[0] && good[1])
		c->cur = h[1].generation >= h[0].generation;
	else
		c->cur = good[1];
	c->generation = h[c->cur].generation;
	c->moving = !h[c->cur].complete && good[!c->cur];
	if (c->moving && (rc = index_file(c, !c->cur, &c->other)) != PH_OK)
		return rc;
	if ((rc = index_file(c, c->cur, &c->end)) != PH_OK)
		return rc;
	/*
	 * A torn record at the end must go: what is written next would stand
	 * behind it, and never be read.
	 */
	if (ftruncate(c->fds[c->cur], (off_t)c->end) == -1 ||
	    (!c->moving && ftruncate(c->fds[!c->cur], 0) == -1))
		return PH_EIO;
	return PH_OK;
}

uint64_t
checkpoint_limit_calls(const struct conf *conf)
{
	return LIMIT_LEAST + (uint64_t)conf->sip.limit_calls * LIMIT_CALL;
}

uint64_t
checkpoint_limit_tables(const struct conf *conf)
{
	return LIMIT_LEAST + (uint64_t)conf->tables.max * LIMIT_ENTRY;
}

enum ph_err
checkpoint_open(struct checkpoint **out, const int fds[2], uint64_t limit,
    void (*record)(void *ctx, uint64_t key, const void *p, size_t len),
    void *ctx)
{
	struct checkpoint *c;
	struct record_header h;
	uint64_t key = 0;
	struct place *p;
	enum ph_err rc;

	*out = NULL;
	if ((c = calloc(1, sizeof(*c))) == NULL)
		return PH_ENOMEM;
	c->fds[0] = fds[0];
	c->fds[1] = fds[1];
	c->limit = limit;
	idmap_init(&c->places);
	if ((rc = checkpoint_load(c)) != PH_OK) {
		checkpoint_close(c);
		return rc;
	}
	for (; (p = idmap_from(&c->places, key)) != NULL; key++) {
		key = p->key;
		if (read_record(c, p, &h))
			record(ctx, key, c->move + sizeof(h), h.len);
		else
			place_drop(c, p);
		if (key == UINT64_MAX)
			break;
	}
	*out = c;
	return PH_OK;
}

void
checkpoint_close(struct checkpoint *c)
{
	struct place *p;

	if (c == NULL)
		return;
	while ((p = idmap_from(&c->places, 0)) != NULL)
		place_drop(c, p);
	idmap_free(&c->places);
	free(c);
}

enum ph_err
checkpoint_run(struct checkpoint *c, bool haste, int64_t now, int64_t *next)
{
	*next = INT64_MAX;
	if (c->buffered == 0)
		return PH_OK;
	if (c->sync_at == 0)
		c->sync_at = now + CHECKPOINT_WITHIN;
	if (!haste && now < c->sync_at &&
	    c->sync_at - now <= CHECKPOINT_WITHIN) {
		*next = c->sync_at;
		return PH_OK;
	}
	return checkpoint_sync(c);
}

enum ph_err
checkpoint_sync(struct checkpoint *c)
{
	c->sync_at = 0;
	if (c->buffered == 0)
		return PH_OK;
	/* On failure the bytes stay in the buffer, to be tried again. */
	if (!write_all(c->fds[c->cur], c->buf, c->buffered, c->end))
		return PH_EIO;
	c->end += c->buffered;
	c->buffered = 0;
	return PH_OK;
}

/* Append a record whose header is filled in but for the checksum. */
static enum ph_err
record_append(struct checkpoint *c, struct record_header *h, const void *p,
    uint64_t *off)
{
	size_t need = sizeof(*h) + h->len;
	enum ph_err rc;

	if (c->end + c->buffered + need > c->limit)
		return PH_ELIMIT;
	if (need > sizeof(c->buf) - c->buffered &&
	    (rc = checkpoint_sync(c)) != PH_OK)
		return rc;
	h->check = record_sum(h, p);
	*off = c->end + c->buffered;
	memcpy(c->buf + c->buffered, h, sizeof(*h));
	if (p != NULL && h->len > 0)
		memcpy(c->buf + c->buffered + sizeof(*h), p, h->len);
	c->buffered += need;
	return PH_OK;
}

/* Begin to write to the other file, if this one is mostly garbage. */
static enum ph_err
switch_files(struct checkpoint *c)
{
	uint64_t size = c->end + c->buffered;
	unsigned int to = !c->cur;
	enum ph_err rc;

	if (c->moving || size < SLACK || size - c->stats.live < size / 2)
		return PH_OK;
	if ((rc = checkpoint_sync(c)) != PH_OK)
		return rc;
	c->generation++;
	if (ftruncate(c->fds[to], 0) == -1 || !write_header(c, to, false))
		return PH_EIO;
	c->other = c->end;
	c->cur = to;
	c->end = sizeof(struct file_header);
	c->moving = true;
	c->move_from = 0;
	c->stats.switches++;
	return PH_OK;
}

/*
 * The next record of the old file, or NULL.  Keys below c->move_from have none
 * there, for what is written goes to the current file.
 */
static struct place *
place_to_move(struct checkpoint *c, bool *more)
{
	struct place *p;
	int i;

	for (i = 0; i < LOOK_AT_ONCE; i++) {
		p = idmap_from(&c->places, c->move_from);
		*more = p != NULL;
		if (p == NULL)
			return NULL;
		c->move_from = p->key;
		if (p->file != c->cur)
			return p;
		if (c->move_from == UINT64_MAX) {
			*more = false;
			return NULL;
		}
		c->move_from++;
	}
	return NULL;
}

static enum ph_err
move_one(struct checkpoint *c, struct place *p)
{
	struct record_header h;
	enum ph_err rc;
	uint64_t off;

	if (!read_record(c, p, &h)) {
		place_drop(c, p);
		return PH_OK;
	}
	if ((rc = record_append(c, &h, c->move + sizeof(h), &off)) != PH_OK ||
	    (rc = place_set(c, h.key, c->cur, off, p->len)) != PH_OK)
		return rc;
	c->stats.moved++;
	return PH_OK;
}

/* Copy a few of the living; the last of them ends the old file. */
static enum ph_err
move_some(struct checkpoint *c)
{
	struct place *p = NULL;
	bool more = true;
	enum ph_err rc;
	int i;

	if (!c->moving)
		return PH_OK;
	for (i = 0; i < MOVE_AT_ONCE; i++) {
		if ((p = place_to_move(c, &more)) == NULL)
			break;
		if ((rc = move_one(c, p)) != PH_OK)
			return rc;
	}
	if (more)
		return PH_OK;
	if ((rc = checkpoint_sync(c)) != PH_OK)
		return rc;
	if (!write_header(c, c->cur, true) ||
	    ftruncate(c->fds[!c->cur], 0) == -1)
		return PH_EIO;
	c->moving = false;
	c->other = 0;
	return PH_OK;
}

static enum ph_err
checkpoint_tidy(struct checkpoint *c)
{
	enum ph_err rc = switch_files(c);

	return rc == PH_OK ? move_some(c) : rc;
}

enum ph_err
checkpoint_put(struct checkpoint *c, uint64_t key, const void *p, size_t len)
{
	struct record_header h = { .type = RECORD_PUT, .key = key };
	enum ph_err rc;
	uint64_t off;

	if (len > CHECKPOINT_RECORD_MAX)
		return PH_ELIMIT;
	h.len = (uint32_t)len;
	if ((rc = record_append(c, &h, p, &off)) != PH_OK ||
	    (rc = place_set(c, key, c->cur, off,
		 (uint32_t)(sizeof(h) + len))) != PH_OK)
		return rc;
	c->stats.puts++;
	return checkpoint_tidy(c);
}

enum ph_err
checkpoint_del(struct checkpoint *c, uint64_t key)
{
	struct record_header h = { .type = RECORD_DEL, .key = key };
	struct place *p = place_find(c, key);
	enum ph_err rc;
	uint64_t off;

	if (p == NULL)
		return PH_OK;
	if ((rc = record_append(c, &h, NULL, &off)) != PH_OK)
		return rc;
	place_drop(c, p);
	c->stats.dels++;
	return checkpoint_tidy(c);
}

void
checkpoint_stats(const struct checkpoint *c, struct checkpoint_stats *out)
{
	*out = c->stats;
	out->size = c->end + c->buffered + c->other;
}
