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

  it('an interface that is taken away ends nothing', async () => {
    const printed = await runInNamespace(
      `"$NODE" test/fakes/announce-board.ts 10.77.0.1 & BOARD=$!
      (sleep 1; ip link add vc type veth peer name vd; ip addr add 10.78.0.1/24 dev vc; ip link set vc up; ip link set vd up
       sleep 4; ip link del vc; sleep 4; kill $BOARD) &
      exec "$NODE" test/fakes/watch-mdns.ts "$HOME_FOLDER"`,
      { NODE: process.execPath, HOME_FOLDER: home },
    )
    expect(parseLines(printed).at(-1)).toMatchObject([{ name: 'va', state: 'listening' }])
  })
})
