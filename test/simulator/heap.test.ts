import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { VirtualHeap } from '../../src/simulator/board/heap.ts'
import { devicesOfThisFile } from './devices.ts'
import { call, errorCodeOf, post, someBytes } from './wire.ts'

const start = devicesOfThisFile()
const KIB = 1024

describe('the modelled heap', () => {
  it('has 320 KiB, of which 110 are in use from boot on, in more than one piece', () => {
    const heap = new VirtualHeap()
    expect(heap.totalBytes).toBe(320 * KIB)
    expect(heap.freeBytes).toBe(210 * KIB)
    expect(heap.largestBlockBytes).toBeLessThan(heap.freeBytes)
  })

  it('gives back exactly what was taken, in any order, and remembers the lowest mark', () => {
    const heap = new VirtualHeap()
    const before = { free: heap.freeBytes, largest: heap.largestBlockBytes }
    const blocks = Array.from({ length: 40 }, (_unused, index) => heap.take(1000 + index * 37))
    expect(blocks).not.toContain(null)
    const lowest = heap.freeBytes
    for (const block of blocks.filter((_unused, index) => index % 3 === 1)) heap.release(block ?? 0)
    expect(heap.freeBytes).toBeLessThan(before.free)
    for (const block of blocks) heap.release(block ?? 0)
    expect({ free: heap.freeBytes, largest: heap.largestBlockBytes }).toEqual(before)
    expect(heap.minimumFreeBytes).toBe(lowest)
  })

  it('refuses what fits no single block although enough is free', () => {
    const heap = new VirtualHeap()
    expect(heap.take(heap.largestBlockBytes + 8)).toBeNull()
    expect(heap.take(heap.largestBlockBytes)).not.toBeNull()
  })
})

describe('bodies and connections', () => {
  it('resets the connection of a body that fits no free block', async () => {
    const device = await start()
    expect(await errorCodeOf(post(device.target, '/upload/chunk/a.bin/0', someBytes(150 * KIB)))).toBe('ECONNRESET')
    expect(device.stats.heapRefusals).toBe(1)
    expect(device.stats.chunkPosts).toEqual([])
  })

  it('answers 500 instead when the option says so', async () => {
    const device = await start({ whenHeapIsFull: 'error-500' })
    const answer = await post(device.target, '/upload/chunk/a.bin/0', someBytes(150 * KIB))
    expect([answer.status, answer.headers['connection']]).toEqual([500, 'close'])
  })

  it('shows a body in the lowest mark after it was given back', async () => {
    const device = await start()
    const before = device.stats.heap
    await post(device.target, '/upload/chunk/a.bin/0', someBytes(64 * KIB))
    const heap = (await call(device.target, '/telemetry')).json?.['heap']
    expect(heap).toMatchObject({ min_free: expect.toSatisfy((low: number) => low <= before.freeBytes - 64 * KIB) })
    // The connection that asks is in it.
    expect(heap).toMatchObject({ free: expect.toSatisfy((free: number) => free > before.freeBytes - 16 * KIB) })
  })

  it('pays for every open connection until there is no room for another', async () => {
    const device = await start()
    const sockets = Array.from({ length: 80 }, () => connect(device.port, '127.0.0.1'))
    for (const socket of sockets) socket.on('error', () => undefined)
    const closed = sockets.map(socket => new Promise(resolve => socket.on('close', resolve)))
    await Promise.race(closed)
    expect(device.stats.heap.freeBytes).toBeLessThan(24 * KIB)
    for (const socket of sockets) socket.destroy()
    await Promise.all(closed)
  })

  it('has its whole heap again after a reboot', async () => {
    const device = await start({ faults: [{ name: 'leak', bytes: 4096 }] })
    const before = device.stats.heap.freeBytes
    for (let index = 0; index < 10; index++) await call(device.target, '/telemetry')
    expect(device.stats.heap.freeBytes).toBeLessThanOrEqual(before - 10 * 4096)
    await device.reboot()
    expect(device.stats.heap.freeBytes).toBe(before)
  })
})
