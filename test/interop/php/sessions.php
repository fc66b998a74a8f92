<?php
// PHP's own sessions in memcached, with locking: sessions.php HOST:PORT
// Two processes add to one session a number of times each; with the lock no addition is lost.

require __DIR__ . '/checks.php';

const ROUNDS = 25;
const WRITERS = 2;

ini_set('session.save_handler', 'memcached');
ini_set('session.save_path', $argv[1]);
ini_set('session.use_cookies', '0');
ini_set('session.use_strict_mode', '0');
ini_set('session.cache_limiter', '');
ini_set('memcached.sess_locking', '1');
ini_set('memcached.sess_lock_wait_min', '2');
ini_set('memcached.sess_lock_wait_max', '10');
ini_set('memcached.sess_lock_retries', '2000');

function add(string $id): void
{
    session_id($id);
    session_start();
    $_SESSION['count'] = ($_SESSION['count'] ?? 0) + 1;
    session_write_close();
    session_id('');
}

if (isset($argv[2])) {
    for ($round = 0; $round < ROUNDS; $round += 1) {
        add($argv[2]);
    }
    exit(0);
}

$checks = new Checks('php-session');
$id = 'interop' . bin2hex(random_bytes(8));
$writers = [];
for ($at = 0; $at < WRITERS; $at += 1) {
    $writers[] = proc_open([PHP_BINARY, __FILE__, $argv[1], $id], [], $pipes);
}
foreach ($writers as $writer) {
    $checks->equal(proc_close($writer), 0, 'a writer ends well');
}
session_id($id);
session_start();
$checks->equal($_SESSION['count'] ?? null, WRITERS * ROUNDS, 'no addition is lost');
$checks->equal(session_destroy(), true, 'session_destroy');
session_id($id);
session_start();
$checks->equal($_SESSION, [], 'a destroyed session is empty');
session_write_close();
$checks->done();
