<?php
/* SPDX-License-Identifier: ISC */
/*
 * Reads {"do": ..., "settings": ...} from the standard input, answers in JSON.
 */
require_once('pinholed.inc');

$in = json_decode(stream_get_contents(STDIN), true);
$s = $in['settings'] ?? array();
switch ($in['do']) {
case 'text':
	$out = array_map(fn($x) => pinholed_text(pinholed_lines($x)), $in['cases']);
	break;
case 'check':
	$out = array_map('pinholed_check', $in['cases']);
	break;
case 'rules':
	config_set_path(PINHOLED_PATH, $s);
	$out = array_map('pinholed_generate_rules', array('nat', 'pfearly', 'filter'));
	break;
case 'call':
	if ($s) {
		config_set_path(PINHOLED_PATH, $s);
	}
	$out = call_user_func($in['function']);
	break;
}
echo json_encode($out);
