import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { resolveHome } from '../../../src/core/journal/home.ts'
import { openLocks } from '../../../src/core/journal/locks.ts'
import { currentOwner, isOwnerAlive, type Owner, parseOwner, processStartOf } from '../../../src/core/journal/owner.ts'
import { makeHome } from './journal-fixture.ts'

const me = currentOwner()

describe('an owner', () => {
  it('is alive while its process runs and dead after it was killed', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'inherit'] })
    onTestFinished(() => {
      child.kill('SIGKILL')
    })
    await once(child, 'spawn')
    const pid = child.pid ?? 0
    const owner: Owner = { ...me, pid, processStart: processStartOf(pid) ?? 'none' }
    expect(isOwnerAlive(owner)).toBe(true)
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(isOwnerAlive(owner)).toBe(false)
  })

  it('is dead when a later process got its id', () => {
    expect(isOwnerAlive({ ...me, processStart: '17' })).toBe(false)
  })

  it('is dead after a restart of the computer, and alive when it is another computer that cannot be asked', () => {
    expect(isOwnerAlive({ ...me, bootId: 'an earlier boot' })).toBe(false)
    expect(isOwnerAlive({ ...me, bootId: 'its boot', hostName: 'bench9' })).toBe(true)
  })

  it('is read back from JSON, and a foreign value is nobody', () => {
    expect(parseOwner(JSON.stringify(me))).toEqual(me)
    expect([parseOwner(null), parseOwner('7'), parseOwner('{"pid":"x"}')]).toEqual([null, null, null])
  })
})

describe('a lock', () => {
  const info = { command: 'flashproof flash app.bin', since: '2026-11-21T09:00:00.000+07:00', jobId: 'a' }

  it('is held by one owner, whose name the second one is told', () => {
    const home = makeHome()
    const locks = openLocks({ home })
    const other = openLocks({ home })
    const stranger: Owner = { ...me, pid: process.ppid, processStart: '' }
    locks.acquireLock('mac:AA', me, info)
    expect(() => {
      other.acquireLock('mac:AA', stranger, { ...info, jobId: 'b' })
    }).toThrow(expect.objectContaining({ code: 'device.busy', details: { key: 'mac:AA', pid: process.pid, ...info } }))
    other.releaseLock('mac:AA', stranger)
    expect(locks.heldLocks()).toEqual([{ key: 'mac:AA', owner: me, ...info }])
    locks.releaseLock('mac:AA', me)
    other.acquireLock('mac:AA', stranger, { ...info, jobId: 'b' })
    expect(locks.heldLocks()).toMatchObject([{ jobId: 'b' }])
    locks.close()
    other.close()
  })

  it('blocks another job of the same process and not the same job', () => {
    const locks = openLocks({ home: makeHome() })
    locks.acquireLock('port', me, info)
    locks.acquireLock('port', me, info)
    expect(() => {
      locks.acquireLock('port', me, { ...info, jobId: 'b' })
    }).toThrow(expect.objectContaining({ code: 'device.busy' }))
    locks.close()
  })

  it('of a dead owner is taken over', () => {
    const locks = openLocks({ home: makeHome() })
    locks.acquireLock('port', { ...me, processStart: '17' }, info)
    locks.acquireLock('port', me, { ...info, jobId: 'b' })
    expect(locks.heldLocks()).toMatchObject([{ owner: me, jobId: 'b' }])
    locks.close()
  })
})

describe('the home', () => {
  it('is the named folder, created for this user alone', () => {
    const path = join(makeHome(), 'deep', 'home')
    expect(resolveHome({ FLASHPROOF_HOME: path })).toBe(path)
    expect(statSync(path).mode & 0o777).toBe(0o700)
  })

  it('is the user-data folder when none is named', () => {
    const data = makeHome()
    if (process.platform === 'linux') {
      expect(resolveHome({ FLASHPROOF_HOME: '', XDG_DATA_HOME: data })).toBe(join(data, 'flashproof'))
    }
  })

  it('is refused with its path when it cannot be created', () => {
    const file = join(makeHome(), 'file')
    writeFileSync(file, '')
    const path = join(file, 'home')
    expect(() => resolveHome({ FLASHPROOF_HOME: path })).toThrow(
      expect.objectContaining({ code: 'file.not-writable', details: { path } }),
    )
  })
})
