import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { canMakeNamespace, runInNamespace } from '../fakes/network-namespace.ts'
import { requireTool } from './tools.ts'

const SERVICE = `<?xml version="1.0" standalone='no'?><!DOCTYPE service-group SYSTEM "avahi-service.dtd">
<service-group><name>garden 1.5</name><service><type>_arduino._tcp</type><port>3232</port>
<txt-record>board=esp32dev</txt-record><txt-record>mac=02:00:00:00:00:07</txt-record></service></service-group>`
const CONFIGURATION = `[server]\nhost-name=garden\nuse-ipv6=no\nenable-dbus=no\nallow-interfaces=va\n`

// It wants mounts of its own over /run and its folder of services, which a plain user does not get.
const avahi = process.getuid?.() === 0 ? requireTool('avahi-daemon') : null

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
        (sleep 4; kill $AVAHI_PID) &
        exec "$NODE" test/fakes/watch-mdns.ts "$FOLDER"`,
        { NODE: process.execPath, FOLDER: folder, AVAHI: avahi ?? '' },
      )
      const lines = printed
        .trim()
        .split('\n')
        .map(line => JSON.parse(line) as unknown)
      const board = { key: 'mac:02:00:00:00:00:07', target: 'udp://10.77.0.1:3232', place: 'va' }
      expect(lines[0]).toMatchObject({ ...board, present: true })
      expect(lines.at(-2)).toMatchObject({ ...board, present: false })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
