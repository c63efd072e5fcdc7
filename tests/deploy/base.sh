#!/usr/bin/env bash
# A base image from Debian's packages alone, for machines that reach no image registry: localhost/driftline-base.
set -euo pipefail
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
if buildah inspect --type image localhost/driftline-base >/dev/null 2>&1; then exit 0; fi
debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$1" >/dev/null
container=$(buildah from scratch)
root=$(buildah mount "$container")
cp -a "$1"/. "$root"/
rm -rf "$root"/var/cache/apt/archives/*.deb
# what this machine trusts, the image trusts while it is built
cp "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" "$root"/etc/ssl/certs/ca-certificates.crt
buildah umount "$container" >/dev/null
buildah commit --quiet "$container" localhost/driftline-base
buildah rm "$container" >/dev/null
