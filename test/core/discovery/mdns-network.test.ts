import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { canMakeNamespace, runInNamespace } from '../../fakes/network-namespace.ts'

let home = ''
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'flashproof-mdns-'))
})
afterEach(() => {
  rmSync(home, { recursive: true, force: true })
})

function parseLines(text: string): unknown[] {
  return text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as unknown)
}

describe.skipIf(!canMakeNamespace())('on a real network stack', () => {
  it('a board is heard, and its goodbye is honoured', async () => {
    const printed = await runInNamespace(
      `"$NODE" test/fakes/announce-board.ts 10.77.0.1 & BOARD=$!
      (sleep 2; kill $BOARD) &
      exec "$NODE" test/fakes/watch-mdns.ts "$HOME_FOLDER"`,
      { NODE: process.execPath, HOME_FOLDER: home },
    )
    const board = { key: 'mac:a0:b7:65:0f:12:cd', target: 'http://10.77.0.1', place: 'va', appVersion: '2.1.4' }
    expect(parseLines(printed)).toMatchObject([
      { ...board, present: true },
      { ...board, present: false },
      [{ name: 'va', state: 'listening', diagnosis: null }],
    ])
  })

  it('`devices --wait` lists it as a JSON line', async () => {
    const printed = await runInNamespace(
      `"$NODE" test/fakes/announce-board.ts 10.77.0.1 & BOARD=$!
      "$NODE" src/cli/index.ts devices --wait 2 --json
      kill $BOARD`,
      { NODE: process.execPath, FLASHPROOF_HOME: home },
    )
    expect(parseLines(printed)).toMatchObject([
      { type: 'device', source: 'mdns', target: 'http://10.77.0.1', identity: { chip: 'ESP32' } },
    ])
  })

  // It wants a mount of its own over /sys, which a plain user does not get.
  it.skipIf(process.getuid?.() !== 0)('one that refuses multicast is shown and left alone', async () => {
    const printed = await runInNamespace(
      `mount -t sysfs none /sys
      ip link add ve type veth peer name vg; ip addr add 10.79.0.1/24 dev ve; ip link set ve multicast off; ip link set ve up; ip link set vg up
      "$NODE" test/fakes/announce-board.ts 10.77.0.1 & BOARD=$!
      (sleep 1; kill $BOARD) &
      exec "$NODE" test/fakes/watch-mdns.ts "$HOME_FOLDER"`,
      { NODE: process.execPath, HOME_FOLDER: home },
    )
    expect(parseLines(printed).at(-1)).toMatchObject([
      { name: 'va', state: 'listening', diagnosis: null },
      {
        name: 've',
        state: 'failed',
        queriesSent: 0,
        diagnosis: { en: expect.stringContaining('multicast') as unknown },
      },
    ])
  })

  it('an interface that is taken away ends nothing', async () => {
    const printed = await runInNamespace(
      `"$NODE" test/fakes/announce-board.ts 10.77.0.1 & BOARD=$!
      (sleep 1; ip link add vc type veth peer name vd; ip addr add 10.78.0.1/24 dev vc; ip link set vc up; ip link set vd up
       sleep 2; ip link del vc; sleep 2; kill $BOARD) &
      exec "$NODE" test/fakes/watch-mdns.ts "$HOME_FOLDER"`,
      { NODE: process.execPath, HOME_FOLDER: home },
    )
    expect(parseLines(printed).at(-1)).toMatchObject([{ name: 'va', state: 'listening' }])
  })

  it('a VPN that owns the route to the boards is named', async () => {
    const printed = await runInNamespace(
      `ip link add tun0 type veth peer name tun1; ip addr add 10.80.0.2/24 dev tun0; ip link set tun0 up; ip link set tun1 up
      ip route add 10.77.0.0/25 dev tun0; ip route add 10.77.0.128/25 dev tun0
      "$NODE" test/fakes/announce-board.ts 10.77.0.1 & BOARD=$!
      (sleep 1.5; kill $BOARD) &
      exec "$NODE" test/fakes/watch-mdns.ts "$HOME_FOLDER"`,
      { NODE: process.execPath, HOME_FOLDER: home },
    )
    expect(parseLines(printed).at(-1)).toContainEqual(
      expect.objectContaining({
        name: 'va',
        diagnosis: expect.objectContaining({
          en: expect.stringContaining('leaves by tun0 (10.80.0.2): a VPN owns the route') as unknown,
        }) as unknown,
      }),
    )
  })
})
