import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createLogFile } from '../../src/main/log-file.ts'

const root = mkdtempSync(join(tmpdir(), 'flashproof-log-'))
const folder = join(root, 'logs')
const now = () => new Date('2026-11-21T05:00:00.000Z')
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

describe('the log file', () => {
  it('holds one line an entry, whatever the text holds', () => {
    const log = createLogFile({ folder, now })
    log.write('info', 'started')
    log.write('error', 'it broke\n    at here\u001b[2J\u202e')
    expect(readFileSync(join(folder, 'flashproof.log'), 'utf8').split('\n')).toEqual([
      '2026-11-21T05:00:00.000Z info    started',
      '2026-11-21T05:00:00.000Z error   it broke | at here·[2J·',
      '',
    ])
  })

  it('is put aside when it is full, and the oldest file goes', () => {
    const log = createLogFile({ folder, now, fileBytes: 200, files: 3 })
    for (let line = 0; line < 20; line++) log.write('info', `line ${String(line)} ${'x'.repeat(60)}`)
    expect(readdirSync(folder).toSorted()).toEqual(['flashproof.1.log', 'flashproof.2.log', 'flashproof.log'])
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).size).toBeLessThanOrEqual(200)
    const all = ['flashproof.2.log', 'flashproof.1.log', 'flashproof.log'].map(name =>
      readFileSync(join(folder, name), 'utf8'),
    )
    expect(all.join('')).toMatch(/^[^\n]*line 17 [^]*line 18 [^]*line 19 x+\n$/)
  })

  it('goes on where an earlier program stopped', () => {
    createLogFile({ folder, now, fileBytes: 150 }).write('info', 'x'.repeat(100))
    createLogFile({ folder, now, fileBytes: 150 }).write('info', 'y')
    expect(readdirSync(folder)).toHaveLength(2)
  })

  it('never ends the program', () => {
    writeFileSync(root.replace(/$/, '-file'), '')
    const log = createLogFile({ folder: root.replace(/$/, '-file'), now })
    expect(() => {
      log.write('info', 'nowhere to go')
    }).not.toThrow()
    rmSync(root.replace(/$/, '-file'))
  })
})
