<?php
// SPDX-License-Identifier: ISC
declare(strict_types=1);

/**
 * Change a table of a packet filter elsewhere: pinholed-tables(7), version 3.
 *
 *     require 'pinholed_table.php';
 *     $tables = new PinholedTables('192.0.2.1', file_get_contents('key'));
 *     $tables->add('spammer', [$_SERVER['REMOTE_ADDR']], 3600);
 *
 * or from the command line:
 *
 *     php pinholed_table.php HOST TABLE add|delete|flush KEYFILE [ADDRESS ...]
 *
 * Throws PinholedRefused, or RuntimeException when there is no answer.  Needs
 * no extension.  A script that runs under a web server needs to read the key,
 * and whoever takes that script over can then use it: give it a key of its
 * own and, with "force", a table of its own.
 */
class PinholedRefused extends RuntimeException
{
}

class PinholedTables
{
    private const ENTRIES = 46;
    private const STATUS = [
        'done', 'the clocks differ by more than a minute', 'no such table',
        'no such command', 'a prefix of length 0 is every address',
        'an address that is never entered', 'no room for more entries',
        'the packet filter has refused it', 'busy; try again',
    ];

    /** @var resource */
    private $socket;
    private string $key;

    public function __construct(
        string $host,
        string $key,
        private string $name = '',
        int $port = 56789,
        private int $wait = 2,
        private int $tries = 3,
    ) {
        $this->key = substr($key, 0, 64);
        if (str_contains($host, ':')) {
            $host = "[$host]";
        }
        $socket = stream_socket_client("udp://$host:$port", $no, $why);
        if ($socket === false) {
            throw new RuntimeException("$host: $why");
        }
        $this->socket = $socket;
    }

    /** @param string[] $addresses */
    public function add(string $table, array $addresses, int $timeout = 0): void
    {
        $this->change(1, $table, $addresses, $timeout);
    }

    /** @param string[] $addresses */
    public function delete(string $table, array $addresses): void
    {
        $this->change(2, $table, $addresses, 0);
    }

    public function flush(string $table): void
    {
        $this->ask(3, $table, []);
    }

    private function change(int $command, string $table, array $addresses, int $timeout): void
    {
        $entries = array_map(fn ($a) => self::entry($a, $timeout), $addresses);
        foreach (array_chunk($entries, self::ENTRIES) as $some) {
            $this->ask($command, $table, $some);
        }
    }

    private static function entry(string $text, int $timeout): string
    {
        [$address, $length] = explode('/', $text, 2) + [1 => null];
        $packed = @inet_pton($address);
        if ($packed === false) {
            throw new InvalidArgumentException("$text: not an address");
        }
        $bits = strlen($packed) * 8;
        $length ??= $bits;
        if (!ctype_digit((string)$length) || (int)$length > $bits) {
            throw new InvalidArgumentException("$text: not a prefix");
        }
        return pack('CCnNa16', $bits === 32 ? 4 : 6, (int)$length, 0, $timeout, $packed);
    }

    private function ask(int $command, string $table, array $entries): void
    {
        for ($try = 0; $try < $this->tries; $try++) {
            // The same datagram counts only once: each try is a new one.
            $nonce = random_bytes(8);
            $text = pack('CCCCNa8a32a32', 3, $command, 0, count($entries), time(),
                $nonce, $this->name, $table) . implode('', $entries);
            $mac = hash_hmac('sha256', $text, $this->key, true);
            fwrite($this->socket, $text . $mac);
            $reply = $this->await($nonce, $mac);
            if ($reply === null) {
                continue;
            }
            $status = ord($reply[2]);
            if ($status !== 0) {
                throw new PinholedRefused(
                    'refused: ' . (self::STATUS[$status] ?? "status $status"), $status);
            }
            return;
        }
        throw new RuntimeException('no answer');
    }

    /** The answer is signed together with the signature of what it answers. */
    private function await(string $nonce, string $mac): ?string
    {
        $end = microtime(true) + $this->wait;
        while (($left = $end - microtime(true)) > 0) {
            $read = [$this->socket];
            $write = $except = null;
            if (!stream_select($read, $write, $except, 0, (int)($left * 1e6))) {
                continue;
            }
            $reply = (string)@fread($this->socket, 2048);
            if ($reply === '') {
                usleep(10000); // nobody listens there, not yet
                continue;
            }
            if (strlen($reply) === 56 && substr($reply, 8, 8) === $nonce
                && hash_equals(
                    hash_hmac('sha256', substr($reply, 0, 24) . $mac, $this->key, true),
                    substr($reply, 24))) {
                return $reply;
            }
        }
        return null;
    }
}

if (PHP_SAPI === 'cli' && realpath($argv[0]) === __FILE__) {
    if ($argc < 5 || !in_array($argv[3], ['add', 'delete', 'flush'], true)) {
        fwrite(STDERR, "usage: php pinholed_table.php host table add|delete|flush keyfile [address ...]\n");
        exit(2);
    }
    try {
        $key = file_get_contents($argv[4]);
        if ($key === false) {
            exit(2);
        }
        $tables = new PinholedTables($argv[1], $key, (string)getenv('PINHOLED_KEY_NAME'));
        $argv[3] === 'flush'
            ? $tables->flush($argv[2])
            : $tables->{$argv[3]}($argv[2], array_slice($argv, 5));
    } catch (PinholedRefused $why) {
        fwrite(STDERR, $argv[2] . ': ' . $why->getMessage() . "\n");
        exit(1);
    } catch (InvalidArgumentException $why) {
        fwrite(STDERR, $why->getMessage() . "\n");
        exit(2);
    } catch (RuntimeException $why) {
        fwrite(STDERR, $why->getMessage() . "\n");
        exit(3);
    }
}
