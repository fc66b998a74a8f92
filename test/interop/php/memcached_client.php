<?php
// php-memcached against one address: memcached_client.php HOST PORT PROTOCOL [USER PASSWORD]
// PROTOCOL: text or binary.
// With a user the login is SASL PLAIN; a refused login ends with the status 3.

require __DIR__ . '/checks.php';

[, $host, $port, $protocol] = $argv;
$client = new Memcached();
$client->setOption(Memcached::OPT_BINARY_PROTOCOL, $protocol !== 'text');
$client->setOption(Memcached::OPT_COMPRESSION, false);
if (isset($argv[5])) {
    $client->setSaslAuthData($argv[4], $argv[5]);
}
$client->addServer($host, (int) $port);

$checks = new Checks("php-$protocol");
$key = $checks->key(...);
$equal = $checks->equal(...);

if (!$client->set($key('first'), 'one') && isset($argv[5])) {
    fwrite(STDERR, $client->getResultMessage());
    exit(3);
}
$equal($client->get($key('first')), 'one', 'get');
$equal($client->get($key('missing')), false, 'get of a miss');
$equal($client->getResultCode(), Memcached::RES_NOTFOUND, 'result of a miss');

$values = [
    'empty' => '',
    'binary' => implode('', array_map('chr', range(0, 255))),
    'large' => str_repeat('L', 900000),
    'number' => 42,
    'float' => 1.5,
    'boolean' => true,
    'array' => ['deep' => [1, 'two', null]],
];
foreach ($values as $name => $value) {
    $equal($client->set($key($name), $value), true, "set of $name");
    $equal($client->get($key($name)), $value, "get of $name");
}

$equal($client->add($key('first'), 'two'), false, 'add over an item');
$equal($client->add($key('new'), 'two', 100), true, 'add');
$equal($client->replace($key('first'), 'b'), true, 'replace');
$equal($client->append($key('first'), '>'), true, 'append');
$equal($client->prepend($key('first'), '<'), true, 'prepend');
$equal($client->get($key('first')), '<b>', 'get after append and prepend');

$many = [];
for ($at = 0; $at < 200; $at += 1) {
    $many[$key("many-$at")] = "value $at";
}
$equal($client->setMulti($many, 100), true, 'setMulti');
$equal($client->getMulti(array_merge(array_keys($many), [$key('missing')])), $many, 'getMulti');
$extended = $client->getMulti(array_keys($many), Memcached::GET_EXTENDED);
$equal(count($extended), 200, 'getMulti with cas');
$equal($extended[$key('many-7')]['value'], 'value 7', 'a value of getMulti with cas');
$cas = $extended[$key('many-7')]['cas'];
$equal($client->cas($cas, $key('many-7'), 'swapped'), true, 'cas');
$equal($client->cas($cas, $key('many-7'), 'again'), false, 'cas with an old unique');
$equal($client->getResultCode(), Memcached::RES_DATA_EXISTS, 'result of cas with an old unique');
$equal($client->get($key('many-7')), 'swapped', 'get after cas');
$deleted = $client->deleteMulti(array_keys($many));
$equal(array_unique(array_values($deleted)), [true], 'deleteMulti');
$equal($client->getMulti(array_keys($many)), [], 'getMulti after deleteMulti');

$equal($client->set($key('n'), 10), true, 'set of a counter');
$equal($client->increment($key('n'), 5), 15, 'increment');
$equal($client->decrement($key('n'), 6), 9, 'decrement');
$equal($client->decrement($key('n'), 100), 0, 'decrement stops at zero');
$equal($client->increment($key('missing')), false, 'increment of a miss');
if ($protocol === 'binary') {
    $equal($client->increment($key('born'), 1, 7, 100), 7, 'increment with an initial value');
    $equal($client->increment($key('born'), 1, 7, 100), 8, 'and again');
}
$equal($client->touch($key('n'), 100), true, 'touch');
$equal($client->touch($key('missing'), 100), false, 'touch of a miss');
$equal($client->delete($key('n')), true, 'delete');
$equal($client->delete($key('n')), false, 'delete of a miss');

$version = array_values($client->getVersion());
$equal(preg_match('/^\d+\.\d+\.\d+$/', $version[0]), 1, 'version');
$checks->done();
