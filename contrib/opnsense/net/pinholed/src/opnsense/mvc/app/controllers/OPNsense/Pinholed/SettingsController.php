<?php

/* SPDX-License-Identifier: ISC */

namespace OPNsense\Pinholed;

class SettingsController extends \OPNsense\Base\IndexController
{
    public function indexAction()
    {
        $this->view->form = $this->getForm('settings');
        $this->view->pick('OPNsense/Pinholed/settings');
    }
}
