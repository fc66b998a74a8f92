"""Where keys live, according to libmemcached and to a router.

pylibmc_placement.py COUNT ROUTER NODE NODE NODE: libmemcached with ketama_weighted writes keys to
the nodes directly and the router must find every one; then the router writes and libmemcached
must find every one; and each key must be on one node only.
"""

import sys

import pylibmc
from checks import Checks

count, router_address, nodes = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
direct = pylibmc.Client(nodes, behaviors={"ketama_weighted": True})
router = pylibmc.Client([router_address])
singles = [pylibmc.Client([node]) for node in nodes]
checks = Checks("placement")
keys = [f"key:{at}:{at * 7919 % 104729}" for at in range(count)]


def chunks(items, size=500):
    for at in range(0, len(items), size):
        yield items[at : at + size]


def read(client):
    found = {}
    for part in chunks(keys):
        found.update(client.get_multi(part))
    return found


def write(client, value):
    for part in chunks(keys):
        checks.equal(client.set_multi(dict.fromkeys(part, value)), [], "set_multi")


def owners():
    found = [set(read(single)) for single in singles]
    checks.equal(sum(len(one) for one in found), count, "each key on one node")
    return found


write(direct, "direct")
by_libmemcached = owners()
checks.equal(min(len(one) for one in by_libmemcached) > count / 10, True, "every node has keys")
checks.equal(read(router), dict.fromkeys(keys, "direct"), "the router finds libmemcached's keys")
checks.equal(direct.flush_all(), True, "flush_all")
checks.equal(read(router), {}, "the router finds nothing after the flush")
write(router, "router")
checks.equal(owners(), by_libmemcached, "router and libmemcached name the same node for each key")
checks.equal(read(direct), dict.fromkeys(keys, "router"), "libmemcached finds the router's keys")
checks.done()
