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


def names_files(text):
    """Why the advanced statements are not for this page.  Somebody who may use
    it is not thereby meant to read or write any file as root.  Comments and
    strings are left out as pinholed.conf(5) has them, of the text that the file
    will have; a macro could hide any word."""
    text = re.sub(r'"(?:\\.|[^"\\\n])*"|' r"'(?:\\.|[^'\\\n])*'|#[^\n]*", ' ',
                  text.replace('\r', ''))
    m = re.search(r'\$|\b(?:include|state|control|key)\b', text)
    if not m:
        return None
    return f'"{m[0]}" is not for this page: ' + (
        'a macro could name a file' if m[0] == '$' else 'it names a file')


def check(tree):
    settings = tree['OPNsense']['pinholed']
    why = names_files(settings.get('advanced', {}).get('text') or '')
    if why:
        return {'advanced.text': [why]}
    text = render('pinholed.conf', tree)
    with tempfile.TemporaryDirectory() as d:
        conf = d + '/pinholed.conf'
        for section, name in (('tables', 'pinholed.key'),
                              ('hep', 'pinholed.hep')):
            with open(os.open(f'{d}/{name}', os.O_WRONLY | os.O_CREAT, 0o600),
                      'w', encoding='utf-8') as f:
                f.write(settings.get(section, {}).get('key') or '')
            text = text.replace(f'"/usr/local/etc/{name}"', f'"{d}/{name}"')
        with open(conf, 'w', encoding='utf-8') as f:
            f.write(text)
        os.chmod(d, 0o755)
        r = subprocess.run([PREFIX + '/sbin/pinholed', '-n', '-f', conf],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True, check=False)
    if r.returncode == 0:
        return {}
    lines, found, others = text.split('\n'), {}, []
    for said in r.stdout.split('\n'):
        m = re.match(re.escape(conf) + r':(\d+):\d+: (.*)', said)
        if not m and said:
            others.append(re.sub('^pinholed: ', '', said))
        elif m and m.group(2) not in found.get('general.protect', []):
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
