<?php

/* SPDX-License-Identifier: ISC */
/* What the plugin's functions return, and the forms of its controllers. */

require __DIR__ . '/host.php';
require getenv('PLUGIN');

class Firewall
{
    public $anchors = [];

    public function registerAnchor($name, $type = 'fw', $priority = 0, $placement = 'tail', $quick = false)
    {
        $this->anchors[] = [$name, $type, $placement];
    }
}

$fw = new Firewall();
pinholed_firewall($fw);
$forms = [];
foreach (['Settings', 'Status'] as $name) {
    $controller = new ("OPNsense\\Pinholed\\{$name}Controller")();
    $controller->indexAction();
    $forms[$name] = [$controller->view->picked, $controller->view->form];
}
echo json_encode(['anchors' => $fw->anchors, 'services' => pinholed_services(),
    'syslog' => pinholed_syslog(), 'forms' => $forms]);
