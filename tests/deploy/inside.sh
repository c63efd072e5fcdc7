#!/usr/bin/env bash
# Driftline in its image, as its user: the version, a replay with the kernels that the build compiled, and who it is.
set -euo pipefail
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
container=$(buildah from --pull-never localhost/driftline:test)
trap 'buildah rm "$container" >/dev/null' EXIT
run() { buildah run --user 10001:10001 "$container" -- "$@"; }
[ "$(run id -u)" = 10001 ]
run driftline --version
run python3 -c '
import time
from monitor.backtest.warm_up import warm_up
seconds = warm_up()
print(f"a replay took {seconds:.1f} s")
assert seconds < 20, "the kernels were compiled again"
'
if run touch /opt/driftline/probe 2>/dev/null; then echo "the program can be changed by its user" >&2; exit 1; fi
