"""pylibmc with ketama on against one address, classic text: pylibmc_client.py HOST:PORT"""

import sys

import pylibmc
from checks import BINARY, Checks

client = pylibmc.Client([sys.argv[1]], behaviors={"ketama": True, "cas": True})
checks = Checks("pylibmc")
equal, key = checks.equal, checks.key

equal(client.get(key("a")), None, "get of a miss")
equal(client.set(key("a"), b"one"), True, "set")
equal(client.get(key("a")), b"one", "get")
for name, value in (
    ("empty", b""),
    ("binary", BINARY),
    ("large", b"L" * 900_000),
    ("number", 42),
    ("text", "text \u00e4"),
    ("object", {"a": [1, 2, 3]}),
):
    equal(client.set(key(name), value), True, f"set of {name}")
    equal(client.get(key(name)), value, f"get of {name}")

equal(client.add(key("a"), b"two"), False, "add over an item")
equal(client.replace(key("a"), b"three"), True, "replace")
equal(client.append(key("a"), b">"), True, "append")
equal(client.prepend(key("a"), b"<"), True, "prepend")
equal(client.get(key("a")), b"<three>", "get after append and prepend")

many = {key(f"many-{at}"): at for at in range(200)}
equal(client.set_multi(many), [], "set_multi")
equal(client.get_multi([*many, key("missing")]), many, "get_multi")
equal(client.delete_multi(list(many)), True, "delete_multi")
equal(client.get_multi(list(many)), {}, "get_multi after delete_multi")

equal(client.delete(key("a")), True, "delete")
equal(client.delete(key("a")), False, "delete of a miss")
equal(client.set(key("n"), 10), True, "set of a number")
equal(client.incr(key("n"), 5), 15, "incr")
equal(client.decr(key("n"), 3), 12, "decr")
try:
    client.incr(key("missing"), 1)
    raise SystemExit("incr of a miss must raise NotFound")
except pylibmc.NotFound:
    equal(True, True, "incr of a miss")

value, unique = client.gets(key("n"))
equal(value, 12, "gets")
equal(client.cas(key("n"), 20, unique), True, "cas")
equal(client.cas(key("n"), 30, unique), False, "cas with a stale unique")
equal(client.get(key("n")), 20, "get after cas")
equal(client.touch(key("n"), 100), True, "touch")
equal(client.touch(key("missing"), 100), False, "touch of a miss")
equal(client.flush_all(), True, "flush_all")
equal(client.get(key("n")), None, "get after flush_all")
checks.done()
