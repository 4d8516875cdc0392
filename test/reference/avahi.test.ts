import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { canMakeNamespace, runInNamespace } from '../fakes/network-namespace.ts'
import { requireTool } from './tools.ts'

const SERVICE = `<?xml version="1.0" standalone='no'?><!DOCTYPE service-group SYSTEM "avahi-service.dtd">
<service-group><name>garden 1.5</name><service><type>_arduino._tcp</type><port>3232</port>
<txt-record>board=esp32dev</txt-record><txt-record>mac=02:00:00:00:00:07</txt-record></service></service-group>`
const CONFIGURATION = `[server]\nhost-name=garden\nuse-ipv6=no\nenable-dbus=no\nallow-interfaces=va\n`

const IPV6_SERVICE = `<?xml version="1.0" standalone='no'?><!DOCTYPE service-group SYSTEM "avahi-service.dtd">
<service-group><name>page</name><service><type>_http._tcp</type><port>8080</port></service></service-group>`
const IPV6_CONFIGURATION = `[server]\nhost-name=page\nuse-ipv4=no\nuse-ipv6=yes\nenable-dbus=no\nallow-interfaces=va\n`
const BROWSER_CONFIGURATION = `[server]\nhost-name=looker\nuse-ipv6=no\nallow-interfaces=va\n`

// It wants mounts of its own over /run and its folder of services, which a plain user does not get.
const avahi = process.getuid?.() === 0 ? requireTool('avahi-daemon') : null
const browser = avahi === null || requireTool('dbus-daemon') === null ? null : requireTool('avahi-browse')

