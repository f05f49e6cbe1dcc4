<?php

/* SPDX-License-Identifier: ISC */
/* /ui/pinholed/NAME, /api/pinholed/CONTROLLER/ACTION, and what else is asked. */

require __DIR__ . '/host.php';

$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if (preg_match('#^/api/pinholed/([a-z]+)/([a-z]+)(?:/([a-z]+))?$#', $path, $m)) {
    $controller = new ('OPNsense\\Pinholed\\Api\\' . ucfirst($m[1]) . 'Controller')();
    header('Content-Type: application/json');
    echo json_encode(call_user_func_array([$controller, $m[2] . 'Action'], array_slice($m, 3)));
} elseif (preg_match('#^/ui/pinholed/([a-z]+)$#', $path, $m)) {
    readfile(getenv('TEST_DIR') . "/{$m[1]}.html");
} elseif ($path == '/host.js') {
    header('Content-Type: text/javascript');
    readfile(__DIR__ . '/host.js');
} elseif ($path == '/Pinholed.js') {
    header('Content-Type: text/javascript');
    readfile(getenv('WIDGET'));
} else {
    http_response_code(404);
}
