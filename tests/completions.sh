#!/usr/bin/env bash
# SPDX-License-Identifier: ISC
# What a shell offers is what the table of verbs has.
#
#	completions.sh PATH-OF-pinholectl
set -u
ctl=$1
bad=0

# wants WORDS REPLY: after these words, the last of which is being typed.
wants() {
	read -ra COMP_WORDS <<< "$1."
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	COMP_WORDS[COMP_CWORD]=${COMP_WORDS[COMP_CWORD]%.}
	COMPREPLY=()
	_pinholectl
	if [ "${COMPREPLY[*]}" != "$2" ]; then
		echo "completions: after '$1' wanted '$2', got '${COMPREPLY[*]}'"
		bad=1
	fi
}

text=$("$ctl" --completion bash) || exit 1
eval "$text" || exit 1
# All verbs of the usage, once each.
verbs=$("$ctl" -h | sed -n 's/^  \([a-z]*\) .*/\1/p' | uniq | paste -sd ' ')
filters="address call older state younger"
wants "pinholectl " "-j -s -t $verbs"
wants "pinholectl -j mon" "monitor"
wants "pinholectl -s /x ex" "explain"
wants "pinholectl -t 5 ex" "explain"
wants "pinholectl -t " ""
wants "pinholectl show " \
    "summary calls pinholes tables peers counters config"
wants "pinholectl log " "brief verbose"
wants "pinholectl show calls " "$filters"
wants "pinholectl show calls state " "early accepted held ended"
wants "pinholectl show calls state early " "$filters"
wants "pinholectl show calls address 192.0.2.1 o" "older"
wants "pinholectl monitor call x y" "younger"
wants "pinholectl show tables " "address"
wants "pinholectl close " ""
text=$("$ctl" --completion zsh) || exit 1
for w in $verbs $filters; do
	[[ $text == *"$w"* ]] || { echo "completions: zsh has no $w"; bad=1; }
done
if command -v zsh > /dev/null; then
	zsh -n <<< "$text" || bad=1
else
	echo "note: no zsh; it did not read its completion"
fi
"$ctl" --completion fish > /dev/null 2>&1 && bad=1
exit $bad
