"""pylibmc with the binary protocol: pylibmc_binary.py HOST:PORT [USER PASSWORD]

With a user the login is SASL PLAIN; a refused login ends with the status 3.
"""

import sys

import pylibmc
from checks import BINARY, Checks

user, password = (sys.argv[2], sys.argv[3]) if len(sys.argv) > 3 else (None, None)
client = pylibmc.Client([sys.argv[1]], binary=True, username=user, password=password)
checks = Checks("pylibmc-binary")
equal, key = checks.equal, checks.key

try:
    equal(client.set(key("a"), b"one"), True, "set")
except pylibmc.Error as error:
    print(error, file=sys.stderr)
    sys.exit(3)
for name, value in (("a", b"two"), ("empty", b""), ("binary", BINARY), ("large", b"L" * 900_000)):
    equal(client.set(key(name), value), True, f"set of {name}")
    equal(client.get(key(name)), value, f"get of {name}")
equal(client.delete(key("a")), True, "delete")
equal(client.delete(key("a")), False, "delete of a miss")
equal(client.get(key("a")), None, "get of a miss")
checks.done()
