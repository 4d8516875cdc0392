#!/bin/sh
# Runs as root after the deb's files are gone: takes back what after-install.sh put beside them. Records and settings stay.
# electron-builder fills in the names in braces. While a newer version replaces this one everything stays: it comes again.
set -e

case ${1:-remove} in
  remove | purge) ;;
  *) exit 0 ;;
esac

root=${DPKG_ROOT:-}

if [ "$(readlink "$root/usr/bin/flashproof" 2>/dev/null || true)" = '/opt/${sanitizedProductName}/resources/command/flashproof' ]; then
  rm -f "$root/usr/bin/flashproof"
fi
rm -f "$root/usr/lib/udev/rules.d/60-flashproof-serial.rules"

if [ -z "$root" ]; then
  if command -v udevadm >/dev/null 2>&1; then udevadm control --reload-rules || true; fi
  if [ -f '/etc/apparmor.d/${executable}' ]; then
    if command -v apparmor_parser >/dev/null 2>&1; then apparmor_parser --remove '/etc/apparmor.d/${executable}' 2>/dev/null || true; fi
    rm -f '/etc/apparmor.d/${executable}'
  fi
  if command -v update-mime-database >/dev/null 2>&1; then update-mime-database /usr/share/mime || true; fi
  if command -v update-desktop-database >/dev/null 2>&1; then update-desktop-database -q /usr/share/applications || true; fi
else
  rm -f "$root/etc/apparmor.d/"'${executable}'
fi
