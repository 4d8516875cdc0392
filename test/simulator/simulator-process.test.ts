import { fork, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { call, send, someBytes, uploadOf } from './wire.ts'

const entry = fileURLToPath(new URL('../../src/simulator/index.ts', import.meta.url))

interface Ready {
  readonly type: string
  readonly devices: readonly { name: string; target: string; mac: string; chip: string; faults: unknown[] }[]
}

let temporary = ''
const children: ChildProcess[] = []

beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), 'flashproof-simulator-'))
})
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  }
  rmSync(temporary, { recursive: true, force: true })
})

async function forkSimulator(...commandArguments: string[]): Promise<{ child: ChildProcess; ready: Ready }> {
  const env = { ...process.env, TMPDIR: temporary, TMP: temporary, TEMP: temporary }
  const child = fork(entry, commandArguments, { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  children.push(child)
  const [message] = (await once(child, 'message')) as [Ready]
  return { child, ready: message }
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.exitCode
}

function registrations(): string[] {
  const folder = readdirSync(temporary).find(name => name.startsWith('flashproof-simulators-'))
  return folder === undefined ? [] : readdirSync(join(temporary, folder)).map(name => join(temporary, folder, name))
}

describe('the simulator as a process', () => {
  it('tells its devices once, serves them and keeps each one’s flash in a folder', async () => {
    const flash = join(temporary, 'flash')
    const { ready } = await forkSimulator('--devices', 'esp-parts:2,esp-parts+slow@1', '--flash-dir', flash)
    expect(ready.type).toBe('ready')
    expect(ready.devices.map(({ name, chip, faults }) => ({ name, chip, faults }))).toEqual([
      { name: 'esp32-1', chip: 'ESP32', faults: [] },
      { name: 'esp32-2', chip: 'ESP32', faults: [] },
      { name: 'esp32-3', chip: 'ESP32', faults: [{ name: 'slow', ms: 1 }] },
    ])
    expect(new Set(ready.devices.map(device => device.mac)).size).toBe(3)
    const target = ready.devices[1]?.target ?? ''
    expect((await send(target, uploadOf(someBytes(3000), { name: 'web/a.bin' }))).json?.['success']).toBe(true)
    expect(new Uint8Array(readFileSync(join(flash, 'esp32-2', 'fs', 'web%2Fa.bin')))).toEqual(someBytes(3000))
  })

  it('registers itself for other processes and removes the file when it is told to end', async () => {
    const { child, ready } = await forkSimulator('--devices', 'demo')
    const [file = ''] = registrations()
    expect(file).toMatch(new RegExp(`${String(child.pid)}\\.json$`))
    const registered = JSON.parse(readFileSync(file, 'utf8')) as Ready & { pid: number; startedAt: string }
    expect(registered).toEqual({ pid: child.pid, startedAt: registered.startedAt, devices: ready.devices })
    expect(new Date(registered.startedAt).toISOString()).toBe(registered.startedAt)
    if (process.platform !== 'win32') expect(statSync(join(file, '..')).mode & 0o777).toBe(0o700)
    child.kill('SIGTERM')
    expect(await exitOf(child)).toBe(0)
    expect(existsSync(file)).toBe(false)
  })

  it('ends when its parent is gone', async () => {
    const { child, ready } = await forkSimulator('--devices', '1')
    child.disconnect()
    expect(await exitOf(child)).toBe(0)
    expect(registrations()).toEqual([])
    await expect(call(ready.devices[0]?.target ?? '', '/telemetry')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('gives the same seed the same addresses', async () => {
    const macs: string[][] = []
    for (const seed of ['5', '5', '6']) {
      const { ready } = await forkSimulator('--devices', '2', '--seed', seed)
      macs.push(ready.devices.map(device => device.mac))
    }
    expect(macs[1]).toEqual(macs[0])
    expect(macs[2]).not.toEqual(macs[0])
  })

  it('answers a wrong specification with an error that keeps its code, and exits 2', async () => {
    const { child, ready } = await forkSimulator('--devices', 'esp-parts+bogus')
    expect(ready).toMatchObject({ type: 'error', error: { code: 'option.invalid', details: { fault: 'bogus' } } })
    expect(await exitOf(child)).toBe(2)
  })

  it('prints one line of JSON, or the error, when nobody forked it', () => {
    const run = spawnSync(process.execPath, [entry, '--devices', 'nothing'], { encoding: 'utf8' })
    expect([run.status, run.stdout]).toEqual([2, ''])
    expect(run.stderr).toMatch(/^option\.invalid: device 1, column 1: "nothing" is no kind/)
    expect(spawnSync(process.execPath, [entry, '--bogus']).status).toBe(2)
    expect(spawnSync(process.execPath, [entry, '--seed', 'x']).status).toBe(2)
  })
})
