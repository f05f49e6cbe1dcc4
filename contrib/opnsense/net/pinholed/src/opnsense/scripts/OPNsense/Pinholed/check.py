#!/usr/local/bin/python3
# SPDX-License-Identifier: ISC
"""What `pinholed -n` says about settings that are not saved yet.

usage: check.py FILE	with the settings as JSON, in the tree of config.xml

The answer is JSON: messages by field, "" for those of no field.  The file is
made by the template from which the real one is made.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

import jinja2

PREFIX = os.environ.get('PINHOLED_PREFIX', '/usr/local')
TEMPLATES = PREFIX + '/opnsense/service/templates/OPNsense/Pinholed'


class Helpers:
    """The part of configd's helpers that the template uses."""

    def __init__(self, tree):
        self.tree = tree

    def getNodeByTag(self, tag):
        at = self.tree
        for key in tag.split('.'):
            if not isinstance(at, dict) or key not in at:
                return None
            at = at[key]
        return at

    def exists(self, tag):
        return self.getNodeByTag(tag) is not None


def render(name, tree):
    env = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES),
                             trim_blocks=True)
    return env.get_template(name).render(helpers=Helpers(tree), **tree) + '\n'


def field_of(lines, number):
    """The field that a line comes from."""
    if number > len(lines):
        return ''
    if '# The lines below come from advanced.text.' in lines[:number - 1]:
        return 'advanced.text'
    m = re.search(r' # ([a-z]+\.[a-z]+)$', lines[number - 1])
    return m.group(1) if m else ''


def check(tree):
    text = render('pinholed.conf', tree)
    secret = tree['OPNsense']['pinholed']['tables'].get('key') or ''
    with tempfile.TemporaryDirectory() as d:
        conf, key = d + '/pinholed.conf', d + '/key'
        with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), 'w',
                  encoding='utf-8') as f:
            f.write(secret)
        with open(conf, 'w', encoding='utf-8') as f:
            f.write(text.replace('"/usr/local/etc/pinholed.key"',
                                 f'"{key}"'))
        os.chmod(d, 0o755)
        r = subprocess.run([PREFIX + '/sbin/pinholed', '-n', '-f', conf],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True, check=False)
    if r.returncode == 0:
        return {}
    lines, found, others = text.splitlines(), {}, []
    for said in r.stdout.splitlines():
        m = re.match(re.escape(conf) + r':(\d+):\d+: (.*)', said)
        if not m:
            others.append(re.sub('^pinholed: ', '', said))
        elif m.group(2) not in found.get('general.protect', []):
            found.setdefault(field_of(lines, int(m.group(1))),
                             []).append(m.group(2))
    return found or {'': others or ['pinholed -n failed without a message']}


def main():
    path = os.path.realpath(sys.argv[1])
    if not os.path.basename(path).startswith('pinholed-check-'):
        sys.exit('not a file of settings')
    with open(path, encoding='utf-8') as f:
        tree = json.load(f)
    print(json.dumps(check(tree)))


if __name__ == '__main__':
    main()
