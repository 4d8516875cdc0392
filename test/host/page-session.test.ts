import { describe, expect, it } from 'vitest'
import { openPageSession } from '../../src/host/page-session.ts'
import { createStationHost, type StationHost } from '../../src/host/station-host.ts'
import type { CredentialStore } from '../../src/host/credentials.ts'
import type { Handlers } from '../../src/shared/contract/index.ts'
import { createClient, type Client } from '../../src/shared/rpc/client.ts'
import { createMemoryLinkPair } from '../../src/shared/rpc/memory-link.ts'
import { fakeDeviceEntry } from '../fakes/fake-device-entry.ts'
import { FakeClock, settle } from '../fakes/fake-clock.ts'
import { fakeEngine, fakeFirmware, type FakeEngine } from './fake-engine.ts'

interface Scene {
  readonly page: Client
  readonly fake: FakeEngine
  readonly clock: FakeClock
  readonly host: StationHost
  setControl(control: 'control' | 'watch'): void
}

async function open(handlers: Partial<Handlers<'worker'>> = {}, credentials?: CredentialStore): Promise<Scene> {
  const clock = new FakeClock()
  const fake = fakeEngine(clock, () => handlers)
  await fake.engine.start()
  let control: 'control' | 'watch' = 'control'
  const host = createStationHost({
    engine: fake.engine,
    home: '/home/flashproof',
    about: { kind: 'browser', version: '1.2.3', platform: 'linux', locale: 'vi-VN' },
    startSimulator: () => Promise.reject(new Error('not in this test')),
    makeDemoFirmware: () => Promise.reject(new Error('not in this test')),
    deliver: () => Promise.resolve({ outcome: 'cancelled' }),
    ...(credentials === undefined ? {} : { credentials }),
  })
  const [near, far] = createMemoryLinkPair()
  openPageSession(far, {
    engine: fake.engine,
    handlers: host.handlersFor({
      control: () => control,
      takeControl: () => {
        control = 'control'
      },
    }),
    timing: clock,
    mayChange: () => control === 'control',
    checksOutgoing: true,
  })
  return {
    page: createClient(near, { caller: 'page' }),
    fake,
    clock,
    host,
    setControl: changed => {
      control = changed
    },
  }
}

