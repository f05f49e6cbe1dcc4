"""What the tests of the pages of pfSense and OPNsense share: settings as
somebody would make them, the program that judges them, a browser."""
import os
import re
import shutil
import subprocess
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))

BASE = {'enable': 'on', 'interfaces': 'lan', 'protect': '192.0.2.0/24'}
SIP = dict(BASE, sip='on')
KEY = 'twenty bytes at least, as the manual says'
HEP_KEY = 'eight to 255 bytes'
TABLES = dict(BASE, tables='on', tables_port='26789', tables_allow='spammer')


def case(base, **more):
    return dict(base, **more)


# Settings that the program accepts.
CASES = [
    SIP,
    BASE,
    case(SIP, protect='192.0.2.0/24 2001:db8:2::/64'),
    case(SIP, protect='192.0.2.10,192.0.2.20'),
    case(SIP, log='on'),
    case(SIP, interfaces='', advanced='interface { lo }'),
    case(SIP, sip_port='5060 5080'),
    case(SIP, sip_server='192.0.2.10'),
    case(SIP, sip_media='192.0.2.10 192.0.2.20'),
    case(SIP, sip_range='10000:20000'),
    case(SIP, sip_range='10000-20000', sip_media='192.0.2.0/28'),
    case(SIP, sip_range='16384'),
    case(SIP, sip_remote='sdp'),
    case(SIP, sip_remote='signalling'),
    case(SIP, sip_remote='any'),
    case(SIP, sip_remote='list', sip_remotes='198.51.100.0/24, 2001:db8::/32'),
    case(SIP, sip_symmetric='203.0.113.0/24'),
    case(SIP, sip_external='203.0.113.10 192.0.2.10\n203.0.113.11 for 192.0.2.11\n'),
    case(SIP, sip_noearly='on', sip_holdclose='on'),
    case(SIP, sip_calls='500', sip_persource='20'),
    case(SIP, sip_setup='60', sip_idle='120', sip_max='3600'),
    case(SIP, sip_server='192.0.2.10', sip_media='192.0.2.0/28',
         sip_range='10000:19999', sip_remote='both', sip_calls='5000'),
    case(BASE, ftp='on'),
    case(BASE, ftp='on', ftp_port='21 2121', ftp_proxy='28021'),
    case(BASE, tftp='on', tftp_readonly='on'),
    case(BASE, tftp='on', tftp_port='69 6900'),
    case(SIP, ftp='on', ftp_proxy='28021', tftp='on', tftp_proxy='26969'),
    TABLES,
    case(TABLES, tables_key=KEY, tables_listen='127.0.0.1',
         tables_allow='spammer blocked', tables_timeout='3600'),
    case(SIP, ftp='on', tftp='on', tables='on', tables_allow='spammer',
         status='on', status_port='29508',
         advanced='# as in the manual\non lo reply-to (lo 198.51.100.254)\n'),
    case(SIP, buffer='64m', sip_rate='5', sip_streams='4'),
    case(SIP, sip_external='203.0.113.10 192.0.2.10', sip_redirect='on'),
    case(BASE, ftp='on', ftp_port='21', ftp_timeout='5', ftp_loose='on'),
    case(BASE, ftp='on', ftp_proxy='28021', ftp_reverse='192.0.2.21',
         ftp_sessions='50'),
    case(BASE, tftp='on', tftp_file='SEP*.cnf.xml *.loads', tftp_timeout='10'),
    case(BASE, tftp='on', tftp_proxy='26969', tftp_sessions='20'),
    case(TABLES, tables_force='spammer', tables_max='500',
         tables_never='192.0.2.0/24 198.51.100.1'),
    case(SIP, hep='on', hep_from='192.0.2.10 127.0.0.1', hep_port='29060'),
    case(SIP, hep='on', hep_from='192.0.2.10', hep_listen='127.0.0.1',
         hep_port='29060', hep_key=HEP_KEY),
    case(SIP, pf_states='on', pf_nokill='on', pf_ifbound='on', log='on'),
    case(SIP, pf_tag='voice', pf_queue='calls'),
    case(SIP, advanced='on lo reply-to (lo 198.51.100.254) # include "x"\n'),
]
assert len(CASES) == 42

