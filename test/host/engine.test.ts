import { describe, expect, it } from 'vitest'
import { FlashproofError } from '../../src/shared/errors.ts'
import { FakeClock, settle } from '../fakes/fake-clock.ts'
import { fakeEngine, fakeFirmware } from './fake-engine.ts'

describe('the engine of a host', () => {
  it('refuses calls until a worker answers, and then passes them on', async () => {
    const { engine } = fakeEngine(new FakeClock(), () => ({ 'job.list': () => ({ jobs: [] }) }))
    await expect(engine.client.call('job.list', {})).rejects.toMatchObject({ code: 'worker.not-ready' })
    await engine.start()
    await expect(engine.client.call('job.list', {})).resolves.toEqual({ jobs: [] })
    expect(engine.state()).toEqual({ state: 'ready' })
  })

  it('tells a crash with its pause and the new start, and keeps subscriptions', async () => {
    const clock = new FakeClock()
    const { engine, newest, workers } = fakeEngine(clock)
    const states: string[] = []
    const texts: string[] = []
    engine.onState(({ state }) => states.push(state))
    engine.client.subscribe('journal.changed', ({ text }) => {
      texts.push(text)
    })
    await engine.start()
    newest().crash()
    await settle()
    expect(engine.state()).toMatchObject({ state: 'pausing', pauseMs: 500 })
    await clock.advance(500)
    newest().server.emit('journal.changed', { state: 'ok', text: 'from the second' })
    await settle()
    expect(workers).toHaveLength(2)
    expect(states).toEqual(['ready', 'pausing', 'starting', 'ready'])
    expect(texts).toEqual(['from the second'])
  })

  it('gives up after five crashes, and starts again when a person asks', async () => {
    const clock = new FakeClock()
    const { engine, newest, workers } = fakeEngine(clock)
    const texts: string[] = []
    engine.client.subscribe('journal.changed', ({ text }) => {
      texts.push(text)
    })
    await engine.start()
    for (let crash = 1; crash <= 5; crash++) {
      newest().crash()
      await settle()
      await clock.advance(4_000)
    }
    expect(engine.state()).toMatchObject({ state: 'gave-up' })
    await expect(engine.client.call('job.list', {})).rejects.toMatchObject({ code: 'worker.gave-up' })
    await engine.restart()
    expect(workers).toHaveLength(6)
    expect(engine.state()).toEqual({ state: 'ready' })
    newest().server.emit('journal.changed', { state: 'ok', text: 'heard' })
    await settle()
    expect(texts).toEqual(['heard'])
  })

  it('opens again what was open, and says what takes whose place', async () => {
    const clock = new FakeClock()
    const asked: string[] = []
    const { engine, newest } = fakeEngine(clock, start => ({
      'firmware.open': ({ path, accept }) => {
        asked.push(`${String(start)} ${path} ${String(accept ?? '')}`)
        return fakeFirmware(`fw-${String(start)}-${path}`)
      },
    }))
    const opened: unknown[] = []
    engine.firmware.listen({
      onOpened: ({ firmware, replaces }) => opened.push([firmware.firmwareId, replaces]),
      onRefused: event => opened.push(event),
    })
    await engine.start()
    await engine.firmware.open({ path: '/a', accept: ['missing-end'] })
    await engine.firmware.open({ path: '/b' })
    newest().crash()
    await settle()
    await clock.advance(500)
    await settle()
    expect(asked).toEqual(['1 /a missing-end', '1 /b ', '2 /a missing-end', '2 /b '])
    expect(opened).toEqual([
      ['fw-2-/a', 'fw-1-/a'],
      ['fw-2-/b', 'fw-1-/b'],
    ])
    // A page that slept through the restart still names the old one.
    await expect(engine.firmware.reopen('fw-1-/a')).resolves.toMatchObject({ firmwareId: 'fw-2-/a' })
  })

  it('says which file cannot be opened again', async () => {
    const clock = new FakeClock()
    const { engine, newest } = fakeEngine(clock, start => ({
      'firmware.open': () => {
        if (start === 1) return fakeFirmware('fw-1')
        throw new FlashproofError('file.not-found', 'gone')
      },
    }))
    const refused: unknown[] = []
    engine.firmware.listen({
      onOpened: event => refused.push(event),
      onRefused: ({ fileName, error }) => refused.push([fileName, error.code]),
    })
    await engine.start()
    await engine.firmware.open({ path: '/folder/a.bin' })
    newest().crash()
    await settle()
    await clock.advance(500)
    await settle()
    expect(refused).toEqual([['a.bin', 'file.not-found']])
  })

  it('refuses an id that it never gave', async () => {
    const { engine } = fakeEngine(new FakeClock())
    await engine.start()
    await expect(engine.firmware.reopen('fw-x')).rejects.toMatchObject({ code: 'file.not-found' })
  })

  it('starts nothing after it was stopped', async () => {
    const { engine, workers } = fakeEngine(new FakeClock())
    await engine.start()
    await engine.stop()
    expect(engine.state()).toEqual({ state: 'stopped' })
    await expect(engine.client.call('job.list', {})).rejects.toMatchObject({ code: 'worker.exited' })
    await expect(engine.restart()).rejects.toMatchObject({ code: 'worker.exited' })
    expect(workers).toHaveLength(1)
  })
})
