<?php

/* SPDX-License-Identifier: ISC */

namespace OPNsense\Pinholed\Api;

use OPNsense\Base\ApiMutableServiceControllerBase;
use OPNsense\Core\Backend;

class ServiceController extends ApiMutableServiceControllerBase
{
    protected static $internalServiceClass = '\OPNsense\Pinholed\Pinholed';
    protected static $internalServiceEnabled = 'general.enabled';
    protected static $internalServiceTemplate = 'OPNsense/Pinholed';
    protected static $internalServiceName = 'pinholed';

    /* A reload keeps calls, a restart would close them. */
    protected function reconfigureForceRestart()
    {
        return 0;
    }

    /* The anchors come and go with the service. */
    protected function invokeFirewallReload()
    {
        return true;
    }

    /**
     * what pinholectl shows: a list of objects, or why there is none
     */
    public function showAction($what = 'summary')
    {
        if (!in_array($what, ['summary', 'calls', 'pinholes'])) {
            return ['error' => 'unknown'];
        }
        $answer = (new Backend())->configdpRun('pinholed show', [$what]);
        $rows = [];
        foreach (explode("\n", trim($answer)) as $line) {
            $row = json_decode($line, true);
            if (is_array($row)) {
                $rows[] = $row;
            }
        }
        if (empty($rows) && trim($answer) != '') {
            return ['error' => trim($answer), 'rows' => []];
        }
        return ['rows' => $rows];
    }
}
