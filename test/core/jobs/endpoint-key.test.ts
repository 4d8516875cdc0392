import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { isEndpoint, parseTarget } from '../../../src/core/discovery/target.ts'
import { endpointKey } from '../../../src/core/jobs/endpoint-key.ts'

function keyOf(text: string): string {
  const target = parseTarget(text)
  if (!isEndpoint(target)) throw new Error(`${text} is no endpoint`)
  return endpointKey(target)
}

describe('the key of an endpoint', () => {
  it.each([
    ['http://192.168.4.1', 'http://192.168.4.1/'],
    ['http://192.168.4.1', 'HTTP://192.168.4.1:80'],
    ['http://Board.local/A', 'http://board.local/a/'],
    ['tcp://Gateway:23', 'tcp://gateway:23'],
    ['pull://eth0/board-1', 'pull://eth0:8070/board-1'],
  ])('is the same for %s and %s', (one, other) => {
    expect(keyOf(one)).toBe(keyOf(other))
  })

  it.each([
    ['http://192.168.4.1', 'http://192.168.4.1:8080'],
    ['http://gateway/one', 'http://gateway/two'],
    ['tcp://gateway:23', 'udp://gateway:23'],
    ['serial:/dev/ttyUSB0', 'serial:/dev/ttyUSB1'],
    ['serial:COM3', 'serial:COM4'],
  ])('tells %s and %s apart', (one, other) => {
    expect(keyOf(one)).not.toBe(keyOf(other))
  })

  it('follows a link to the port', () => {
    const folder = mkdtempSync(join(tmpdir(), 'flashproof-key-'))
    onTestFinished(() => {
      rmSync(folder, { recursive: true })
    })
    writeFileSync(join(folder, 'port'), '')
    symlinkSync(join(folder, 'port'), join(folder, 'by-id'))
    expect(keyOf(`serial:${join(folder, 'by-id')}`)).toBe(keyOf(`serial:${join(folder, 'port')}`))
  })
})
