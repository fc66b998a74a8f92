"""Django's memcached back ends against one address: django_caches.py HOST:PORT"""

import sys

from checks import BINARY, Checks
from django.conf import settings

settings.configure(
    CACHES={
        name.lower(): {
            "BACKEND": f"django.core.cache.backends.memcached.{name}",
            "LOCATION": sys.argv[1],
            "KEY_PREFIX": name,
        }
        for name in ("PyMemcacheCache", "PyLibMCCache")
    }
    | {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
)

from django.core.cache import caches  # noqa: E402

checks = Checks("django")
equal = checks.equal

for name in ("pymemcachecache", "pylibmccache"):
    cache = caches[name]
    equal(cache.get("a", "default"), "default", f"{name}: get of a miss")
    for kind, value in (
        ("text", "text \u00e4"),
        ("binary", BINARY),
        ("large", "L" * 900_000),
        ("number", 42),
        ("object", {"deep": [1, None, ("two",)]}),
        ("none", None),
    ):
        cache.set(kind, value, 100)
        equal(cache.get(kind, "default"), value, f"{name}: get of {kind}")
    equal(cache.add("text", "other"), False, f"{name}: add over an item")
    equal(cache.add("new", "other"), True, f"{name}: add")
    many = {f"many-{at}": at for at in range(200)}
    equal(cache.set_many(many), [], f"{name}: set_many")
    equal(cache.get_many([*many, "missing"]), many, f"{name}: get_many")
    cache.delete_many(list(many))
    equal(cache.get_many(list(many)), {}, f"{name}: get_many after delete_many")
    equal(cache.incr("number"), 43, f"{name}: incr")
    equal(cache.decr("number", 3), 40, f"{name}: decr")
    try:
        cache.incr("missing")
        raise AssertionError("Cannot pass incr of a miss: expected ValueError")
    except ValueError:
        pass
    equal(cache.touch("number", 100), True, f"{name}: touch")
    equal(cache.touch("missing", 100), False, f"{name}: touch of a miss")
    equal(cache.get_or_set("loaded", lambda: "value", 100), "value", f"{name}: get_or_set")
    equal(cache.delete("number"), True, f"{name}: delete")
    equal(cache.delete("number"), False, f"{name}: delete of a miss")
    cache.set("brief", 1, 0)
    equal(cache.get("brief"), None, f"{name}: a timeout of 0 is over at once")
    cache.clear()
    equal(cache.get("text"), None, f"{name}: get after clear")

checks.done()