describe('a session of a page', () => {
  it('answers what the host knows', async () => {
    const { page } = await open()
    // The worker is asked which Node it runs on.
    await settle()
    await expect(page.call('host.info', {})).resolves.toEqual({
      kind: 'browser',
      version: '1.2.3',
      platform: 'linux',
      locale: 'vi-VN',
      nodeVersion: 'v24',
      home: '/home/flashproof',
      engine: { state: 'ready' },
      control: 'control',
      hasFileDialog: false,
      hasSafeStorage: false,
      isPractising: false,
    })
  })

  it('passes on to the worker what the worker answers, and tells its events', async () => {
    const { page, fake } = await open({ 'job.list': () => ({ jobs: [] }) })
    const texts: string[] = []
    page.subscribe('journal.changed', ({ text }) => {
      texts.push(text)
    })
    await expect(page.call('job.list', {})).resolves.toEqual({ jobs: [] })
    fake.newest().server.emit('journal.changed', { state: 'ok', text: 'heard' })
    await settle()
    expect(texts).toEqual(['heard'])
  })

  it('lets a watching page read, and refuses what changes something until it takes control', async () => {
    const paused: string[][] = []
    const { page, setControl } = await open({
      'job.list': () => ({ jobs: [] }),
      'job.pause': ({ jobIds }) => {
        paused.push(jobIds)
        return {}
      },
    })
    setControl('watch')
    await expect(page.call('job.list', {})).resolves.toEqual({ jobs: [] })
    await expect(page.call('job.pause', { jobIds: ['j'] })).rejects.toMatchObject({ code: 'control.not-held' })
    await expect(page.call('practice.start', {})).rejects.toMatchObject({ code: 'control.not-held' })
    expect(paused).toEqual([])
    await page.call('control.take', {})
    await page.call('job.pause', { jobIds: ['j'] })
    expect(paused).toEqual([['j']])
  })

  it.each(['firmware.open', 'log.export', 'worker.stop', 'firmware.convert'] as const)(
    'keeps a page from %s, which only a host may ask',
    async name => {
      const { page } = await open()
      await expect(page.call(name, {})).rejects.toMatchObject({ code: 'contract.forbidden' })
    },
  )

  it('tells the states of the engine, and answers without one', async () => {
    const { page, fake, clock } = await open()
    const states: string[] = []
    page.subscribe('engine.changed', ({ engine }) => {
      states.push(engine.state)
    })
    fake.newest().crash()
    await settle()
    await expect(page.call('job.list', {})).rejects.toMatchObject({ code: 'worker.not-ready' })
    await expect(page.call('host.info', {})).resolves.toMatchObject({ engine: { state: 'pausing' } })
    await clock.advance(500)
    expect(states).toEqual(['pausing', 'starting', 'ready'])
  })

  it('opens a file again for the page that names its firmware', async () => {
    let opened = 0
    const { page, fake } = await open({ 'firmware.open': () => fakeFirmware(`fw-${String(++opened)}`) })
    await fake.engine.firmware.open({ path: '/a.bin' })
    const replaced: (string | null)[] = []
    page.subscribe('firmware.opened', ({ replaces }) => {
      replaced.push(replaces)
    })
    await expect(page.call('firmware.reopen', { firmwareId: 'fw-1' })).resolves.toMatchObject({
      firmware: { firmwareId: 'fw-2' },
    })
    expect(replaced).toEqual(['fw-1'])
  })

  it('says what this host cannot do', async () => {
    const { page } = await open()
    await expect(page.call('firmware.choose', {})).rejects.toMatchObject({ code: 'host.unsupported' })
    await expect(page.call('credential.set', { device: 'a', key: 'b', value: 'c' })).rejects.toMatchObject({
      code: 'host.unsupported',
    })
    await expect(page.call('credential.list', {})).resolves.toEqual({ credentials: [] })
  })

  it('adds the kept secrets of a device to its order, and lets what was typed win', async () => {
    const secrets: unknown[] = []
    const kept: CredentialStore = {
      list: () => Promise.resolve([{ device: 'mac:a', key: 'password' }]),
      set: () => Promise.resolve(),
      secretsOf: device => Promise.resolve(device === 'http://10.0.0.1' ? { password: 'kept', user: 'kept-user' } : {}),
    }
    const { page } = await open(
      {
        'device.list': () => ({ devices: [] }),
        'job.start': request => {
          secrets.push([request.secrets, request.targetSecrets])
          return { batchId: 'b', jobIds: [], warnings: [] }
        },
      },
      kept,
    )
    const targets = ['http://10.0.0.1', 'http://10.0.0.2']
    await page.call('job.start', { firmwareId: 'fw', targets, secrets: { user: 'typed' } })
    expect(secrets).toEqual([[{ user: 'typed' }, { 'http://10.0.0.1': { password: 'kept' } }]])
  })

  it('adds the kept secrets when jobs go on, under every name of their device', async () => {
    const secrets: unknown[] = []
    const kept: CredentialStore = {
      list: () => Promise.resolve([{ device: 'mac:a', key: 'password' }]),
      set: () => Promise.resolve(),
      secretsOf: () => Promise.resolve({ password: 'kept', user: 'kept-user' }),
    }
    const { page } = await open(
      {
        'device.list': () => ({ devices: [fakeDeviceEntry('http://10.0.0.1', { key: 'mac:a' })] }),
        'job.resume': request => {
          secrets.push([request.jobIds, request.secrets, request.targetSecrets])
          return { jobIds: [] }
        },
      },
      kept,
    )
    await page.call('job.resume', { jobIds: ['j'], secrets: { user: 'typed' } })
    const ofBoard = { password: 'kept' }
    expect(secrets).toEqual([[['j'], { user: 'typed' }, { 'mac:a': ofBoard, 'http://10.0.0.1': ofBoard }]])
  })
})
