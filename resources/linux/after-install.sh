#!/bin/sh
# Runs as root after the deb was unpacked: the `flashproof` command, the rights on serial adapters, Chromium's sandbox and the desktop's databases.
# electron-builder fills in the names in braces. dpkg sets DPKG_ROOT when it installs into another tree, whose system is not running.
set -e

root=${DPKG_ROOT:-}
app='/opt/${sanitizedProductName}'

mkdir -p "$root/usr/bin" "$root/usr/lib/udev/rules.d"
ln -sf "$app/resources/command/flashproof" "$root/usr/bin/flashproof"
install -m 644 "$root$app/resources/udev/60-flashproof-serial.rules" "$root/usr/lib/udev/rules.d/60-flashproof-serial.rules"

# Chromium's sandbox is built of user namespaces; where the kernel gives none to plain users it needs the old helper with root's rights.
# That helper is installed with them, so that nothing asks for them when the app runs.
if [ "$(cat /proc/sys/kernel/unprivileged_userns_clone 2>/dev/null || echo 1)" = 0 ] || [ ! -e /proc/self/ns/user ]; then
  chmod 4755 "$root$app/chrome-sandbox"
else
  chmod 755 "$root$app/chrome-sandbox"
fi

[ -z "$root" ] || exit 0

# Adapters that are plugged in already get their rights too.
if command -v udevadm >/dev/null 2>&1; then
  udevadm control --reload-rules || true
  udevadm trigger --subsystem-match=tty --action=change || true
fi

# Where AppArmor gives user namespaces to named programs alone (Ubuntu 24 and later) the app has to be named.
profile="$app/resources/apparmor-profile"
if [ -f "$profile" ] && command -v apparmor_parser >/dev/null 2>&1 && aa-enabled --quiet 2>/dev/null; then
  if apparmor_parser --skip-kernel-load --skip-cache "$profile" >/dev/null 2>&1; then
    install -m 644 "$profile" '/etc/apparmor.d/${executable}'
    apparmor_parser --replace '/etc/apparmor.d/${executable}' || true
  fi
fi

if command -v update-mime-database >/dev/null 2>&1; then update-mime-database /usr/share/mime || true; fi
if command -v update-desktop-database >/dev/null 2>&1; then update-desktop-database -q /usr/share/applications || true; fi