# Settings that it refuses, the field that is to blame, and some of its words.
WRONG = [
    (case(SIP, protect=''), 'protect', 'empty'),
    (case(SIP, protect='192.0.2.0/33'), 'protect', 'from 0 to 32'),
    (case(SIP, protect='pbx.example.org'), 'protect', 'pbx.example.org'),
    (case(SIP, protect='192.0.2.1 }; sip { #'), 'protect',
     'expected an address'),
    (case(SIP, interfaces='opt1'), 'interfaces', 'no such interface: em9'),
    (case(SIP, sip_port='99999'), 'sip_port', 'from 1 to 65535'),
    (case(SIP, sip_range='20000:10000'), 'sip_range', 'more than'),
    (case(SIP, sip_range='22:10000'), 'sip_range', 'below 1024'),
    (case(SIP, sip_remote='list', sip_remotes=''), 'sip_remotes', 'empty'),
    (case(SIP, sip_external='203.0.113.10'), 'sip_external', 'for'),
    (case(SIP, sip_idle='soon'), 'sip_idle', 'soon'),
    (case(BASE, ftp='on', ftp_proxy='x'), 'ftp_proxy', 'x'),
    (case(TABLES, tables_listen='192.0.2.1'), 'tables_listen', 'key'),
    (case(TABLES, tables_allow=''), 'tables', 'allow'),
    (case(SIP, advanced='frobnicate yes'), 'advanced', 'frobnicate'),
    (case(SIP, buffer='much'), 'buffer', 'much'),
    (case(BASE, ftp='on', ftp_proxy='28021', ftp_reverse='x'), 'ftp_proxy', 'x'),
    (case(SIP, hep='on'), 'hep_from', 'empty'),
    (case(SIP, hep='on', hep_from='192.0.2.10', hep_listen='192.0.2.1'),
     'hep_listen', 'key'),
    (case(SIP, pf_tag='a" rules "b'), 'pf_tag', 'consists of letters'),
    # A user of the page must not be able to read or write a file as root.
    (case(SIP, advanced='include "/etc/master.passwd"'), 'advanced', 'names a file'),
    (case(SIP, advanced='# "\n\tinclude /etc/master.passwd'), 'advanced',
     'names a file'),
    (case(SIP, advanced='state "/etc/passwd"'), 'advanced', 'names a file'),
    (case(SIP, advanced='control "/etc/passwd"'), 'advanced', 'names a file'),
    # Ways to hide the word from a page that reads less well than the program.
    (case(SIP, advanced='a = "inclu"\nb = "de"\n$a$b /etc/master.passwd'),
     'advanced', 'a macro could name a file'),
    (case(SIP, advanced="a = '\"'\ninclude /etc/master.passwd\nb = '\"'"),
     'advanced', 'names a file'),
    (case(SIP, advanced='a = "\\\r" "\ninclude /etc/master.passwd\nb = "b"'),
     'advanced', 'names a file'),
    (case(SIP, advanced='a = "' + 'x' * 15000 + '\n'
          'include /etc/master.passwd\n"'), 'advanced', 'names a file'),
    # A line of a field does not become a line of the file.
    (case(SIP, sip_external='203.0.113.10 192.0.2.10\nstate "/etc/x"'),
     'sip_external', 'state'),
    (case(SIP, pf_queue='a\nstate "/etc/x"'), 'pf_tag',
     'consists of letters'),
]

# Values that become a statement if the page forgets to quote a field.
POISON = ['x\nstate /etc/x', 'x\r\nstate /etc/x', 'x"\nstate "/etc/x',
          'x\\\nstate /etc/x', 'x\\"\nstate /etc/x', '1-2"\nstate /etc/x',
          '$x', "x'\nstate '/etc/x"]
FULL = case(TABLES, sip='on', sip_remote='list', ftp='on', ftp_proxy='2121',
            tftp='on', tftp_proxy='6969', hep='on', hep_from='192.0.2.10',
            status='on')
POISONED = [case(FULL, **{field: text}) for text in POISON
            for field in sorted({f for c in CASES for f, v in c.items()
                                 if v != 'on'} - {'advanced'})]

failures = []


def wrong(text):
    failures.append(text)
    print(text, flush=True)


def has_status(pinholed, run):
    """Whether the program knows the statement `status`."""
    text = 'protect 192.0.2.0/24\nstatus { listen on 127.0.0.1 port 29508 }\n'
    ok = run(pinholed, text)[0] == 0
    if not ok:
        print('note: this program has no statement "status"; left out')
    return ok


def without_status(c, known):
    return c if known else dict(c, status='')


