<?php

/* SPDX-License-Identifier: ISC */

namespace OPNsense\Pinholed;

class StatusController extends \OPNsense\Base\IndexController
{
    public function indexAction()
    {
        $this->view->pick('OPNsense/Pinholed/status');
    }
}
