"""Where clients themselves put keys, without any server.

placement_oracle.py CLIENT CONFIGS COUNT: CONFIGS is a list in JSON. Prints, for each, the node of
each key by its index; keys are
`key:<at>:<at * 7919 % 104729>` and, from the second half on, of keys beyond ASCII.

libmemcached: asked through ctypes, so that every distribution and hash is within reach.
pymemcache: the hasher of its HashClient.
"""

import ctypes
import json
import sys


def libmemcached(config, keys):
    lib = ctypes.CDLL("libmemcached.so.11")
    lib.memcached_create.restype = ctypes.c_void_p
    lib.memcached_generate_hash.restype = ctypes.c_uint32
    lib.memcached_generate_hash.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
    lib.memcached_behavior_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint64]
    lib.memcached_server_add_with_weight.argtypes = [
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_uint16,
        ctypes.c_uint32,
    ]
    memc = lib.memcached_create(None)
    for behavior, value in config["behaviors"]:
        assert lib.memcached_behavior_set(memc, behavior, value) == 0, (behavior, value)
    for host, port, weight in config["nodes"]:
        assert lib.memcached_server_add_with_weight(memc, host.encode(), port, weight) == 0
    return [lib.memcached_generate_hash(memc, key.encode(), len(key.encode())) for key in keys]


def pymemcache(config, keys):
    from pymemcache.client.hash import HashClient

    client = HashClient([(host, port) for host, port, _ in config["nodes"]])
    index = {f"{host}:{port}": at for at, (host, port, _) in enumerate(config["nodes"])}
    return [index[client.hasher.get_node(key)] for key in keys]


client, configs, count = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
keys = [f"key:{at}:{at * 7919 % 104729}" for at in range(count)]
keys = [key if at < count // 2 else f"ключ-é-{key}" for at, key in enumerate(keys)]
ask = {"libmemcached": libmemcached, "pymemcache": pymemcache}[client]
print(json.dumps([ask(config, keys) for config in configs]))
