<?php

/* SPDX-License-Identifier: ISC */

namespace OPNsense\Pinholed\Api;

use OPNsense\Base\ApiMutableModelControllerBase;
use OPNsense\Core\Backend;
use OPNsense\Core\Config;

class SettingsController extends ApiMutableModelControllerBase
{
    protected static $internalModelName = 'pinholed';
    protected static $internalModelClass = '\OPNsense\Pinholed\Pinholed';

    /*
     * The model sees to the form, the daemon to the meaning: settings that
     * nobody has saved yet are written as its file, and what it says about a
     * line is shown at the field that the line comes from.
     */
    protected function validate($node = null, $prefix = null, $validateFullModel = false)
    {
        $result = parent::validate($node, $prefix, $validateFullModel);
        if (!empty($result['result']) || (string)$this->getModel()->general->enabled != '1') {
            return $result;
        }
        foreach ($this->messages() as $field => $messages) {
            if ($field == '') {
                $field = 'general.enabled';
            }
            $result['result'] = 'failed';
            $result['validations']['pinholed.' . $field] = $messages;
        }
        return $result;
    }

    private function messages()
    {
        $settings = [];
        foreach ($this->getModel()->getFlatNodes() as $key => $node) {
            $parts = explode('.', $key);
            $settings[$parts[0]][$parts[1]] = (string)$node;
        }
        $interfaces = [];
        foreach (Config::getInstance()->object()->interfaces->children() as $name => $if) {
            $interfaces[$name] = ['if' => (string)$if->if];
        }
        $file = tempnam('/tmp', 'pinholed-check-');
        file_put_contents($file, json_encode(['interfaces' => $interfaces,
            'OPNsense' => ['pinholed' => $settings]]));
        try {
            $answer = (new Backend())->configdpRun('pinholed check', [$file]);
        } finally {
            @unlink($file);
        }
        $messages = json_decode($answer, true);
        return is_array($messages) ? $messages : ['' => ['pinholed cannot be asked: ' . trim($answer)]];
    }
}
