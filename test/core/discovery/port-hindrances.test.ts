import { mkdirSync, mkdtempSync, rmSync, watch, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { watchPortFolder } from '../../../src/core/discovery/port-folder.ts'
import { PortHindrances } from '../../../src/core/discovery/port-hindrances.ts'
import { findAdapter } from '../../../src/core/discovery/usb-serial-adapters.ts'
import { FakeClock } from '../../fakes/fake-clock.ts'

let root: string
const ch340 = findAdapter(0x1a86, 0x7523)

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'hindrances-'))
  file('dev/ttyUSB0')
})
afterEach(() => {
  rmSync(root, { recursive: true })
})

function file(path: string, content = ''): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), content)
}

const noHolders = (): Promise<[]> => Promise.resolve([])

function hindrances(platform: NodeJS.Platform = 'linux', clock = new FakeClock()): PortHindrances {
  return new PortHindrances({ clock, platform, root, findHolders: noHolders })
}

describe('what is in the way of a port', () => {
  it('is nothing where it may be opened and no program takes it', async () => {
    file('proc/10/comm', 'bash\n')
    expect(await hindrances().of('/dev/ttyUSB0', ch340)).toEqual([])
  })

  it('is a missing right, with the group to join', async () => {
    file('etc/group', `root:x:-5:\nserialfolk:x:${String(process.getgid?.())}:\n`)
    const refuse = (): Promise<void> => Promise.reject(Object.assign(new Error('refused'), { code: 'EACCES' }))
    const looked = new PortHindrances({
      clock: new FakeClock(),
      platform: 'linux',
      root,
      access: refuse,
      findHolders: noHolders,
    })
    const [note] = await looked.of('/dev/ttyUSB0', ch340)
    expect(note?.en).toContain('usermod -aG serialfolk')
  })

  it('is a program that has it open, but not this one', async () => {
    const clock = new FakeClock()
    let holders = [
      { pid: process.pid, command: 'node' },
      { pid: 4711, command: 'minicom' },
    ]
    const looked = new PortHindrances({
      clock,
      platform: 'linux',
      root,
      findHolders: () => Promise.resolve(holders),
    })
    expect(await looked.of('/dev/ttyUSB0', ch340)).toMatchObject([
      { en: 'minicom (4711) has it open. Close it before writing.' },
    ])
    holders = []
    await clock.advance(15_000)
    expect(await looked.of('/dev/ttyUSB0', ch340)).toEqual([])
  })

  it('is brltty for the adapters that it takes alone', async () => {
    file('proc/10/comm', 'brltty\n')
    const looked = hindrances()
    expect((await looked.of('/dev/ttyUSB0', ch340))[0]?.en).toContain('brltty')
    expect(await looked.of('/dev/ttyUSB0', findAdapter(0x303a, 0x1001))).toEqual([])
  })

  it('is ModemManager until the rule keeps it away', async () => {
    file('proc/10/comm', 'ModemManager\n')
    expect((await hindrances().of('/dev/ttyUSB0', null))[0]?.en).toContain('ModemManager')
    file('usr/lib/udev/rules.d/60-flashproof-serial.rules')
    expect(await hindrances().of('/dev/ttyUSB0', null)).toEqual([])
  })

  it('is looked up among the programs only now and then', async () => {
    const clock = new FakeClock()
    const looked = hindrances('linux', clock)
    file('proc/10/comm', 'bash\n')
    expect(await looked.of('/dev/ttyUSB0', ch340)).toEqual([])
    file('proc/11/comm', 'brltty\n')
    expect(await looked.of('/dev/ttyUSB0', ch340)).toEqual([])
    await clock.advance(30_000)
    expect(await looked.of('/dev/ttyUSB0', ch340)).toHaveLength(1)
  })

  it('is not known on other systems', async () => {
    file('proc/10/comm', 'brltty\n')
    expect(await hindrances('darwin').of('/dev/ttyUSB0', ch340)).toEqual([])
  })
})

describe('the folder of the ports', () => {
  it('tells of a port that came, and of nothing else', async () => {
    const told = Promise.withResolvers<undefined>()
    let count = 0
    const end = watchPortFolder(
      () => {
        count++
        told.resolve(undefined)
      },
      'linux',
      join(root, 'dev'),
    )
    // A second watch of the same folder shows that the other file's event has come.
    const seen = Promise.withResolvers<undefined>()
    const witness = watch(join(root, 'dev'), () => {
      seen.resolve(undefined)
    })
    file('dev/null0')
    await seen.promise
    witness.close()
    expect(count).toBe(0)
    file('dev/ttyACM3')
    await told.promise
    expect(count).toBeGreaterThan(0)
    end()
  })

  it('is left alone elsewhere, and where it cannot be watched', () => {
    const fail = (): never => {
      throw new Error('told')
    }
    watchPortFolder(fail, 'darwin')()
    watchPortFolder(fail, 'linux', join(root, 'nowhere'))()
  })
})
