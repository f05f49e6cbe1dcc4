<?php
/* SPDX-License-Identifier: ISC */

##|+PRIV
##|*IDENT=page-services-pinholed
##|*NAME=Services: pinholed
##|*DESCR=Allow access to the settings of pinholed.
##|*MATCH=pinholed_settings.php*
##|-PRIV

require_once('guiconfig.inc');
require_once('filter.inc');
require_once('pinholed.inc');

/* Sections of the form: field, kind, label, help. */
$sections = array(
	'General' => array(
		array('enable', 'check', 'Enable', 'Open pinholes for calls and transfers'),
		array('interfaces', 'interfaces', 'Inside interfaces',
		    'Where to listen: the interfaces by which the protected hosts are reached.'),
		array('protect', 'text', '*Protect',
		    'The hosts behind the firewall, as addresses and prefixes. Pinholes lead to these hosts and to no others.'),
		array('buffer', 'text', 'Capture buffer', 'As 64m, where packets are missed. Default: 32m.'),
	),
	'SIP' => array(
		array('sip', 'check', 'Enable', 'Open what the media of telephone calls needs'),
		array('sip_port', 'text', 'Ports', 'Ports of the signalling, over UDP and TCP. Default: 5060.'),
		array('sip_server', 'text', 'Servers',
		    'Protected hosts that may name other protected hosts, as an exchange with media gateways does. Default: none.'),
		array('sip_media', 'text', 'Media hosts', 'Protected hosts that media may be opened to. Default: all.'),
		array('sip_range', 'text', 'Media ports', 'As 10000:20000. The range that the exchange is configured to use.'),
		array('sip_remote', 'select', 'Media comes from',
		    'Remote addresses from which media may come.',
		    array('' => 'Signalling and SDP (default)', 'sdp' => 'The address in SDP',
		    'signalling' => 'The address of the signalling', 'any' => 'Anywhere',
		    'list' => 'These addresses')),
		array('sip_remotes', 'text', 'These addresses', 'Only for the last choice above.'),
		array('sip_symmetric', 'text', 'Symmetric peers',
		    'Trunks that send media from the port they name. Default: none.'),
		array('sip_external', 'area', 'External addresses',
		    'A line for each static translation: the public address, and the protected one.'),
		array('sip_noearly', 'check', 'No early media', 'Close media until the call is accepted'),
		array('sip_holdclose', 'check', 'Hold closes', 'Close the media of a call on hold'),
		array('sip_calls', 'text', 'Most calls', 'Default: 50000.'),
		array('sip_persource', 'text', 'Most calls of one source',
		    'Calls that are not accepted yet. Default: 200.'),
		array('sip_rate', 'text', 'INVITEs a second of one source', 'Default: no limit.'),
		array('sip_streams', 'text', 'Streams of one call', 'Default: 16.'),
		array('sip_redirect', 'check', 'Redirect', 'Translate media to the external addresses above'),
		array('sip_setup', 'text', 'Seconds until accepted', 'Default: 180.'),
		array('sip_idle', 'text', 'Seconds of silence', 'Default: 300.'),
		array('sip_max', 'text', 'Seconds in all', 'Default: 43200.'),
	),
	'FTP' => array(
		array('ftp', 'check', 'Enable', 'Open data connections of FTP'),
		array('ftp_port', 'text', 'Ports', 'Ports of control connections that are watched. Default: 21, or none with a proxy.'),
		array('ftp_proxy', 'text', 'Proxy port',
		    'Where addresses are translated: the port of a proxy on 127.0.0.1, such as 8021. Connections that come in by the inside interfaces to port 21 are redirected to it.'),
		array('ftp_reverse', 'text', 'Proxy for one server', 'The protected server that all sessions of the proxy go to. Default: the server that the client has named.'),
		array('ftp_sessions', 'text', 'Most sessions', 'Of the proxy. Default: 100.'),
		array('ftp_timeout', 'text', 'Timeout', 'Seconds within which a data connection begins. Default: 2.'),
		array('ftp_loose', 'check', 'Loose', 'Data connections may go to another host than the one that names it'),
	),
	'TFTP' => array(
		array('tftp', 'check', 'Enable', 'Open transfers of TFTP'),
		array('tftp_port', 'text', 'Ports', 'Ports of requests that are watched. Default: 69, or none with a proxy.'),
		array('tftp_readonly', 'check', 'Read only', 'Follow requests to read, and no others'),
		array('tftp_file', 'text', 'Files', 'Patterns of names, as SEP*.cnf.xml. Default: all.'),
		array('tftp_timeout', 'text', 'Timeout', 'Seconds of silence after which a transfer is over. Default: 30.'),
		array('tftp_proxy', 'text', 'Proxy port', 'As above, such as 6969.'),
		array('tftp_sessions', 'text', 'Most sessions', 'Of the proxy. Default: 1000.'),
	),
	'Tables' => array(
		array('tables', 'check', 'Enable', 'Other hosts change tables of pf by signed datagrams'),
		array('tables_listen', 'text', 'Address', 'Default: 127.0.0.1.'),
		array('tables_port', 'text', 'Port', 'Default: 56789.'),
		array('tables_key', 'area', 'Key', 'At least 20 bytes that the other hosts have, too. Without a key the address has to be 127.0.0.1.'),
		array('tables_allow', 'text', 'Tables', 'The tables that may be changed.'),
		array('tables_force', 'text', 'Always this table', 'Whatever the datagram says. Default: none.'),
		array('tables_never', 'text', 'Never enter', 'Addresses and prefixes. Default: all that is protected.'),
		array('tables_max', 'text', 'Most entries', 'Default: 100000.'),
		array('tables_timeout', 'text', 'Timeout', 'Seconds until an entry is removed again. Default: never.'),
	),
	'HEP' => array(
		array('hep', 'check', 'Enable', 'Read signalling that the exchange mirrors, such as SIP under TLS'),
		array('hep_listen', 'text', 'Address', 'Default: 127.0.0.1.'),
		array('hep_port', 'text', 'Port', 'Over UDP and TCP. Default: 9060.'),
		array('hep_from', 'text', 'Exchanges', 'Who may mirror.'),
		array('hep_key', 'area', 'Key', '8 to 255 bytes that the exchange sends, too. Without a key the address has to be 127.0.0.1.'),
	),
	'Status' => array(
		array('status', 'check', 'Enable', 'Serve metrics and a status page over HTTP'),
		array('status_listen', 'text', 'Address', 'Default: 127.0.0.1.'),
		array('status_port', 'text', 'Port', 'Default: 9508.'),
	),
	'Packet filter' => array(
		array('log', 'check', 'Log', 'Log packets that create a state through a pinhole'),
		array('pf_states', 'check', 'States', 'Make states where both ends are known; pfsync replicates these'),
		array('pf_nokill', 'check', 'Leave states', 'Do not end the states of a call with the call'),
		array('pf_ifbound', 'check', 'If-bound', 'States hold on the interface where they began'),
		array('pf_tag', 'text', 'Tag', 'Default: none.'),
		array('pf_queue', 'text', 'Queue', 'Default: none.'),
	),
	'Advanced' => array(
		array('advanced', 'area', 'More statements',
		    'Lines of pinholed.conf(5) that are put at the end of the file, such as reply-to for several uplinks. Not those that name a file.'),
	),
);
/* Kept as base64: config.xml would change their blanks. */
$encoded = array('advanced', 'tables_key', 'hep_key');