describe.skipIf(avahi === null || !canMakeNamespace())('a board that avahi announces', () => {
  it('is heard with its name, address and TXT, and is away when avahi ends', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'flashproof-avahi-'))
    try {
      writeFileSync(join(folder, 'garden.service'), SERVICE)
      writeFileSync(join(folder, 'avahi.conf'), CONFIGURATION)
      const printed = await runInNamespace(
        `mount -t tmpfs none /run; mkdir -p /run/avahi-daemon
        mount --bind "$FOLDER" /etc/avahi/services
        "$AVAHI" --no-drop-root --no-chroot --no-rlimits -f "$FOLDER/avahi.conf" >"$FOLDER/log" 2>&1 & AVAHI_PID=$!
        (sleep 2.5; kill $AVAHI_PID) &
        exec "$NODE" test/fakes/watch-mdns.ts "$FOLDER"`,
        { NODE: process.execPath, FOLDER: folder, AVAHI: avahi ?? '' },
      )
      const lines = parseLines(printed)
      const board = { key: 'mac:02:00:00:00:00:07', target: 'udp://10.77.0.1:3232', place: 'va' }
      expect(lines[0]).toMatchObject({ ...board, present: true })
      expect(lines.at(-2)).toMatchObject({ ...board, present: false })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('is heard and asked over IPv6 alone, at its link-local address with the zone of the interface', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'flashproof-avahi-'))
    try {
      writeFileSync(join(folder, 'page.service'), IPV6_SERVICE)
      writeFileSync(join(folder, 'avahi.conf'), IPV6_CONFIGURATION)
      const printed = await runInNamespace(
        `mount -t tmpfs none /run; mkdir -p /run/avahi-daemon
        mount --bind "$FOLDER" /etc/avahi/services
        # IPv6 addresses may be used at once.
        sysctl -qw net.ipv6.conf.va.dad_transmits=0 2>/dev/null || true
        for try in 1 2 3 4 5 6 7 8 9 10; do ip -6 addr show dev va tentative | grep -q fe80 || break; sleep 0.3; done
        "$NODE" test/fakes/log-requests.ts 8080 "$FOLDER/requests" &
        "$AVAHI" --no-drop-root --no-chroot --no-rlimits -f "$FOLDER/avahi.conf" >"$FOLDER/log" 2>&1 &
        sleep 0.5
        exec "$NODE" src/cli/index.ts devices --wait 1.5 --json`,
        {
          NODE: process.execPath,
          FOLDER: folder,
          AVAHI: avahi ?? '',
          FLASHPROOF_HOME: join(folder, 'home'),
          TMPDIR: folder,
        },
      )
      const devices = parseLines(printed)
      expect(devices).toContainEqual(
        expect.objectContaining({
          name: 'page',
          place: 'va',
          present: true,
          target: expect.stringMatching(/^http:\/\/\[fe80::[0-9a-f:]+%25va\]:8080$/) as unknown,
          protocols: [],
        }),
      )
      const requests = readFileSync(join(folder, 'requests'), 'utf8').trim().split('\n')
      expect(requests.length).toBeGreaterThan(0)
      for (const request of requests) expect(request).toMatch(/^(GET|HEAD|OPTIONS) \/\S* \[fe80::[0-9a-f:]+\]:8080$/)
      expect(requests.some(request => request.includes('/ota/start'))).toBe(false)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe.skipIf(browser === null || !canMakeNamespace())('virtual boards that announce themselves', () => {
  it('are resolved by avahi-browse, listed with what they speak, and gone after their goodbye', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'flashproof-avahi-'))
    try {
      writeFileSync(join(folder, 'avahi.conf'), BROWSER_CONFIGURATION)
      mkdirSync(join(folder, 'simulator'))
      const printed = await runInNamespace(
        `mount -t tmpfs none /run; mkdir -p /run/avahi-daemon /run/dbus
        dbus-daemon --system --nofork --nopidfile >"$FOLDER/log" 2>&1 &
        TMPDIR="$FOLDER/simulator" "$NODE" src/simulator/index.ts --devices esp-parts,elegant-ota,arduino-ota --announce va >"$FOLDER/devices" & SIMULATOR=$!
        sleep 0.5
        "$AVAHI" --no-drop-root --no-chroot --no-rlimits -f "$FOLDER/avahi.conf" >>"$FOLDER/log" 2>&1 &
        "$NODE" src/cli/index.ts devices --wait 1.5 --json
        timeout 5 "$BROWSER" -rtpk _http._tcp | sort
        timeout 5 "$BROWSER" -rtpk _arduino._tcp | sort
        kill $SIMULATOR; wait $SIMULATOR
        echo after
        # Who hears a goodbye forgets one second later (RFC 6762, 10.1).
        sleep 1.2
        timeout 5 "$BROWSER" -rtpk _http._tcp | grep '^=' || true`,
        {
          NODE: process.execPath,
          FOLDER: folder,
          AVAHI: avahi ?? '',
          BROWSER: browser ?? '',
          FLASHPROOF_HOME: join(folder, 'home'),
          TMPDIR: folder,
        },
      )
      const [own = '', gone = ''] = printed.split('after\n')
      const simulated = z
        .object({ devices: z.array(z.object({ target: z.string(), protocol: z.string(), mac: z.string() })) })
        .parse(JSON.parse(readFileSync(join(folder, 'devices'), 'utf8'))).devices
      const devices = parseLines(
        own
          .split('\n')
          .filter(line => line.startsWith('{'))
          .join('\n'),
      )
      for (const { target, protocol } of simulated) {
        expect(devices).toContainEqual(
          expect.objectContaining({ target, protocols: [protocol], source: 'mdns', place: 'va' }),
        )
      }
      const [chunks, page, sketch] = simulated.map(({ target, mac }) => ({
        port: new URL(target.replace('udp:', 'http:')).port,
        mac: mac.replaceAll(':', ''),
      }))
      const resolved = own.split('\n').filter(line => line.startsWith('='))
      expect(resolved).toEqual([
        `=;va;IPv4;esp32-1;_http._tcp;local;esp32-1.local;10.77.0.1;${chunks?.port ?? ''};"platform=ESP32" "mac=${chunks?.mac ?? ''}" "fwproto=esp-parts"`,
        `=;va;IPv4;esp32-2;_http._tcp;local;esp32-2.local;10.77.0.1;${page?.port ?? ''};`,
        `=;va;IPv4;esp32-3;_arduino._tcp;local;esp32-3.local;10.77.0.1;${sketch?.port ?? ''};"auth_upload=no" "ssh_upload=no" "tcp_check=no" "board=esp32"`,
      ])
      expect(gone).toBe('')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

function parseLines(text: string): unknown[] {
  return text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as unknown)
}
