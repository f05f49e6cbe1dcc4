#!/usr/local/bin/python3
# SPDX-License-Identifier: ISC
"""Writes the key of `tables` from config.xml, for root alone to read.  A
template would make a file that everybody reads."""
import os
import xml.etree.ElementTree as ElementTree

CONFIG = os.environ.get('PINHOLED_CONFIG', '/conf/config.xml')
KEY = os.environ.get('PINHOLED_PREFIX', '/usr/local') + '/etc/pinholed.key'


def main():
    key = ElementTree.parse(CONFIG).findtext('OPNsense/pinholed/tables/key')
    if not key:
        if os.path.exists(KEY):
            os.remove(KEY)
        return
    with open(os.open(KEY + '.new', os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
                      0o600), 'w', encoding='utf-8') as f:
        f.write(key)
    os.chmod(KEY + '.new', 0o600)
    os.rename(KEY + '.new', KEY)


main()
