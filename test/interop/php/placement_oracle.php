<?php
// Where php-memcached puts keys, without any server: as python/placement_oracle.py. Its arguments
// are the configurations, each with `options` by the constant's name, and the count of keys.

$configs = json_decode($argv[1], true);
$count = (int) $argv[2];
$all = [];
foreach ($configs as $config) {
    $client = new Memcached();
    foreach ($config['options'] as [$name, $value]) {
        $constant = is_string($value) ? constant("Memcached::$value") : $value;
        if (!$client->setOption(constant("Memcached::$name"), $constant)) exit(1);
    }
    $client->addServers($config['nodes']);
    $index = [];
    foreach ($config['nodes'] as $at => [$host, $port]) $index["$host:$port"] = $at;
    $owners = [];
    for ($at = 0; $at < $count; $at++) {
        $key = "key:$at:" . ($at * 7919 % 104729);
        if ($at >= intdiv($count, 2)) $key = "ключ-é-$key";
        $server = $client->getServerByKey($key);
        $owners[] = $index["{$server['host']}:{$server['port']}"];
    }
    $all[] = $owners;
}
echo json_encode($all);
