import { symlinkSync, mkdtempSync, rmSync, writeFileSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { PortDesk, portKey, type PortUser } from '../../../src/core/links/port-desk.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'

const job: PortUser = { usedFor: 'flashing a.bin' }

/** A monitor that closes when it is asked to, and notes what it is told. */
async function openMonitor(desk: PortDesk, key: string): Promise<{ told: string[]; user: PortUser }> {
  const told: string[] = []
  const user: PortUser = {
    usedFor: 'the serial monitor',
    onYield: wantedFor => {
      told.push(`yield to ${wantedFor}`)
      release()
      return Promise.resolve()
    },
    onFree: () => told.push('free'),
  }
  const release = await desk.take(key, user)
  return { told, user }
}

async function complaintOf(calling: Promise<unknown>): Promise<string> {
  try {
    await calling
    return 'no error'
  } catch (error) {
    return error instanceof FlashproofError ? `${error.code}: ${error.message}` : String(error)
  }
}

describe('the desk of ports', () => {
  it('gives a port to one user at a time, and names him to the next', async () => {
    const desk = new PortDesk()
    const release = await desk.take('COM3', job)
    expect(await complaintOf(desk.take('COM3', { usedFor: 'another' }))).toBe(
      'serial.port-busy: COM3 is used for flashing a.bin',
    )
    await desk.take('COM4', { usedFor: 'another' })
    release()
    release()
    await desk.take('COM3', { usedFor: 'another' })
  })

  it('asks a monitor to give way to a job, and tells it when the port is free', async () => {
    const desk = new PortDesk({ freeAfterMs: 1 })
    const { told } = await openMonitor(desk, 'COM3')
    const release = await desk.take('COM3', job)
    expect(told).toEqual(['yield to flashing a.bin'])
    release()
    await expect.poll(() => told).toEqual(['yield to flashing a.bin', 'free'])
  })

  it('does not call a port free that the job opens again', async () => {
    const desk = new PortDesk({ freeAfterMs: 50 })
    const { told } = await openMonitor(desk, 'COM3')
    const release = await desk.take('COM3', job)
    release()
    const releaseAgain = await desk.take('COM3', job)
    await new Promise(resolve => setTimeout(resolve, 100))
    expect(told).not.toContain('free')
    releaseAgain()
    await expect.poll(() => told).toContain('free')
  })

  it('does not tell a monitor that is back already', async () => {
    const desk = new PortDesk({ freeAfterMs: 20 })
    const { told } = await openMonitor(desk, 'COM3')
    ;(await desk.take('COM3', job))()
    const again = await openMonitor(desk, 'COM3')
    await new Promise(resolve => setTimeout(resolve, 60))
    expect([...told, ...again.told]).toEqual(['yield to flashing a.bin'])
  })

  it('lets no monitor push another one or a job away', async () => {
    const desk = new PortDesk()
    const { told, user } = await openMonitor(desk, 'COM3')
    expect(await complaintOf(desk.take('COM3', user))).toContain('serial.port-busy')
    expect(told).toEqual([])
    await desk.take('COM4', job)
    expect(await complaintOf(desk.take('COM4', user))).toContain('is used for flashing a.bin')
  })

  it('names a user who does not close in time', async () => {
    const desk = new PortDesk({ yieldWithinMs: 10 })
    await desk.take('COM3', { usedFor: 'a stuck monitor', onYield: () => new Promise(() => undefined) })
    expect(await complaintOf(desk.take('COM3', job))).toContain('used for a stuck monitor')
  })

  it('knows one port by all its names', () => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'flashproof-')))
    try {
      writeFileSync(join(folder, 'ttyUSB0'), '')
      symlinkSync(join(folder, 'ttyUSB0'), join(folder, 'by-id'))
      const keys = ['ttyUSB0', 'by-id', 'none'].map(name => {
        const path = join(folder, name)
        return portKey({ kind: 'serial', text: `serial:${path}`, path })
      })
      expect(keys).toEqual([join(folder, 'ttyUSB0'), join(folder, 'ttyUSB0'), join(folder, 'none')])
    } finally {
      rmSync(folder, { recursive: true })
    }
    expect(portKey({ kind: 'tcp', text: 'tcp://Bench:23', hostname: 'Bench', port: 23 })).toBe('bench:23')
  })
})
