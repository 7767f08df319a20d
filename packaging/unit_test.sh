#!/usr/bin/env bash
# systemd takes the unit as it stands, and finds it well closed off.
set -euo pipefail
unit="$1"
manual="$2"
# It names sections that there are.
sed -n 's/.*see "\([^"]*\)" in docs\/operations.md.*/\1/p' "$unit" |
  while read -r section; do
    grep -qx "## $section" "$manual" || {
      echo "there is no section $section in $manual"
      exit 1
    }
  done
if ! command -v systemd-analyze >/dev/null; then
  echo "SKIPPED: there is no systemd-analyze here"
  exit 0
fi
directory="$(mktemp -d)"
trap 'rm -rf "$directory"' EXIT
# The programs are not installed here.
sed 's#^ExecStart=.*#ExecStart=/bin/true#' "$unit" >"$directory/jacod.service"
said="$(systemd-analyze verify "$directory/jacod.service" 2>&1)" || {
  echo "$said"
  exit 1
}
if grep 'jacod.service' <<<"$said"; then
  echo "systemd-analyze has something to say"
  exit 1
fi
systemd-analyze security --offline=true --no-pager --threshold=20 \
  "$directory/jacod.service" | tail -n 1
