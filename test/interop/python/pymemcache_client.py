"""pymemcache against one address: pymemcache_client.py HOST PORT [CA-FILE]

With a CA file it speaks TLS, and the server's certificate must be signed by that authority.
"""

import ssl
import sys

from checks import BINARY, Checks
from pymemcache.client.base import Client

host, port = sys.argv[1], int(sys.argv[2])
tls = ssl.create_default_context(cafile=sys.argv[3]) if len(sys.argv) > 3 else None
options = {"connect_timeout": 5, "timeout": 5, "tls_context": tls}
client = Client((host, port), default_noreply=False, **options)
quiet = Client((host, port), **options)
checks = Checks("pymemcache")
equal, key = checks.equal, checks.key

equal(client.get(key("a")), None, "get of a miss")
equal(client.set(key("a"), b"one"), True, "set")
equal(client.get(key("a")), b"one", "get")
for name, value in (("empty", b""), ("binary", BINARY), ("large", b"L" * 900_000)):
    equal(client.set(key(name), value), True, f"set of {name}")
    equal(client.get(key(name)), value, f"get of {name}")

equal(client.add(key("a"), b"two"), False, "add over an item")
equal(client.add(key("new"), b"two"), True, "add")
equal(client.replace(key("a"), b"three"), True, "replace")
equal(client.replace(key("missing"), b"three"), False, "replace of a miss")
equal(client.append(key("a"), b">"), True, "append")
equal(client.prepend(key("a"), b"<"), True, "prepend")
equal(client.get(key("a")), b"<three>", "get after append and prepend")

many = {key(f"many-{at}"): str(at).encode() for at in range(200)}
equal(client.set_many(many), [], "set_many")
equal(client.get_many([*many, key("missing")]), many, "get_many")
equal(quiet.delete_many(list(many)), True, "delete_many with noreply")
equal(quiet.get_many(list(many)), {}, "get_many after delete_many")

equal(client.delete(key("a")), True, "delete")
equal(client.delete(key("a")), False, "delete of a miss")
equal(client.set(key("n"), b"10"), True, "set of a number")
equal(client.incr(key("n"), 5), 15, "incr")
equal(client.decr(key("n"), 6), 9, "decr")
equal(client.incr(key("missing"), 1), None, "incr of a miss")

value, unique = client.gets(key("n"))
equal(value, b"9 ", "gets")
equal(client.cas(key("n"), b"20", unique), True, "cas")
equal(client.cas(key("n"), b"30", unique), False, "cas with a stale unique")
equal(client.cas(key("missing"), b"30", unique), None, "cas of a miss")
equal(client.gets_many([key("n")])[key("n")][0], b"20", "gets_many")

equal(client.touch(key("n"), 100), True, "touch")
equal(client.touch(key("missing"), 100), False, "touch of a miss")
equal(client.set(key("n"), b"1", expire=-1), True, "set of an expired item")
equal(client.get(key("n")), None, "get of an expired item")
equal(client.version().count(b"."), 2, "version")
quiet.set(key("quiet"), b"q")
equal(quiet.get(key("quiet")), b"q", "set with noreply")
equal("pid" in {name.decode() for name in client.stats()}, True, "stats")
equal(client.flush_all(), True, "flush_all")
equal(client.get(key("quiet")), None, "get after flush_all")
checks.done()
