#!/usr/bin/env python3
"""The package of pfSense, on stand-ins for the functions of pfSense that it
calls: what its settings become, what it adds to the ruleset, how its service
starts and stops, and its pages in a browser.

usage: pfsense.py PINHOLED

PICTURES=1 puts pictures into doc/; FOLDER=... keeps what freebsd.sh takes.
"""
import base64
import html
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import panel
from panel import wrong

HERE = os.path.dirname(os.path.abspath(__file__))
PORT = panel.TOP + '/contrib/pfsense/net/pfSense-pkg-pinholed'
FILES = PORT + '/files'
PKG = FILES + '/usr/local/pkg'
WWW = FILES + '/usr/local/www'
PATHS = f'{HERE}/pfsense/host:{PKG}'
ENCODED = ('advanced', 'tables_key', 'hep_key')


def stored(case):
    """As the page keeps it in config.xml."""
    return {k: base64.b64encode(v.encode()).decode() if k in ENCODED else v
            for k, v in case.items()}


def php(place, **ask):
    r = subprocess.run(['php', '-d', f'include_path={PATHS}', '-d',
                        'display_errors=stderr', '-d', 'error_reporting=-1',
                        f'{HERE}/pfsense/cases.php'], input=json.dumps(ask),
                       env=place.env(), stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, check=False)
    if r.returncode != 0 or r.stderr:
        wrong(f'php: {r.stderr}{r.stdout}')
        return []
    return json.loads(r.stdout)


def files():
    found = [os.path.join(d, n) for d, _, names in os.walk(FILES)
             for n in names]
    panel.lint(f for f in found if f.endswith(('.php', '.inc')))
    panel.valid(f'{HERE}/pfsense/schema/package.rng', f'{PKG}/pinholed.xml',
                f'{FILES}/usr/local/share/pfSense-pkg-pinholed/info.xml')
    with open(PORT + '/pkg-plist', encoding='utf-8') as f:
        lines = [x for x in f.read().splitlines() if not x.startswith('@dir')]
    there = [re.sub(f'^{FILES}(/usr/local/)?', '', x).replace(
        'share/pfSense-pkg-pinholed', '%%DATADIR%%') for x in found]
    panel.plist([x for x in there if not x.endswith('.in')], lines,
                'pkg-plist of pfSense')
    with open(PORT + '/Makefile', encoding='utf-8') as f:
        text = f.read()
    for x in lines:
        if x.rsplit('/', 1)[-1] not in text:
            wrong(f'Makefile of pfSense does not install {x}')
    with open(PKG + '/pinholed.xml', encoding='utf-8') as f:
        xml = f.read()
    with open(PKG + '/pinholed.inc', encoding='utf-8') as f:
        inc = f.read()
    for name in re.findall(r'>(pinholed_\w+)[(<]', xml):
        if f'function {name}(' not in inc:
            wrong(f'pinholed.xml calls {name}, which is not there')
    with open(FILES + '/etc/inc/priv/pinholed.priv.inc',
              encoding='utf-8') as f:
        priv = f.read()
    for page in re.findall(r'<url>/(.*?)</url>', xml):
        if page + '*' not in priv:
            wrong(f'no privilege is for {page}')


def settings(place, known):
    cases = [stored(panel.without_status(c, known)) for c in panel.CASES]
    texts = php(place, do='text', cases=cases)
    panel.keys(place)
    panel.judged(place, texts, 'pfSense')
    panel.forget_keys(place)
    for n, said in enumerate(php(place, do='check', cases=cases)):
        if said:
            wrong(f'pfSense: settings {n} are refused: {said}')
    panel.quoted(php(place, do='text', cases=[stored(c)
                                              for c in panel.POISONED]),
                 'pfSense')
    said = php(place, do='check', cases=[stored(c) for c, _, _ in panel.WRONG])
    for (_, field, words), got in zip(panel.WRONG, said):
        if field not in got or not any(words in m for m in got[field]):
            wrong(f'pfSense: {field} should be told of "{words}", not {got}')
    # In /tmp, others could put a link where a file is about to be written.
    if set(place.read('modes').split()) != {'700'}:
        wrong(f'settings are checked in public: {place.read("modes")}')
    if os.listdir(place.dir + '/tmp') not in ([], ['conf']):
        wrong(f'left over: {os.listdir(place.dir + "/tmp")}')


