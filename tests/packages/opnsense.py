#!/usr/bin/env python3
"""The plugin of OPNsense, on stand-ins for the classes of OPNsense that it
extends: what its settings become, what the forms are told, its hooks, and its
pages and widget in a browser.

usage: opnsense.py PINHOLED

PICTURES=1 puts pictures into doc/; FOLDER=... keeps what freebsd.sh takes.
"""
import html
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
import xml.etree.ElementTree as ElementTree

import panel
import pfsense
from panel import wrong

HERE = os.path.dirname(os.path.abspath(__file__))
PLUGIN = panel.TOP + '/contrib/opnsense/net/pinholed'
SRC = PLUGIN + '/src'
APP = SRC + '/opnsense/mvc/app'
SERVICE = SRC + '/opnsense/service'
SCRIPTS = SRC + '/opnsense/scripts/OPNsense/Pinholed'
HOST = HERE + '/opnsense/host'
MODEL = APP + '/models/OPNsense/Pinholed/Pinholed.xml'


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def model_fields():
    items = ElementTree.parse(MODEL).find('items')
    return {f'{s.tag}.{f.tag}': f for s in items for f in s}


def name_of(field):
    """sip_port and sip of the settings in panel.py, as the model has them."""
    if field in ('enable', 'interfaces', 'protect', 'log', 'buffer'):
        return 'general.' + {'enable': 'enabled'}.get(field, field)
    if field == 'advanced':
        return 'advanced.text'
    return field.replace('_', '.') if '_' in field else field + '.enabled'


def nodes(case):
    """The settings as nodes of the model."""
    out = {}
    for key, node in model_fields().items():
        section, field = key.split('.')
        out.setdefault(section, {})[field] = node.findtext('Default') or ''
    out['sip']['enabled'] = '0'
    for field, value in case.items():
        section, key = name_of(field).split('.')
        kind = model_fields()[f'{section}.{key}'].get('type')
        if kind == 'BooleanField':
            value = '1' if value == 'on' else '0'
        elif kind == 'CSVListField':
            value = ','.join(re.split(r'[\s,]+', value)) if value else ''
        elif kind == 'OptionField':
            value = value or 'both'
        out[section][key] = value
    return out


def tree(case):
    return {'interfaces': {'lan': {'if': 'lo'}, 'opt1': {'if': 'em9'}},
            'OPNsense': {'pinholed': nodes(case)}}


def files():
    found = [os.path.join(d, n) for d, _, names in os.walk(SRC) for n in names]
    panel.lint(f for f in found if f.endswith(('.php', '.inc')))
    panel.valid(f'{HERE}/opnsense/schema/plugin.rng',
                *(f for f in found if f.endswith('.xml')))
    fields = set(model_fields())
    form = set(re.findall('<id>pinholed\\.(.*?)</id>', read(
        APP + '/controllers/OPNsense/Pinholed/forms/settings.xml')))
    for f in sorted(fields ^ form):
        wrong(f'{f} is not in both the model and the form')
    template = read(SERVICE + '/templates/OPNsense/Pinholed/pinholed.conf')
    used = set(re.findall(r'\bp\.([a-z]+\.[a-z]+)', template))
    named = set(re.findall(r'(?:# |\')([a-z]+\.[a-z]+)', template))
    for f in sorted(used - fields):
        wrong(f'the template uses {f}, which the model lacks')
    for f in sorted(fields - used - {'general.enabled'}):
        wrong(f'the template does not use {f}')
    for f in sorted(named - fields - {'pinholed.conf'}):
        wrong(f'the template names {f}, which the model lacks')
    actions = read(SERVICE + '/conf/actions.d/actions_pinholed.conf')
    for script in re.findall('/usr/local(/opnsense/scripts/[^ \n]*)', actions):
        if not os.access(SRC + script, os.X_OK):
            wrong(f'an action runs {script}, which is not there')
    asked = re.findall(r"'pinholed (\w+)'", read(
        APP + '/controllers/OPNsense/Pinholed/Api/ServiceController.php') +
        read(APP + '/controllers/OPNsense/Pinholed/Api/SettingsController.php'))
    for action in asked + ['start', 'stop', 'restart', 'reload', 'status']:
        if f'[{action}]' not in actions:
            wrong(f'no action {action}')
    widget = read(SRC + '/opnsense/www/js/widgets/Pinholed.js')
    words = ElementTree.parse(
        SRC + '/opnsense/www/js/widgets/Metadata/Pinholed.xml').find(
            'pinholed/translations')
    for word in re.findall(r'translations\.(\w+)', widget):
        if words.find(word) is None:
            wrong(f'the widget says {word}, which has no translation')


