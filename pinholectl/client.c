/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pinholectl/client.h"

/* Twice the longest line of the daemon. */
#define LINE_LONGEST 16384

struct client {
	int fd;
	FILE *in;
	char line[LINE_LONGEST];
	char error[1024]; /* "": none */
	bool lost, late;
};

/*
 * An attacker may have taken over the process that answers.  Its text must not
 * send commands to our terminal.
 */
void
client_tame(char *s)
{
	unsigned char *p;

	for (p = (unsigned char *)s; *p != '\0'; p++)
		if ((*p < 0x20 && *p != '\n') || *p == 0x7f)
			*p = '?';
		else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			p[0] = p[1] = '?';
}

/* SO_SNDTIMEO holds for connect(), too; 0 is for ever. */
static bool
socket_wait(int fd, int seconds)
{
	const struct timeval tv = { .tv_sec = seconds };

	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) == 0;
}

static int
socket_connect(const char *path, int seconds)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, saved;

	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if ((fd = socket(AF_UNIX, SOCK_STREAM, 0)) == -1)
		return -1;
	if (socket_wait(fd, seconds) &&
	    connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

struct client *
client_open(const char *path, bool fallback, int seconds, const char **tried)
{
	static char read_only[PATH_MAX];
	struct client *c = calloc(1, sizeof(*c));

	*tried = path;
	if (c == NULL)
		return NULL;
	c->fd = socket_connect(path, seconds);
	if (c->fd == -1 && errno == EACCES && fallback) {
		snprintf(read_only, sizeof(read_only), "%s.ro", path);
		*tried = read_only;
		c->fd = socket_connect(read_only, seconds);
	}
	if (c->fd == -1 || (c->in = fdopen(c->fd, "r")) == NULL) {
		free(c);
		return NULL;
	}
	return c;
}

void
client_close(struct client *c)
{
	if (c == NULL)
		return;
	fclose(c->in);
	free(c);
}

bool
client_ask(struct client *c, const char *line)
{
	char text[2048];
	int len = snprintf(text, sizeof(text), "%s\n", line);

	c->error[0] = '\0';
	/* A Call-ID from an answer could bring a second line. */
	if (len < 0 || (size_t)len >= sizeof(text) ||
	    strcspn(line, "\r\n") < strlen(line) ||
	    send(c->fd, text, (size_t)len, MSG_NOSIGNAL) != len) {
		c->lost = true;
		return false;
	}
	return true;
}

json_t *
client_next(struct client *c, const char **line)
{
	const char *end, *error;
	json_t *object;
	size_t len;

	errno = 0;
	if (fgets(c->line, sizeof(c->line), c->in) == NULL ||
	    (len = strlen(c->line)) == 0 || c->line[len - 1] != '\n' ||
	    (object = json_loads(c->line, 0, NULL)) == NULL) {
		c->lost = true;
		c->late = errno == EAGAIN;
		return NULL;
	}
	c->line[len - 1] = '\0';
	client_tame(c->line);
	if (line != NULL)
		*line = c->line;
	end = json_string_value(json_object_get(object, "end"));
	if (end == NULL)
		return object;
	if (strcmp(end, "ok") != 0) {
		error = json_string_value(json_object_get(object, "error"));
		snprintf(c->error, sizeof(c->error), "%s",
		    error != NULL ? error : "refused");
		client_tame(c->error);
	}
	json_decref(object);
	return NULL;
}

const char *
client_error(const struct client *c)
{
	return c->error[0] != '\0' ? c->error : NULL;
}

bool
client_lost(const struct client *c)
{
	return c->lost;
}

bool
client_late(const struct client *c)
{
	return c->late;
}