def rules(place):
    s = panel.case(panel.SIP, ftp='on', ftp_proxy='8021', tftp='on',
                   tftp_proxy='6969')
    got = php(place, do='rules', settings=s)
    want = ['nat-anchor "pinholed"\nrdr-anchor "pinholed"\n'
            'rdr pass on lo inet proto tcp from any to any port 21 '
            '-> 127.0.0.1 port 8021\n'
            'rdr pass on lo inet proto udp from any to any port 69 '
            '-> 127.0.0.1 port 6969\n', 'anchor "pinholed"\n', '']
    if got != want:
        wrong(f'rules: {got}')
    # In the order of pfSense: translation, early rules, those of users.
    panel.keep(place, 'pf.conf', 'set skip on lo0\n' + got[0] + got[1] +
               got[2] + 'block quick proto udp to port 10000\npass\n')
    if php(place, do='rules', settings=dict(s, enable='')) != ['', '', '']:
        wrong('rules of a service that is off')


def daemon(place):
    """A process called pinholed, whose number is in the file."""
    path = f'{place.dir}/pinholed'
    if not os.path.exists(path):
        with open('/bin/sleep', 'rb') as f, open(path, 'wb') as g:
            g.write(f.read())
        os.chmod(path, 0o755)
    p = subprocess.Popen([path, '60'])
    with open(f'{place.dir}/pinholed.pid', 'w', encoding='utf-8') as f:
        f.write(f'{p.pid}\n')
    return p


def service(place):
    """The hooks of the package, and its rc script."""
    rc = f'{place.dir}/rc.d/pinholed.sh'
    php(place, do='call', function='pinholed_install')
    first = json.loads(place.read('config.json'))
    if 'config' not in first['installedpackages']['pinholed']:
        wrong('the installation writes no settings')
    php(place, do='call', function='pinholed_resync')
    if os.path.exists(rc):
        wrong('a service that is off has a script')
    place.forget()
    s = stored(panel.case(panel.SIP, tables='on', tables_key=panel.KEY,
                          tables_allow='a', hep='on', hep_from='192.0.2.10',
                          hep_key=panel.HEP_KEY))
    php(place, do='call', function='pinholed_resync', settings=s)
    if place.log() != ['start_service pinholed']:
        wrong(f'resync of a service that is new: {place.log()}')
    for name, key in (('key', panel.KEY), ('hep', panel.HEP_KEY)):
        path = f'etc/pinholed.{name}'
        if place.read(path) != key or \
                os.stat(f'{place.dir}/{path}').st_mode & 0o777 != 0o600:
            wrong(f'the key in {path}')
    p = daemon(place)
    place.forget()
    php(place, do='call', function='pinholed_resync', settings=s)
    # sleep(1) does not catch it.
    if p.wait(10) != -signal.SIGHUP or place.log():
        wrong(f'resync of a service that runs: {place.log()}')
    script(place, rc)
    p = daemon(place)
    php(place, do='call', function='pinholed_resync', settings=dict(s, enable=''))
    if place.log() != ['stop_service pinholed'] or os.path.exists(rc):
        wrong(f'resync of a service that was switched off: {place.log()}')
    p.kill()
    p.wait()
    place.forget()
    php(place, do='call', function='pinholed_deinstall')
    if os.listdir(place.dir + '/etc'):
        wrong(f'deinstall leaves {os.listdir(place.dir + "/etc")}')
    place.forget()


