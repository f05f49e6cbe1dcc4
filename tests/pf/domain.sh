#!/bin/sh
# Run a script of this folder in a routing domain of OpenBSD that is not 0.
#
#	domain.sh SCRIPT ARGUMENTS...
# The script itself says what is missing.
if [ "$(uname -s)" != OpenBSD ] || [ "$(id -u)" != 0 ]; then
	exec sh "$@"
fi
d=104
ifconfig lo$d create
ifconfig lo$d rdomain $d
ifconfig lo$d inet 127.0.0.1/8 up
route -T $d exec sh "$@"
r=$?
ifconfig lo$d destroy
exit $r
