<?php

/* SPDX-License-Identifier: ISC */
/*
 * What OPNsense offers a plugin, as far as ours uses it, for tests elsewhere:
 * a model that is read from its XML, the two controllers, configd's actions,
 * config.xml as a file of JSON.
 */

namespace OPNsense\Core {
    class Config
    {
        public static function getInstance()
        {
            return new self();
        }

        public function lock()
        {
        }

        public function object()
        {
            return simplexml_load_string('<o><interfaces><lan><if>lo</if></lan>' .
                '<opt1><if>em9</if></opt1></interfaces></o>');
        }
    }

    /* Runs the commands of actions_pinholed.conf, below another /usr/local. */
    class Backend
    {
        public function configdRun($event)
        {
            return $this->configdpRun($event, []);
        }

        public function configdpRun($event, $params = [])
        {
            $top = getenv('TEST_DIR');
            file_put_contents("{$top}/log", trim(str_replace("'", '', $event) . ' ' .
                (strpos($event, 'check') ? '' : implode(' ', $params))) . "\n", FILE_APPEND);
            $words = explode(' ', str_replace("'", '', $event));
            if ($words[0] != 'pinholed') {
                return "OK\n";
            }
            $text = preg_replace('/%s.*/', '%s', file_get_contents(getenv('ACTIONS')));
            preg_match('/^\[' . $words[1] . '\]\ncommand:(.*)\nparameters:(.*)\n/m', $text, $m);
            $args = str_replace('%s', escapeshellarg($params[0] ?? ''), $m[2]);
            $command = str_replace('/usr/local/', "{$top}/", $m[1]);
            $command = preg_replace('#\S+\.py#', getenv('PYTHON') . ' $0', $command);
            return (string)shell_exec("{$command} {$args} 2>&1");
        }
    }
}

namespace OPNsense\Base {
    class Node
    {
        public $value;
        public $changed = false;

        public function __construct(public $xml)
        {
            $this->value = (string)$xml->Default;
        }

        public function __toString()
        {
            return $this->value;
        }

        /* What is wrong with the value, or null. */
        public function complaint()
        {
            if ($this->value === '') {
                return isset($this->xml->Required) ? 'A value is required.' : null;
            }
            $type = (string)$this->xml['type'];
            if ($type == 'BooleanField' && !in_array($this->value, ['0', '1'])) {
                return 'Value should be a boolean (0,1).';
            }
            if ($type == 'OptionField' && !isset($this->xml->OptionValues->{$this->value})) {
                return 'Option not in list.';
            }
            if ($type == 'InterfaceField' && array_diff(explode(',', $this->value), ['lan', 'opt1'])) {
                return 'Please specify a valid interface.';
            }
            if (isset($this->xml->Mask) && !preg_match((string)$this->xml->Mask, $this->value)) {
                return (string)$this->xml->ValidationMessage;
            }
            return null;
        }
    }

    class BaseModel
    {
        private $nodes = [];

        public function __construct()
        {
            $class = new \ReflectionClass($this);
            $xml = simplexml_load_file(str_replace('.php', '.xml', $class->getFileName()));
            $saved = json_decode(@file_get_contents(getenv('TEST_DIR') . '/config.json'), true) ?: [];
            foreach ($xml->items->children() as $section => $fields) {
                foreach ($fields->children() as $field => $node) {
                    $this->nodes["{$section}.{$field}"] = new Node($node);
                }
            }
            $this->setNodes($saved);
        }

        public function __get($section)
        {
            $out = new \stdClass();
            foreach ($this->nodes as $key => $node) {
                if (strpos($key, "{$section}.") === 0) {
                    $out->{explode('.', $key)[1]} = $node;
                }
            }
            return $out;
        }

        public function getFlatNodes()
        {
            return $this->nodes;
        }

        public function getNodeByReference($key)
        {
            return $this->nodes[$key];
        }

