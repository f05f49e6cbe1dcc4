#!/usr/local/bin/python3
# SPDX-License-Identifier: ISC
"""Writes the keys of `tables` and `hep` from config.xml, for root alone to read.
A template would make files that everybody reads."""
import os
import xml.etree.ElementTree as ElementTree

CONFIG = os.environ.get('PINHOLED_CONFIG', '/conf/config.xml')
ETC = os.environ.get('PINHOLED_PREFIX', '/usr/local') + '/etc/'


def write(path, key):
    if os.path.lexists(path + '.new'):
        os.remove(path + '.new')
    if not key:
        if os.path.lexists(path):
            os.remove(path)
        return
    with open(os.open(path + '.new', os.O_WRONLY | os.O_CREAT | os.O_EXCL,
                      0o600), 'w', encoding='utf-8') as f:
        f.write(key)
    os.rename(path + '.new', path)


def main():
    tree = ElementTree.parse(CONFIG)
    for section, name in (('tables', 'pinholed.key'), ('hep', 'pinholed.hep')):
        write(ETC + name, tree.findtext(f'OPNsense/pinholed/{section}/key'))


main()
