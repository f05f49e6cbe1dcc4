/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "pinholectl/complete.h"
#include "src/status/verbs.h"

static bool
is_first(int i)
{
	return i == 0 || strcmp(verbs[i].word, verbs[i - 1].word) != 0;
}

static void
print_words(FILE *f, const char *const *v, size_t n, const char *between)
{
	size_t i;

	for (i = 0; i < n; i++)
		fprintf(f, "%s%s", i > 0 ? between : "", v[i]);
}

static void
print_filters(FILE *f, const char *between)
{
	print_words(f, verb_filters, VERB_FILTER_COUNT, between);
}

static void
print_verbs(FILE *f)
{
	int i;

	for (i = 0; i < VERB_COUNT; i++)
		if (is_first(i))
			fprintf(f, "%s%s", i > 0 ? " " : "", verbs[i].word);
}

/* The objects of a verb, as one word of shell. */
static void
print_objects(FILE *f, int first)
{
	int i;

	for (i = first;
	     i < VERB_COUNT && strcmp(verbs[i].word, verbs[first].word) == 0;
	     i++)
		fprintf(f, "%s%s", i > first ? " " : "", verbs[i].object);
}

static void
print_bash(FILE *f)
{
	int i;

	fprintf(f,
	    "# bash completion for pinholectl(8), made from its table\n"
	    "_pinholectl()\n{\n"
	    "\tlocal cur=${COMP_WORDS[COMP_CWORD]}\n"
	    "\tlocal prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	    "\tlocal words=\n\n\tcase $prev in\n");
	for (i = 0; i < VERB_COUNT; i++)
		if (is_first(i) && verbs[i].object != NULL) {
			fprintf(f, "\t%s) words=\"", verbs[i].word);
			print_objects(f, i);
			fprintf(f, "\" ;;\n");
		}
	fprintf(f,
	    "\ttables) words=address ;;\n"
	    "\tcalls|pinholes|monitor) words=\"");
	print_filters(f, " ");
	fprintf(f, "\" ;;\n\tstate) words=\"");
	print_words(f, verb_states, VERB_STATES, " ");
	fprintf(f,
	    "\" ;;\n\t-s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
	    "\t-t) return ;;\n"
	    "\tpinholectl|*/pinholectl|-j) words=\"-j -s -t ");
	print_verbs(f);
	/* Behind the value of an option or of a filter. */
	fprintf(f,
	    "\" ;;\n\t*) ((COMP_CWORD > 1)) &&\n"
	    "\tcase ${COMP_WORDS[COMP_CWORD-2]} in\n"
	    "\t-s|-t) words=\"-j ");
	print_verbs(f);
	fprintf(f, "\" ;;\n\t");
	print_filters(f, "|");
	fprintf(f, ") words=\"");
	print_filters(f, " ");
	fprintf(f,
	    "\" ;;\n\tesac ;;\n\tesac\n"
	    "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n"
	    "complete -F _pinholectl pinholectl\n");
}

static void
print_zsh(FILE *f)
{
	int i;

	fprintf(f,
	    "#compdef pinholectl\n"
	    "# zsh completion for pinholectl(8), made from its table\n"
	    "local -a verbs\n\ncase $words[CURRENT-1] in\n");
	for (i = 0; i < VERB_COUNT; i++)
		if (is_first(i) && verbs[i].object != NULL) {
			fprintf(f, "%s) compadd ", verbs[i].word);
			print_objects(f, i);
			fprintf(f, " ;;\n");
		}
	fprintf(f, "tables) compadd address ;;\n");
	fprintf(f, "calls|pinholes|monitor) compadd ");
	print_filters(f, " ");
	fprintf(f, " ;;\nstate) compadd ");
	print_words(f, verb_states, VERB_STATES, " ");
	fprintf(f,
	    " ;;\n-s) _files ;;\n-t|close|explain) ;;\n"
	    "*)\n\tcase $words[CURRENT-2] in\n\t");
	print_filters(f, "|");
	fprintf(f, ") compadd ");
	print_filters(f, " ");
	fprintf(f, "; return ;;\n\tesac\n\tverbs=(\n");
	for (i = 0; i < VERB_COUNT; i++)
		if (is_first(i))
			fprintf(f, "\t\t'%s:%s'\n", verbs[i].word,
			    verbs[i].object == NULL ? verbs[i].help
						    : "one of several");
	fprintf(f, "\t)\n\t_describe verb verbs ;;\nesac\n");
}

bool
complete_print(const char *shell, FILE *f)
{
	if (strcmp(shell, "bash") == 0)
		print_bash(f);
	else if (strcmp(shell, "zsh") == 0)
		print_zsh(f);
	else
		return false;
	return true;
}
