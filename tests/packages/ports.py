#!/usr/bin/env python3
"""The ports of FreeBSD and OpenBSD, as far as a program can judge them here.

Their lists of files against what `cmake --install` installs, their libraries
against those that the program is linked with, their version against that of
the program, and the habits that portlint(1) and portcheck(1) ask for.

usage: ports.py BUILD PINHOLED		UPDATE=1 rewrites the lists of files
"""
import os
import re
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
FREEBSD = TOP + '/contrib/freebsd/net/pinholed'
OPENBSD = TOP + '/contrib/openbsd/net/pinholed'
# Made by the Makefiles, not by cmake.
OWN = {'${SYSCONFDIR}/pinholed.conf', 'etc/pinholed.conf.sample', 'share/examples/pinholed/',
       'share/examples/pinholed/pinholed.conf'}
LINUX = ('lib/systemd/', 'lib/sysusers.d/', 'share/pinholed/')
# Libraries that only Linux links, or every program.
NOT_ASKED = {'c', 'm', 'bsd', 'mnl', 'nftables', 'asan', 'ubsan', 'ld-linux',
             'gcc_s', 'stdc++', 'resolv', 'pthread', 'dl', 'rt'}
# The curses of the BSDs are one library.
CURSES = {'ncursesw': 'curses', 'ncurses': 'curses', 'tinfo': 'curses'}
BASE = {'pcap', 'crypto', 'ssl', 'curses'}            # of FreeBSD's base system
bad = []


def wrong(text):
    bad.append(text)
    print(text)


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def installed(build):
    """Files below the prefix, but for those of Linux."""
    with tempfile.TemporaryDirectory() as root:
        subprocess.run(['cmake', '--install', build], check=True,
                       stdout=subprocess.DEVNULL,
                       env=dict(os.environ, DESTDIR=root))
        prefix = re.search(r'^CMAKE_INSTALL_PREFIX:\w+=(.*)',
                           read(build + '/CMakeCache.txt'), re.M).group(1)
        top = root + prefix
        files = set()
        for d, _, names in os.walk(top):
            for n in names:
                f = os.path.relpath(os.path.join(d, n), top)
                if not any(x in f for x in LINUX):
                    files.add(f)
        libs = needed(top + '/sbin/pinholed')
        if 'sbin/pinholectl' in files:
            libs |= needed(top + '/sbin/pinholectl')
        return files, libs