def settings(place, known):
    spec = importlib.util.spec_from_file_location('check',
                                                  SCRIPTS + '/check.py')
    check = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check)
    cases = [panel.without_status(c, known) for c in panel.CASES]
    panel.keys(place)
    texts = [check.render('pinholed.conf', tree(c)).replace(
        '/usr/local/etc', place.dir + '/etc') for c in cases]
    panel.judged(place, texts, 'OPNsense')
    for n, c in enumerate(cases):
        said = check.check(tree(c))
        if said:
            wrong(f'OPNsense: settings {n} are refused: {said}')
    panel.quoted([check.render('pinholed.conf', tree(c))
                  for c in panel.POISONED], 'OPNsense')
    for c, field, words in panel.WRONG:
        said = check.check(tree(c))
        if not any(words in m for m in said.get(name_of(field), [])):
            wrong(f'OPNsense: {name_of(field)} should be told of "{words}", '
                  f'not {said}')
    panel.forget_keys(place)
    # Both panels mean the same.
    other = pfsense.php(place, do='text', cases=[pfsense.stored(c)
                                                 for c in cases])
    for n, (a, b) in enumerate(zip(texts, other)):
        if meaning(a) != meaning(b):
            wrong(f'settings {n} mean one thing in OPNsense and another in '
                  f'pfSense:\n{a}{b}')


def meaning(text):
    text = re.sub(r'(^| )#.*', '', text, flags=re.M).replace('"', '')
    text = text.replace('\tremote both\n', '')
    return sorted(' '.join(x.split()) for x in text.splitlines() if x.strip())


def strangers(place):
    """Root runs check.py for whoever may ask configd: it reads what the API
    has written, and no other file by whatever name."""
    secret, link = place.dir + '/secret', place.dir + '/pinholed-check-x'
    with open(secret, 'w', encoding='utf-8') as f:
        f.write('{"a": "a secret"}')
    os.symlink(secret, link)
    for path in (secret, link, place.dir + '/pinholed-check-x/../secret'):
        r = subprocess.run([sys.executable, SCRIPTS + '/check.py', path],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           text=True, check=False)
        if r.returncode == 0 or 'secret"' in r.stdout + r.stderr:
            wrong(f'check.py reads {path}: {r.stdout}{r.stderr}')
    os.remove(secret)
    os.remove(link)


def key_script(place):
    """The keys of tables and hep, each root's alone; a file that somebody put
    in the way is not written to."""
    conf = place.dir + '/config.xml'
    env = dict(os.environ, PINHOLED_PREFIX=place.dir, PINHOLED_CONFIG=conf)
    bait = place.dir + '/bait'
    for section, name in (('tables', 'key'), ('hep', 'hep')):
        key = f'{place.dir}/etc/pinholed.{name}'
        with open(bait, 'w', encoding='utf-8'):
            pass
        os.symlink(bait, key + '.new')
        for text, want in (('a key &amp; more', 'a key & more'), ('', None)):
            with open(conf, 'w', encoding='utf-8') as f:
                f.write(f'<o><OPNsense><pinholed><{section}><key>{text}</key>'
                        f'</{section}></pinholed></OPNsense></o>')
            subprocess.run([sys.executable, SCRIPTS + '/key.py'], env=env,
                           check=True)
            there = read(key) if os.path.exists(key) else None
            if there != want or (
                    want and os.stat(key).st_mode & 0o777 != 0o600):
                wrong(f'key.py makes {there}')
        if read(bait):
            wrong('key.py writes where a link leads')
    os.remove(bait)


def environment(place):
    return dict(place.env(), APP=APP, PINHOLED_PREFIX=place.dir,
                PYTHON=sys.executable,
                PINHOLED_CONFIG=place.dir + '/config.xml',
                ACTIONS=SERVICE + '/conf/actions.d/actions_pinholed.conf',
                PLUGIN=SRC + '/etc/inc/plugins.inc.d/pinholed.inc',
                WIDGET=SRC + '/opnsense/www/js/widgets/Pinholed.js')


