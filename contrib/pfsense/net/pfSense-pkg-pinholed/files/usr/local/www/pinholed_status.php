<?php
/* SPDX-License-Identifier: ISC */

##|+PRIV
##|*IDENT=page-status-pinholed
##|*NAME=Status: pinholed
##|*DESCR=Allow access to the calls and pinholes of pinholed.
##|*MATCH=pinholed_status.php*
##|-PRIV

require_once('guiconfig.inc');
require_once('pinholed.inc');

/* A table of objects: a column for each key that is named. */
function pinholed_table($title, $columns, $objects, $none) {
	echo '<div class="panel panel-default"><div class="panel-heading">' .
	    '<h2 class="panel-title">' . htmlspecialchars($title) . ' (' .
	    count($objects) . ')</h2></div>';
	echo '<div class="panel-body table-responsive">' .
	    '<table class="table table-striped table-hover table-condensed">';
	echo '<thead><tr>';
	foreach ($columns as $label) {
		echo '<th>' . htmlspecialchars($label) . '</th>';
	}
	echo '</tr></thead><tbody>';
	foreach ($objects as $o) {
		echo '<tr>';
		foreach (array_keys($columns) as $key) {
			echo '<td>' . htmlspecialchars(pinholed_cell($o, $key)) . '</td>';
		}
		echo '</tr>';
	}
	if (!$objects) {
		echo '<tr><td colspan="' . count($columns) . '">' .
		    htmlspecialchars($none) . '</td></tr>';
	}
	echo '</tbody></table></div></div>';
}

function pinholed_cell($o, $key) {
	$v = $o[$key] ?? null;
	switch ($key) {
	case 'since':
	case 'last_media':
		return $v ? date('H:i:s', (int)$v) : '-';
	case 'dport':
		$end = $o['dport_end'] ?? $v;
		return $v === $end ? (string)$v : "{$v}-{$end}";
	case 'pinholes':
		return is_array($v) ? (string)count($v) : (string)$v;
	}
	if (is_array($v)) {
		return implode(' ', $v);
	}
	return $v === null ? '-' : (string)$v;
}

$pgtitle = array(gettext('Status'), gettext('pinholed'));
include('head.inc');
display_top_tabs(array(
	array(gettext('Settings'), false, 'pinholed_settings.php'),
	array(gettext('Status'), true, 'pinholed_status.php'),
));

$why = '';
$summary = pinholed_show('summary', $why);
if ($summary === null) {
	print_info_box(htmlspecialchars($why), 'danger');
} else {
	$s = $summary[0] ?? array();
	echo '<div class="panel panel-default"><div class="panel-heading">' .
	    '<h2 class="panel-title">' . gettext('Summary') . '</h2></div>' .
	    '<div class="panel-body"><dl class="dl-horizontal">';
	foreach (array('version' => gettext('Version'), 'backend' => gettext('Packet filter'),
	    'uptime' => gettext('Seconds up'), 'calls' => gettext('Calls'),
	    'pinholes' => gettext('Pinholes'), 'calls_total' => gettext('Calls in all'),
	    'refusals_total' => gettext('Refused in all'),
	    'capture_drops' => gettext('Packets missed')) as $key => $label) {
		echo '<dt>' . htmlspecialchars($label) . '</dt><dd>' .
		    htmlspecialchars(pinholed_cell($s, $key)) . '</dd>';
	}
	echo '</dl></div></div>';
	pinholed_table(gettext('Calls'), array('call' => 'Call-ID',
	    'state' => gettext('State'), 'from' => gettext('From'), 'to' => gettext('To'),
	    'since' => gettext('Since'), 'pinholes' => gettext('Pinholes'),
	    'last_media' => gettext('Last media')),
	    pinholed_show('calls', $why) ?? array(), gettext('There is no call.'));
	pinholed_table(gettext('Pinholes'), array('id' => gettext('Number'),
	    'dir' => gettext('Direction'), 'proto' => gettext('Protocol'),
	    'src' => gettext('From'), 'dst' => gettext('To'), 'dport' => gettext('Ports'),
	    'reason' => gettext('Why'), 'packets' => gettext('Packets'),
	    'last_media' => gettext('Last media')),
	    pinholed_show('pinholes', $why) ?? array(), gettext('There is no pinhole.'));
}

include('foot.inc');