$settings = pinholed_settings();
$errors = array();
$input_errors = array();

if ($_POST['save'] ?? false) {
	$new = array();
	foreach ($sections as $fields) {
		foreach ($fields as $f) {
			$value = $_POST[$f[0]] ?? '';
			if ($f[1] === 'check') {
				$value = $value ? 'on' : '';
			} elseif (is_array($value)) {
				$value = implode(',', $value);
			} elseif (in_array($f[0], $encoded)) {
				$value = base64_encode($value);
			}
			$new[$f[0]] = $value;
		}
	}
	$settings = $new;
	if (pinholed_on($new, 'enable')) {
		$errors = pinholed_check($new);
	}
	if (!$errors) {
		config_set_path(PINHOLED_PATH, $new);
		write_config(gettext('pinholed: settings changed'));
		pinholed_resync();
		filter_configure();
		header('Location: pinholed_settings.php?saved=1');
		exit;
	}
}

$labels = array();
foreach ($sections as $title => $fields) {
	foreach ($fields as $f) {
		$labels[$f[0]] = $title . ': ' . ltrim($f[2], '*');
	}
}
foreach ($errors as $field => $messages) {
	foreach ($messages as $m) {
		$input_errors[] = htmlspecialchars(($field === '' ? '' : $labels[$field] . ': ') . $m);
	}
}

/* The input of a field, with what the daemon says about it below. */
function pinholed_input($f, $value, $messages) {
	global $encoded;

	list($name, $kind, $label, $help) = $f;
	if (in_array($name, $encoded)) {
		$value = base64_decode($value);
	}
	switch ($kind) {
	case 'check':
		$input = new Form_Checkbox($name, $label, $help, $value === 'on', 'on');
		$help = '';
		break;
	case 'select':
		$input = new Form_Select($name, $label, $value, $f[4]);
		break;
	case 'interfaces':
		$input = new Form_Select($name, $label, explode(',', $value),
		    get_configured_interface_with_descr(), true);
		break;
	case 'area':
		$input = new Form_Textarea($name, $label, $value);
		break;
	default:
		$input = new Form_Input($name, $label, 'text', $value);
	}
	$said = '';
	foreach ($messages as $m) {
		$said .= '<span class="text-danger" data-field="' . $name . '">' .
		    htmlspecialchars($m) . '</span><br />';
	}
	if ($said . $help !== '') {
		$input->setHelp('%1$s%2$s', $said, htmlspecialchars(gettext($help ?: ' ')));
	}
	return $input;
}

$pgtitle = array(gettext('Services'), gettext('pinholed'));
include('head.inc');

if ($input_errors) {
	print_input_errors($input_errors);
}
if ($_GET['saved'] ?? false) {
	print_info_box(gettext('The settings are in use.'), 'success');
}
display_top_tabs(array(
	array(gettext('Settings'), true, 'pinholed_settings.php'),
	array(gettext('Status'), false, 'pinholed_status.php'),
));

$form = new Form();
foreach ($sections as $title => $fields) {
	$section = new Form_Section($title);
	foreach ($fields as $f) {
		$section->addInput(pinholed_input($f, $settings[$f[0]] ?? '',
		    $errors[$f[0]] ?? array()));
	}
	$form->add($section);
}
print($form);

include('foot.inc');