def ask(place):
    r = subprocess.run(['php', '-d', 'display_errors=stderr',
                        HOST + '/ask.php'], env=environment(place), text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       check=False)
    if r.returncode != 0 or r.stderr:
        wrong(f'ask.php: {r.stderr}{r.stdout}')
        return {}
    return json.loads(r.stdout)


def hooks(place):
    off = ask(place)
    if off['anchors'] or off['services']:
        wrong(f'hooks of a service that is off: {off}')
    with open(place.dir + '/config.json', 'w', encoding='utf-8') as f:
        json.dump(nodes(panel.SIP), f)
    on = ask(place)
    if on['anchors'] != [['pinholed', t, 'head'] for t in ('nat', 'rdr', 'fw')]:
        wrong(f'anchors: {on["anchors"]}')
    s = on['services'][0]
    if s['name'] != 'pinholed' or s['pidfile'] != '/var/run/pinholed.pid':
        wrong(f'services: {s}')
    if on['forms']['Settings'][0] != 'OPNsense/Pinholed/settings':
        wrong(f'the view is {on["forms"]["Settings"][0]}')
    return on['forms']['Settings'][1]


def form_html(fields, ident):
    """The form that layout_partials/base_form draws, in a frame of ours."""
    out = [f'<form id="{ident}"><table>']
    for f in fields:
        if f['type'] == 'header':
            out.append(f'<tr class="head"><td colspan="3">{f["label"]}</td>')
            continue
        i, kind = f['id'], f['type']
        if kind == 'textbox':
            box = f'<textarea id="{i}" rows="2"></textarea>'
        elif kind == 'dropdown':
            values = model_fields()[i.split('.', 1)[1]].find('OptionValues')
            box = f'<select id="{i}">' + ''.join(
                f'<option value="{v.tag}">{v.text}</option>'
                for v in values) + '</select>'
        else:
            kind = kind if kind in ('checkbox', 'password') else 'text'
            box = f'<input type="{kind}" id="{i}">'
        out.append(f'<tr><td>{f["label"]}</td><td>{box}<br><small>'
                   f'{html.escape(f["help"])}</small></td><td><span '
                   f'class="help-block" id="help_block_{i}"></span></td>')
    return '\n'.join(out) + '</table></form>'


def view(place, name, fields, extra=''):
    """A page from its Volt template, which differs little from Jinja."""
    import jinja2

    class Lang:
        @staticmethod
        def _(text):
            return text

    def partial(_, args):
        return form_html(args['fields'], args['id'])

    text = read(f'{APP}/views/OPNsense/Pinholed/{name}.volt')
    text = re.sub(r"\[('fields'.*?)\]", r'{\1}', text)
    body = jinja2.Environment().from_string(text).render(
        lang=Lang(), partial=partial, form=fields)
    frame = read(HOST + '/frame.html').replace('{{ title }}', name.title())
    with open(f'{place.dir}/{name}.html', 'w', encoding='utf-8') as f:
        f.write(frame.replace('{{ body }}', body + extra))


# The keys and clicks of a user.
TYPED = '''<script>
document.addEventListener('DOMContentLoaded', () => {
	const type = (id, text) => { document.getElementById('pinholed.' + id).value = text; };
	type('general.protect', '192.0.2.0/33');
	type('sip.port', '<b>');
	type('sip.range', '22:10000');
	document.getElementById('saveAct').click();
});
</script>'''
WIDGET = '''<h2>Widget</h2><div id="widget" style="width: 260px"></div>
<script type="module">
import Pinholed from '/Pinholed.js';
const w = new Pinholed();
w.translations = %s;
document.getElementById('widget').append(...w.getMarkup().elements);
await w.onWidgetTick();
</script>'''


def post(url, data):
    with urllib.request.urlopen(url, json.dumps(data).encode(),
                                timeout=20) as r:
        return json.loads(r.read())