def script(place, rc):
    """TERM first, and KILL when the monitor is gone; flushed each time."""
    d = place.dir
    for name in ('pfctl', 'killall'):
        place.script(name, f'echo "{name} $*" >>{d}/log\n')
    place.script('program', f'echo "pinholed $*" >>{d}/log\n'
                 f'case $1 in -n) [ ! -e {d}/broken ] ;; esac\n')
    with open(rc, encoding='utf-8') as f:
        text = f.read()
    panel.keep(place, 'pinholed.sh', text)
    text = text.replace(d + '/sbin/pinholed', d + '/program')
    for name in ('/sbin/pfctl', '/usr/bin/killall'):
        text = text.replace(name, f'{d}/{os.path.basename(name)}')
    with open(rc, 'w', encoding='utf-8') as f:
        f.write(text)
    flush = ['pfctl -q -a pinholed -F nat', 'pfctl -q -a pinholed -F rules']
    conf = f'-f {d}/etc/pinholed.conf'

    def does(what, *want):
        place.forget()
        subprocess.run([rc, what], check=False, stdout=subprocess.DEVNULL)
        if place.log() != list(want):
            wrong(f'rc script: {what}: {place.log()}')

    does('start', f'pinholed -n {conf}', *flush,
         f'pinholed {conf} -p {d}/pinholed.pid')
    with open(f'{d}/broken', 'w', encoding='utf-8'):
        pass
    does('start', f'pinholed -n {conf}')
    os.remove(f'{d}/broken')
    # No daemon runs: the rules of a process that was killed go all the same.
    does('stop', 'killall -9 pinholed', *flush)
    p = daemon(place)
    child = subprocess.Popen(['sh', '-c', 'sleep 1; echo late'],
                             stdout=subprocess.DEVNULL)
    # Reaped at once, as init does.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    place.forget()
    began = time.monotonic()
    subprocess.Popen([rc, 'stop'], stdout=subprocess.DEVNULL)
    while len(place.log()) < 3 and time.monotonic() - began < 20:
        time.sleep(0.1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if place.log() != ['killall -9 pinholed', *flush]:
        wrong(f'rc script: stop: {place.log()}')
    try:
        os.kill(p.pid, 0)
        wrong('stop did not end the monitor')
    except ProcessLookupError:
        pass
    p.returncode = child.returncode = 0
    place.forget()


SHOWN = {
    'summary': [{'version': '1.0.0-rc1', 'backend': 'pf', 'uptime': 86400,
                 'calls': 1, 'pinholes': 2, 'calls_total': 17,
                 'opens_total': 34, 'refusals_total': 3, 'capture_drops': 0}],
    'calls': [{'call': '<b>a84b4c76e66710@pc33', 'state': 'accepted',
               'from': '198.51.100.7', 'to': '192.0.2.20',
               'since': 1287421234.1, 'pinholes': [7, 8], 'packets': 1234,
               'last_media': 1287421240.5}],
    'pinholes': [
        {'id': 7, 'dir': 'in', 'call': 'a84b4c76e66710@pc33', 'proto': 'udp',
         'src': '198.51.100.7', 'sport': None, 'dst': '192.0.2.20',
         'dport': 10000, 'dport_end': 10001, 'reason': 'answer',
         'packets': 617, 'last_media': 1287421240.5, 'expires': 0},
        {'id': 8, 'dir': 'out', 'call': 'a84b4c76e66710@pc33', 'proto': 'udp',
         'src': '192.0.2.20', 'sport': None, 'dst': '198.51.100.7',
         'dport': 4000, 'dport_end': 4001, 'reason': 'answer',
         'packets': 617, 'last_media': 1287421240.5, 'expires': 0}],
}


def control_tool(place):
    text = 'case $3 in\n'
    for what, objects in SHOWN.items():
        text += f"{what}) cat <<'EOF'\n"
        text += ''.join(json.dumps(o) + '\n' for o in objects) + 'EOF\n;;\n'
    place.script('sbin/pinholectl', text + 'esac\n')


def get(url, form=None):
    data = urllib.parse.urlencode(form, doseq=True).encode() if form else None
    with urllib.request.urlopen(url, data, timeout=20) as r:
        return r.read().decode(), r.geturl()


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def told(page, field):
    return [html.unescape(m) for m in re.findall(
        f'data-field="{field}">(.*?)</span>', page)]


def pages(place):
    os.environ['TZ'] = 'UTC'
    port = free_port()
    server = subprocess.Popen(
        ['php', '-S', f'127.0.0.1:{port}', '-t', WWW, '-d',
         f'include_path={PATHS}', '-d', 'display_errors=1', '-d',
         'error_reporting=-1', '-d', 'date.timezone=UTC'], env=place.env(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        top = f'http://127.0.0.1:{port}/'
        for _ in range(100):
            try:
                socket.create_connection(('127.0.0.1', port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        settings_page(place, top + 'pinholed_settings.php')
        status_page(place, top + 'pinholed_status.php')
    finally:
        server.terminate()
        server.wait()


def settings_page(place, url):
    page, _ = get(url)
    names = set(re.findall(r'name="(\w+)', page)) - {'save'}
    used = {k for c in panel.CASES for k in c}
    if not used <= names:
        wrong(f'the page has no field {used - names}')
    for phpwords in ('Warning:', 'Notice:', 'Deprecated:', 'Fatal error:'):
        if phpwords in page:
            wrong(f'the page has: {phpwords}')
    place.forget()
    bad = dict(panel.case(panel.SIP, protect='192.0.2.0/33',
                          sip_port='<b>', sip_range='22:10000'), save='Save')
    bad['interfaces[]'] = bad.pop('interfaces')
    page, _ = get(url, bad)
    for field, words in (('protect', 'from 0 to 32, not "33"'),
                         ('sip_port', 'found "<b>"'),
                         ('sip_range', 'below 1024')):
        if not any(words in m for m in told(page, field)):
            wrong(f'the page does not say "{words}" at {field}: '
                  f'{told(page, field)}')
    if '<b>' in page:
        wrong('the page shows what was typed as HTML')
    if any('pinholed' not in x for x in place.log()):
        wrong(f'wrong settings were used: {place.log()}')
    with open(place.dir + '/bad.html', 'w', encoding='utf-8') as f:
        f.write(page)
    place.forget()
    good = dict(panel.case(panel.SIP, sip_port='5060 5080',
                           advanced='# "quoted" \\ text\n'), save='Save')
    good['interfaces[]'] = ['lan']
    good.pop('interfaces')
    page, at = get(url, good)
    if 'saved=1' not in at or 'value="5060 5080"' not in page or \
            '# &quot;quoted&quot; \\ text' not in page:
        wrong('the page does not show what was saved')
    did = [x for x in place.log() if not x.startswith('pinholed ')]
    if did != ['write_config', 'start_service pinholed', 'filter_configure']:
        wrong(f'after saving: {did}')
    if 'port { "5060" "5080" }' not in place.read('etc/pinholed.conf'):
        wrong('what was saved is not in pinholed.conf')
    if panel.browser():
        panel.drawn('file://' + place.dir + '/bad.html',
                    'pfsense-settings', 900)


def status_page(place, url):
    page, _ = get(url)
    if 'pinholectl' not in page:
        wrong('without pinholectl the status page does not say so')
    control_tool(place)
    page, _ = get(url)
    for words in ('&lt;b&gt;a84b4c76e66710@pc33', '10000-10001', '17:00:40',
                  'Calls (1)', 'Pinholes (2)'):
        if words not in page:
            wrong(f'the status page lacks {words}')
    if panel.browser():
        panel.drawn(url, 'pfsense-status', 520)


def main():
    pinholed = os.path.abspath(sys.argv[1])
    for tool in ('php', 'xmllint'):
        if not panel.shutil.which(tool):
            print(f'skipped: no {tool}')
            sys.exit(77)
    place = panel.Place(pinholed)
    try:
        known = panel.has_status(pinholed, lambda _, text: place.check(text))
        files()
        settings(place, known)
        rules(place)
        service(place)
        pages(place)
    finally:
        place.remove()
    if not panel.browser():
        print('note: no chromium; pages were not drawn')
    sys.exit(bool(panel.failures))


if __name__ == '__main__':
    main()
