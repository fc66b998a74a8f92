#!/bin/sh
# Fetches a newer memcached than the one installed, to compare with: Debian's package from another
# suite, unpacked into a directory of its own with the libraries it was built with. Nothing is
# installed. Each package is checked against the SHA-256 in the suite's list.
#
#   scripts/fetch-memcached.sh [suite] DIR      suite: sid unless named; MIRROR, ARCH by environment
#   MEMCACHED_BIN=DIR/memcached npm test -- test/conformance
set -eu

MIRROR=${MIRROR:-http://deb.debian.org/debian}
PACKAGES='memcached libc6 libevent-2.1-7t64 liblua5.4-0 libsasl2-2 libssl3t64 zlib1g libzstd1
  libdb5.3t64 libgcc-s1'

fail() {
  echo "Cannot fetch memcached: $1" >&2
  exit 1
}

case $# in
  1) suite=sid directory=$1 ;;
  2) suite=$1 directory=$2 ;;
  *) fail 'usage: scripts/fetch-memcached.sh [suite] DIR' ;;
esac
for tool in curl xz dpkg dpkg-deb sha256sum awk; do
  command -v "$tool" > /dev/null || fail "$tool is needed"
done
ARCH=${ARCH:-$(dpkg --print-architecture)}
mkdir -p "$directory/packages" || fail "$directory cannot be written to"
directory=$(cd "$directory" && pwd)

get() {
  curl -fsSL --retry 3 -o "$2.part" "$1" || fail "$1 cannot be read"
  mv "$2.part" "$2"
}

list=$directory/packages/$suite-$ARCH
get "$MIRROR/dists/$suite/main/binary-$ARCH/Packages.xz" "$list.xz"

# name, path and SHA-256 of what is wanted, a line each.
xz -dc "$list.xz" | awk -v wanted="$PACKAGES" '
  BEGIN { count = split(wanted, names); for (i = 1; i <= count; i++) want[names[i]] = 1 }
  /^Package: / { name = $2 } /^Filename: / { path = $2 } /^SHA256: / { sum = $2 }
  /^$/ { if (name in want) print name, path, sum; name = "" }
  END { if (name in want) print name, path, sum }' > "$list"

for name in $PACKAGES; do
  grep -q "^$name " "$list" || fail "$suite has no package $name for $ARCH"
done

root=$directory/root
rm -rf "$root.new"
while read -r name path sum; do
  file=$directory/packages/${path##*/}
  if ! echo "$sum  $file" | sha256sum -c --status 2> /dev/null; then
    get "$MIRROR/$path" "$file"
    echo "$sum  $file" | sha256sum -c --status || fail "$name has another SHA-256 than $suite says"
  fi
  dpkg-deb -x "$file" "$root.new" || fail "$name cannot be unpacked"
done < "$list"
rm -rf "$root"
mv "$root.new" "$root"

# Run by its own loader: the libc here may be older than the one it was built with.
libraries=$(dirname "$(find "$root/usr/lib" -name 'libevent-2.1.so.7' | head -n 1)")
loader=$(find "$libraries" -maxdepth 1 -name 'ld-linux*.so.*' | head -n 1)
[ -n "$loader" ] || fail "no loader in $libraries"
cat > "$directory/memcached" << END
#!/bin/sh
exec '$loader' --library-path '$libraries' '$root/usr/bin/memcached' "\$@"
END
chmod +x "$directory/memcached"
version=$("$directory/memcached" -V) || fail "$directory/memcached does not run"
echo "$version: $directory/memcached"
