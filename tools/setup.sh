#!/bin/sh
# Brings a machine that has python3, make and git to where our programs run. Usage: setup.sh runtime|dev|browser|azurite
# As root it installs the Debian packages that are missing; otherwise it says which ones to install.
set -eu
cd "$(dirname "$0")/.."

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

# An Azure Blob server for tests, beside the temporal program in the user's cache, so that a clean checkout finds it.
azurite() {
  command -v npm >/dev/null || install_debian "npm" "nodejs npm"
  cache="${XDG_CACHE_HOME:-$HOME/.cache}/durable-research/azurite"
  # The copy of the lock is made last: an installation that was broken off is made again.
  cmp -s tools/azurite/package-lock.json "$cache/installed.json" && return
  say "installing Azurite (hash-checked)"
  mkdir -p "$cache"
  cp tools/azurite/package.json tools/azurite/package-lock.json tools/azurite/.npmrc "$cache"
  (cd "$cache" && npm ci --silent)
  cp tools/azurite/package-lock.json "$cache/installed.json"
}

case "$1" in
  runtime) environment runtime; touch .make/runtime ;;
  dev) environment dev; touch .make/runtime .make/dev ;;
  browser) command -v chromium >/dev/null || install_debian "chromium" "chromium" ;;
  azurite) azurite ;;
  *) say "usage: setup.sh runtime|dev|browser|azurite" >&2; exit 2 ;;
esac