def pages(place, fields):
    os.environ['TZ'] = 'UTC'
    port = pfsense.free_port()
    server = subprocess.Popen(
        ['php', '-d', 'display_errors=1', '-S', f'127.0.0.1:{port}',
         HOST + '/router.php'],
        env=dict(environment(place), PHP_CLI_SERVER_WORKERS='2'),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True)
    try:
        top = f'http://127.0.0.1:{port}'
        for _ in range(100):
            try:
                urllib.request.urlopen(top + '/host.js', timeout=2).close()
                break
            except OSError:
                time.sleep(0.1)
        api(place, top + '/api/pinholed')
        words = ElementTree.parse(
            SRC + '/opnsense/www/js/widgets/Metadata/Pinholed.xml').find(
                'pinholed/translations')
        view(place, 'settings', fields, TYPED)
        view(place, 'status', fields, WIDGET % json.dumps(
            {w.tag: w.text for w in words}))
        if panel.browser():
            browse(place, top + '/ui/pinholed')
    finally:
        # The server's workers outlive the server alone.
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def api(place, url):
    bad = nodes(panel.case(panel.SIP, protect='192.0.2.0/33'))
    bad['sip']['remote'] = 'nowhere'
    said = post(url + '/settings/set', {'pinholed': bad}).get('validations')
    if said != {'pinholed.sip.remote': 'Option not in list.'}:
        wrong(f'the model says {said}')
    bad['sip']['remote'] = 'both'
    said = post(url + '/settings/set', {'pinholed': bad})
    want = 'the length of an IPv4 prefix is from 0 to 32, not "33"'
    if said.get('validations') != {'pinholed.general.protect': [want]}:
        wrong(f'the form is told {said}')
    place.forget()
    os.makedirs(place.dir + '/etc/rc.d')
    place.script('etc/rc.d/pinholed', f'echo "rc.d $1" >>{place.dir}/log\n'
                 'echo "pinholed is not running."\n')
    with open(place.dir + '/config.xml', 'w', encoding='utf-8') as f:
        f.write('<o/>')
    said = post(url + '/settings/set', {'pinholed': nodes(panel.SIP)})
    if said != {'result': 'saved'}:
        wrong(f'good settings: {said}')
    if post(url + '/service/reconfigure', {}) != {'status': 'ok'}:
        wrong('reconfigure')
    did = [x for x in place.log() if not x.startswith('pinholed -n')]
    if did != ['pinholed check', 'filter reload skip_alias',
               'template reload OPNsense/Pinholed', 'pinholed status',
               'rc.d status', 'pinholed start', 'rc.d start']:
        wrong(f'after saving: {did}')
    said = post(url + '/service/show/calls', {})
    if 'error' not in said:
        wrong(f'without pinholectl: {said}')
    pfsense.control_tool(place)
    said = post(url + '/service/show/calls', {})
    if said != {'rows': pfsense.SHOWN['calls']}:
        wrong(f'show calls: {said}')
    if 'rows' in post(url + '/service/show/config', {}):
        wrong('show config is answered')


def browse(place, url):
    dom = panel.shown(url + '/settings', 'opnsense-settings', 900)
    for field, words in (('general.protect', 'from 0 to 32, not "33"'),
                         ('sip.port', 'found "&lt;b&gt;"'),
                         ('sip.range', 'below 1024')):
        if not re.search(f'help_block_pinholed.{field}">[^<]*{words}', dom):
            wrong(f'the browser does not show "{words}" at {field}')
    dom = panel.shown(url + '/status', 'opnsense-status', 640)
    for words in ('&lt;b&gt;a84b4c76e66710@pc33', '10000-10001',
                  '<th>Refused in all</th><td>3</td>'):
        if words not in dom:
            wrong(f'the browser does not show {words}')


def main():
    for tool in ('php', 'xmllint'):
        if not panel.shutil.which(tool):
            print(f'skipped: no {tool}')
            sys.exit(77)
    if importlib.util.find_spec('jinja2') is None:
        print('skipped: no jinja2 for Python')
        sys.exit(77)
    place = panel.Place(os.path.abspath(sys.argv[1]))
    os.environ['PINHOLED_PREFIX'] = place.dir
    os.symlink(SRC + '/opnsense', place.dir + '/opnsense')
    sys.dont_write_bytecode = True
    try:
        known = panel.has_status(sys.argv[1], lambda _, t: place.check(t))
        files()
        settings(place, known)
        key_script(place)
        strangers(place)
        pages(place, hooks(place))
    finally:
        place.remove()
    if not panel.browser():
        print('note: no chromium; pages were not drawn')
    sys.exit(bool(panel.failures))


if __name__ == '__main__':
    main()
