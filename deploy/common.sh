# shellcheck shell=bash
# Shell functions that the scripts in deploy/ share. Source it; it runs nothing. Works with the bash 3.2 of macOS.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
VENV_PYTHON=$ROOT/.venv/bin/python

heading() { printf '\n== %s\n' "$*"; }
note() { printf '%s\n' "$*" >&2; }
die() { printf 'deploy/%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

in_ci() { [ "${CI:-}" = true ]; }

# A fresh CI machine is ours to complete; on anybody else's we only say what to install.
may_install() { in_ci && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

install_packages() {
  heading "apt-get install $*"
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null
}

# need "what is missing" "Debian packages" "macOS command": installs in CI, else explains and returns 1.
need() {
  # shellcheck disable=SC2086 # the package names are words
  if may_install && install_packages $2; then return 0; fi
  note "$1. Install it:"
  note "  Debian:  apt-get install $2"
  note "  macOS:   $3"
  return 1
}

python_is_usable() {
  "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# The Python to build the environment with: $PYTHON, else python3.
find_python() {
  local python=${PYTHON:-python3}
  if ! python_is_usable "$python"; then
    need "'$python' is not Python 3.11 or newer with venv and pip; PYTHON can name another" \
      "python3 python3-venv" "brew install python@3.13" >&2 || return 1
    python_is_usable "$python" || die "'$python' is still not Python 3.11 or newer; name one in PYTHON"
  fi
  printf '%s\n' "$python"
}

# What pip is at, from its output: one line that changes on a terminal, a line for every 20 packages elsewhere.
installing() {
  local word name rest packages=0 terminal=''
  if [ -t 1 ]; then terminal=yes; fi
  while read -r word name rest; do
    case $word in
      Collecting)
        packages=$((packages + 1))
        if [ -n "$terminal" ]; then printf '\r\033[K  package %d: %s' "$packages" "${name%%[<>=~! ]*}"
        elif [ $((packages % 20)) = 0 ]; then printf '  %d packages found\n' "$packages"; fi ;;
      Installing)
        if [ "$name" = collected ]; then
          if [ -n "$terminal" ]; then printf '\r\033[K'; fi
          printf '  installing %d packages, half a minute or so\n' "$packages"
        fi ;;
    esac
  done
}

# make_environment EXTRA: .venv in the checkout with the project and one of its extras, renewed when pyproject changes.
make_environment() {
  local stamp=$ROOT/.venv/.driftline-$1 wanted python
  # The path is part of it: scripts and the editable install of an environment do not survive a move.
  wanted="$(cksum <"$ROOT/pyproject.toml") $ROOT"
  if [ -x "$VENV_PYTHON" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then return 0; fi
  heading "Python environment in .venv (once per pyproject.toml)"
  if ! python_is_usable "$VENV_PYTHON"; then
    python=$(find_python) || return 1
    "$python" -m venv --clear "$ROOT/.venv" || return 1
  fi
  if ! "$VENV_PYTHON" -m pip install --progress-bar off --no-color --disable-pip-version-check -e "${ROOT}[$1]" \
    </dev/null 2>&1 | tee "$ROOT/.venv/install.log" | installing; then
    note "pip failed; its last lines (all of them are in .venv/install.log):"
    tail -n 15 "$ROOT/.venv/install.log" >&2
    return 1
  fi
  printf '%s\n' "$wanted" >"$stamp"
}

# The Java launcher: JAVA_HOME's, else the one on PATH. macOS has a /usr/bin/java that only tells to install one.
java_is_usable() {
  local java=java version
  if [ -n "${JAVA_HOME:-}" ] && [ -x "$JAVA_HOME/bin/java" ]; then java=$JAVA_HOME/bin/java; fi
  version=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9][0-9]*\).*/\1/p' | head -n 1)
  [ "${version:-0}" -ge 17 ]
}

need_java() {
  java_is_usable && return 0
  # shellcheck disable=SC2016 # to be typed by the reader
  need "Java 17 or newer is missing (it runs Apache Kafka)" default-jre-headless \
    'brew install openjdk@17 && export JAVA_HOME="$(brew --prefix openjdk@17)"' || return 1
  java_is_usable
}

need_maven() {
  command -v mvn >/dev/null && return 0
  need "Maven is missing (it fetches Apache Kafka)" maven "brew install maven" || return 1
  command -v mvn >/dev/null
}

need_chromium() {
  local name
  for name in chromium chromium-browser google-chrome; do command -v "$name" >/dev/null && return 0; done
  need "Chromium is missing (it shows the pages to the tests)" chromium "brew install --cask google-chrome" || return 1
  command -v chromium >/dev/null
}

# Apache Kafka's jars in $DRIFTLINE_KAFKA_DIR, by default .cache/kafka-VERSION in the checkout, fetched once.
fetch_kafka() {
  local pom=$ROOT/deploy/kafka/pom.xml version main partial
  version=$(sed -n 's:.*<kafka\.version>\(.*\)</kafka\.version>.*:\1:p' "$pom")
  main=kafka_2.13-$version.jar
  export DRIFTLINE_KAFKA_DIR=${DRIFTLINE_KAFKA_DIR:-$ROOT/.cache/kafka-$version}
  if [ -f "$DRIFTLINE_KAFKA_DIR/$main" ]; then return 0; fi
  need_maven || return 1
  heading "Apache Kafka $version into $DRIFTLINE_KAFKA_DIR (once)"
  partial=$(mktemp -d "${TMPDIR:-/tmp}/kafka.XXXXXX") || return 1
  # --strict-checksums: a damaged download fails instead of being warned about. The main jar comes last, because
  # finding it there means that all are there.
  mvn --batch-mode --quiet --strict-checksums -Dstyle.color=never --file "$pom" \
    dependency:copy-dependencies -DoutputDirectory="$partial/jars" </dev/null &&
    mv "$partial/jars/$main" "$partial/" && mkdir -p "$DRIFTLINE_KAFKA_DIR" &&
    mv "$partial"/jars/*.jar "$DRIFTLINE_KAFKA_DIR/" && mv "$partial/$main" "$DRIFTLINE_KAFKA_DIR/" &&
    rm -rf "$partial"
}