class Place:
    """A folder that is /usr/local, with a program that judges for pf."""

    def __init__(self, pinholed):
        self.dir = tempfile.mkdtemp(prefix='pinholed-panel.')
        os.chmod(self.dir, 0o755)
        for d in ('sbin', 'etc', 'rc.d', 'tmp'):
            os.mkdir(f'{self.dir}/{d}')
        os.chmod(f'{self.dir}/tmp', 0o1777)
        # As on FreeBSD, where pf is; captures and keys are not asked for.
        drop = ''
        if os.geteuid() == 0:
            drop = ('setpriv --reuid 65534 --regid 65534 --clear-groups '
                    '--inh-caps=-all --bounding-set=-all ')
            # The files are root's; nobody reads them in their place.
        self.script('sbin/pinholed', f'''
for last; do :; done
echo "pinholed $*" >>{self.dir}/log
chmod 644 "$last"
case $last in
*/pinholed.*/conf)
	stat -c %a "$(dirname "$last")" >>{self.dir}/modes
	chmod 755 "$(dirname "$last")"
	;;
esac
exec {drop}{pinholed} -b pf-text "$@"
''')

    def script(self, name, text):
        path = f'{self.dir}/{name}'
        with open(path, 'w', encoding='utf-8') as f:
            f.write('#!/bin/sh\n' + text.lstrip('\n'))
        os.chmod(path, 0o755)

    def env(self):
        return dict(os.environ, TEST_DIR=self.dir, TMPDIR=self.dir + '/tmp')

    def check(self, text):
        """Exit status and output of `pinholed -n` for a file of this text."""
        path = f'{self.dir}/tmp/conf'
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        r = subprocess.run([f'{self.dir}/sbin/pinholed', '-n', '-f', path],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True, check=False)
        return r.returncode, r.stdout.replace(path, 'conf')

    def log(self):
        try:
            with open(self.dir + '/log', encoding='utf-8') as f:
                return f.read().splitlines()
        except FileNotFoundError:
            return []

    def forget(self):
        try:
            os.remove(self.dir + '/log')
        except FileNotFoundError:
            pass

    def read(self, name):
        with open(f'{self.dir}/{name}', encoding='utf-8') as f:
            return f.read()

    def remove(self):
        shutil.rmtree(self.dir)


def keys(place):
    for name, text in (('key', KEY), ('hep', HEP_KEY)):
        path = f'{place.dir}/etc/pinholed.{name}'
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        os.chmod(path, 0)


def forget_keys(place):
    for name in ('key', 'hep'):
        os.remove(f'{place.dir}/etc/pinholed.{name}')


def judged(place, texts, name):
    """Each text is a configuration, as the program says."""
    for n, text in enumerate(texts):
        keep(place, f'{name}.{n}.conf', text)
        status, said = place.check(text)
        if status != 0 or 'configuration OK' not in said:
            wrong(f'{name}: settings {n} make a configuration that is refused:'
                  f'\n{text}{said}')


def quoted(texts, name):
    """No field became a statement, or a macro, in any of these files."""
    for c, text in zip(POISONED, texts):
        bare = re.sub(r'"(?:\\.|[^"\\\n])*"|#[^\n]*', ' ', text)
        found = re.search(r'\bstate\b|[$"\'\\]', bare)
        if found:
            wrong(f'{name}: {found[0]} got into the file:\n{text}{c}')


def keep(place, name, text):
    """For freebsd.sh, if FOLDER is set: a text as it would be on FreeBSD."""
    if 'FOLDER' not in os.environ:
        return
    os.makedirs(os.environ['FOLDER'], exist_ok=True)
    for a, b in ((' lo ', ' lo0 '), ('"lo"', '"lo0"'), ('(lo ', '(lo0 '),
                 (place.dir, '/tmp/pinholed-panel')):
        text = text.replace(a, b)
    with open(f'{os.environ["FOLDER"]}/{name}', 'w', encoding='utf-8') as f:
        f.write(text)


def lint(files):
    for f in files:
        r = subprocess.run(['php', '-l', f], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, check=False)
        if r.returncode != 0:
            wrong(f'php -l {f}: {r.stdout}')


def valid(schema, *files):
    r = subprocess.run(['xmllint', '--noout', '--nonet', '--relaxng', schema,
                        *files], stderr=subprocess.PIPE, text=True,
                       check=False)
    if r.returncode != 0:
        wrong(f'{schema}:\n{r.stderr}')


def browser():
    return shutil.which('chromium')


def chromium(*args):
    with tempfile.TemporaryDirectory() as home:
        return subprocess.run(
            [browser(), '--headless', '--no-sandbox', '--disable-gpu',
             '--disable-dev-shm-usage', '--no-first-run',
             '--disable-background-networking', '--disable-sync',
             f'--user-data-dir={home}', '--hide-scrollbars',
             '--virtual-time-budget=3000', *args], check=True, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            timeout=90).stdout


def drawn(url, name, height):
    """A picture of a page, which goes into doc/ if PICTURES is set."""
    if 'PICTURES' in os.environ:
        path = f'{TOP}/doc/{name}.png'
    else:
        path = f'{tempfile.gettempdir()}/{name}.{os.getpid()}.png'
    chromium(f'--window-size=760,{height}', f'--screenshot={path}', url)
    with open(path, 'rb') as f:
        if f.read(8) != b'\x89PNG\r\n\x1a\n':
            wrong(f'{url}: no picture')
    if 'PICTURES' not in os.environ:
        os.remove(path)


def shown(url, name, height):
    """The text of a page after its scripts ran."""
    if 'PICTURES' in os.environ:
        drawn(url, name, height)
    return chromium('--dump-dom', url)


def plist(files, plist_lines, name):
    """A list of files of a package, and the files there are."""
    for f in sorted(set(files) - set(plist_lines)):
        wrong(f'{name} lacks {f}')
    for f in sorted(set(plist_lines) - set(files)):
        wrong(f'{name}: there is no {f}')