        public function getNodes()
        {
            $out = [];
            foreach ($this->nodes as $key => $node) {
                [$section, $field] = explode('.', $key);
                $out[$section][$field] = (string)$node;
            }
            return $out;
        }

        public function setNodes($data)
        {
            foreach ($data as $section => $fields) {
                foreach ($fields as $field => $value) {
                    if (isset($this->nodes["{$section}.{$field}"])) {
                        $this->nodes["{$section}.{$field}"]->value = (string)$value;
                    }
                }
            }
        }
    }

    class Request
    {
        private static $body = null;

        public function isPost()
        {
            return $_SERVER['REQUEST_METHOD'] == 'POST';
        }

        public function getPost($name)
        {
            self::$body = self::$body ?? json_decode(file_get_contents('php://input'), true);
            return self::$body[$name] ?? [];
        }
    }

    class ApiControllerBase
    {
        protected $request;

        public function __construct()
        {
            $this->request = new Request();
        }
    }

    class ApiMutableModelControllerBase extends ApiControllerBase
    {
        private $model = null;

        protected function getModel()
        {
            return $this->model = $this->model ?? new (static::$internalModelClass)();
        }

        protected function validate($node = null, $prefix = null, $validateFullModel = false)
        {
            $result = ['result' => ''];
            foreach ($this->getModel()->getFlatNodes() as $key => $n) {
                if ($n->complaint() !== null) {
                    $result['result'] = 'failed';
                    $result['validations'][static::$internalModelName . '.' . $key] = $n->complaint();
                }
            }
            return $result;
        }

        public function getAction()
        {
            return [static::$internalModelName => $this->getModel()->getNodes()];
        }

        public function setAction()
        {
            $result = ['result' => 'failed'];
            if ($this->request->isPost()) {
                $this->getModel()->setNodes($this->request->getPost(static::$internalModelName));
                $result = $this->validate();
                if (empty($result['result'])) {
                    file_put_contents(
                        getenv('TEST_DIR') . '/config.json',
                        json_encode($this->getModel()->getNodes())
                    );
                    return ['result' => 'saved'];
                }
            }
            return $result;
        }
    }

    abstract class ApiMutableServiceControllerBase extends ApiControllerBase
    {
        protected function reconfigureForceRestart()
        {
            return 1;
        }

        protected function invokeFirewallReload()
        {
            return false;
        }

        public function reconfigureAction()
        {
            $model = new (static::$internalServiceClass)();
            $on = (string)$model->getNodeByReference(static::$internalServiceEnabled) == '1';
            $backend = new \OPNsense\Core\Backend();
            if ($this->reconfigureForceRestart() || !$on) {
                $backend->configdRun(static::$internalServiceName . ' stop');
            }
            if ($this->invokeFirewallReload()) {
                $backend->configdRun('filter reload skip_alias');
            }
            $backend->configdpRun('template reload', [static::$internalServiceTemplate]);
            if ($on) {
                $status = $backend->configdRun(static::$internalServiceName . ' status');
                $runs = strpos($status, 'is running') > 0 && !$this->reconfigureForceRestart();
                $backend->configdRun(static::$internalServiceName . ($runs ? ' reload' : ' start'));
            }
            return ['status' => 'ok'];
        }
    }

    class View
    {
        public $form;
        public $picked;

        public function pick($name)
        {
            $this->picked = $name;
        }
    }

    class IndexController
    {
        public $view;

        public function __construct()
        {
            $this->view = new View();
        }

        public function getForm($name)
        {
            $class = new \ReflectionClass($this);
            $out = [];
            foreach (simplexml_load_file(dirname($class->getFileName()) . "/forms/{$name}.xml") as $field) {
                $out[] = (array)$field;
            }
            return $out;
        }
    }
}

namespace {
    spl_autoload_register(function ($class) {
        $path = str_replace('\\', '/', $class) . '.php';
        foreach (['models', 'controllers'] as $d) {
            if (is_file(getenv('APP') . "/{$d}/{$path}")) {
                require getenv('APP') . "/{$d}/{$path}";
            }
        }
    });
}