def needed(program):
    out = subprocess.run(['readelf', '-d', program], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    libs = set(re.findall(r'NEEDED.*\[lib([\w+-]+?)(?:-[\d.]+)?\.so', out))
    return {CURSES.get(lib, lib) for lib in libs if lib not in NOT_ASKED}


def compare(path, want, update):
    """Lines of files in a list: those there should be, and no others."""
    lines = read(path).splitlines()
    files = {re.sub(r'^(@(bin|man|sample|rcscript|comment)(\([^)]*\))?|%%\w+%%) ?',
                    '', x): x for x in lines
             if not re.match(r'@(dir|newuser|newgroup|rcscript)', x)}
    have = set(files) - OWN
    for f in sorted(want - have):
        wrong(f'{os.path.relpath(path, TOP)}: lacks {want_line(path, f)}')
    for f in sorted(have - want):
        wrong(f'{os.path.relpath(path, TOP)}: {f} is not installed')
    if update:
        keep = [x for x in lines if x not in
                {files[f] for f in have - want}]
        with open(path, 'w', encoding='utf-8') as f:
            f.write('\n'.join(keep + [want_line(path, x) for x in
                                      sorted(want - have)]) + '\n')


def want_line(path, f):
    if path.endswith('PLIST'):
        if f.startswith('man/'):
            return '@man ' + f
        if f.startswith(('bin/', 'sbin/')):
            return '@bin ' + f
    return f


def lists(files, update):
    # FreeBSD: PORTDOCS takes the folder of documents, manuals are packed.
    want = {f + ('.gz' if f.startswith('share/man/') else '')
            for f in files if not f.startswith('share/doc/')}
    compare(FREEBSD + '/pkg-plist', want, update)
    # OpenBSD: manuals are in man/, and each folder of our own is in the list.
    want = {re.sub('^share/man/', 'man/', f) for f in files}
    for f in list(want):
        d = os.path.dirname(f)
        while 'pinholed' in d:
            want.add(d + '/')
            d = os.path.dirname(d)
    compare(OPENBSD + '/pkg/PLIST', want, update)


def variables(path):
    """NAME = value of a Makefile, in their order, continuation joined."""
    text = re.sub(r'\\\n\s*', ' ', read(path))
    return {k: v.strip() for k, v in
            re.findall(r'^([\w.]+)[ \t]*[+?:]?=[ \t]*(.*)', text, re.M)}


def freebsd(version, libs):
    m = FREEBSD + '/Makefile'
    v = variables(m)
    order = [x for x in ('PORTNAME', 'DISTVERSION', 'CATEGORIES',
                         'MASTER_SITES', 'MAINTAINER', 'COMMENT', 'WWW',
                         'LICENSE', 'LICENSE_FILE', 'LIB_DEPENDS', 'USES',
                         'USE_RC_SUBR', 'USERS', 'GROUPS', 'SUB_FILES',
                         'OPTIONS_DEFINE')]
    if [x for x in v if x in order] != order:
        wrong(f'{m}: variables are missing, or in another order: {list(v)}')
    if v['DISTVERSION'] != version:
        wrong(f'{m}: DISTVERSION is not {version}')
    if len(v['COMMENT']) > 70 or v['COMMENT'].endswith('.') or \
            not v['COMMENT'][0].isupper():
        wrong(f'{m}: COMMENT')
    if re.search(r'^[A-Z_]+=(?!\t|$)', read(m), re.M):
        wrong(f'{m}: a tab comes after "="')
    have = set(re.findall(r'lib([\w-]+)\.so:', v['LIB_DEPENDS'] + ' ' +
                          v['SHARE_LIB_DEPENDS']))
    if have != libs - BASE:
        wrong(f'{m}: LIB_DEPENDS has {have}, the program needs {libs - BASE}')
    for f in v['SUB_FILES'].split() + v['USE_RC_SUBR'].split():
        if not os.path.exists(f'{FREEBSD}/files/{f}.in'):
            wrong(f'{m}: no files/{f}.in')
    for f in re.findall(r'^@sample (\S+)', read(FREEBSD + '/pkg-plist'), re.M):
        if '${STAGEDIR}${PREFIX}/' + f not in read(m):
            wrong(f'{m}: does not install {f}')
    for option in set(re.findall(r'%%(\w+)%%', read(FREEBSD + '/pkg-plist'))):
        if option not in v['OPTIONS_DEFINE'].split() or 'OPTIONS_SUB' not in v:
            wrong(f'{m}: no option {option}')
    rc = read(FREEBSD + '/files/pinholed.in')
    for line in ('#!/bin/sh', '# PROVIDE: pinholed', '. /etc/rc.subr',
                 'rcvar="pinholed_enable"', 'load_rc_config $name',
                 'run_rc_command "$1"'):
        if line not in rc.splitlines():
            wrong(f'the rc.d script of FreeBSD has no line {line}')
    if set(re.findall('%%.*?%%', rc)) != {'%%PREFIX%%'}:
        wrong('the rc.d script of FreeBSD has another word between %%')
    width(FREEBSD + '/pkg-descr', 79, 24)


def openbsd(version, libs):
    m = OPENBSD + '/Makefile'
    v = variables(m)
    if v['V'] != version:
        wrong(f'{m}: V is not {version}')
    if len(v['COMMENT']) > 60 or v['COMMENT'].endswith('.') or \
            v['COMMENT'][0].isupper():
        wrong(f'{m}: COMMENT')
    for x in ('DISTNAME', 'CATEGORIES', 'HOMEPAGE', 'MAINTAINER',
              'PERMIT_PACKAGE', 'MODULES', 'LIB_DEPENDS'):
        if x not in v:
            wrong(f'{m}: no {x}')
    have = set(v['WANTLIB'].split()) - {'c'}
    if have != libs:
        wrong(f'{m}: WANTLIB has {have}, the program needs {libs}')
    plist = read(OPENBSD + '/pkg/PLIST')
    for x in ('@newgroup _pinholed:', '@newuser _pinholed:',
              '@rcscript ${RCDIR}/pinholed', '@sample ${SYSCONFDIR}/'):
        if x not in plist:
            wrong(f'PLIST has no {x}')
    rc = read(OPENBSD + '/pkg/pinholed.rc').splitlines()
    if rc[0] != '#!/bin/ksh' or rc[-1] != 'rc_cmd $1' or \
            '. /etc/rc.d/rc.subr' not in rc:
        wrong('the rc.d script of OpenBSD')
    width(OPENBSD + '/pkg/DESCR', 75, 24)
    width(OPENBSD + '/pkg/README', 80, 60)


def width(path, columns, lines):
    text = read(path).splitlines()
    if len(text) > lines or any(len(x) > columns for x in text):
        wrong(f'{path}: more than {lines} lines or {columns} columns')


def blanks():
    for top in (FREEBSD, OPENBSD):
        for d, _, names in os.walk(top):
            for n in names:
                text = read(os.path.join(d, n))
                if re.search(r'[ \t]$', text, re.M) or text[-1:] != '\n' or \
                        text.endswith('\n\n'):
                    wrong(f'{d}/{n}: blanks at the end')


def main():
    build, pinholed = sys.argv[1:]
    update = 'UPDATE' in os.environ
    version = subprocess.run([pinholed, '-V'], check=True, text=True,
                             stdout=subprocess.PIPE).stdout.split()[1]
    files, libs = installed(build)
    lists(files, update)
    freebsd(version, libs)
    openbsd(version, libs)
    blanks()
    if bad and not update:
        print('UPDATE=1 tests/packages/ports.py BUILD PINHOLED mends lists of '
              'files')
    sys.exit(bool(bad))


main()
