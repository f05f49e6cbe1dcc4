/* SPDX-License-Identifier: ISC */
/*
 * Run a fuzz target over files and folders of files, without libFuzzer: the
 * corpus is a regression test for every compiler.  Fails if there was nothing
 * to run.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static unsigned int nrun;

static void
run_file(const char *path, size_t size)
{
	uint8_t *data;
	FILE *f;

	/* Exactly as long as the file, so that ASan sees one byte too far. */
	if ((data = malloc(size > 0 ? size : 1)) == NULL ||
	    (f = fopen(path, "rb")) == NULL)
		err(1, "%s", path);
	if (fread(data, 1, size, f) != size)
		errx(1, "%s: short read", path);
	fclose(f);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	nrun++;
}

static void
run(const char *path)
{
	struct dirent *e;
	struct stat st;
	char sub[4096];
	DIR *d;

	if (stat(path, &st) == -1)
		err(1, "%s", path);
	if (!S_ISDIR(st.st_mode)) {
		run_file(path, (size_t)st.st_size);
		return;
	}
	if ((d = opendir(path)) == NULL)
		err(1, "%s", path);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(sub, sizeof(sub), "%s/%s", path, e->d_name);
		run(sub);
	}
	closedir(d);
}

int
main(int argc, char *argv[])
{
	int i;

	for (i = 1; i < argc; i++)
		run(argv[i]);
	printf("%u inputs\n", nrun);
	return nrun == 0;
}
