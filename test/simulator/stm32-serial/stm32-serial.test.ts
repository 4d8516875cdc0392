import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { stm32Crc } from '../../../src/simulator/stm32-serial/crc.ts'
import {
  startVirtualStm32Serial,
  type Stm32SerialOptions,
  type VirtualStm32Serial,
} from '../../../src/simulator/stm32-serial/virtual-stm32-serial.ts'
import { closedAfterEach } from '../started-devices.ts'
import { openClient, setting, type PortClient } from '../uart/port-client.ts'

const started = closedAfterEach()
const ACK = 0x79
const NACK = 0x1f
const BASE = 0x0800_0000

async function start(options: Stm32SerialOptions = {}): Promise<VirtualStm32Serial> {
  return started(await startVirtualStm32Serial({ carrier: 'raw', timeScale: 0, ...options }))
}

/** Connects and synchronises. */
async function synchronised(options: Stm32SerialOptions = {}): Promise<[PortClient, VirtualStm32Serial]> {
  const device = await start(options)
  const client = await openClient(device.target)
  expect(await ask(client, [0x7f], 1)).toEqual([ACK])
  return [client, device]
}

async function ask(client: PortClient, bytes: readonly number[], answerBytes: number): Promise<number[]> {
  client.send(...bytes)
  return client.take(answerBytes)
}

function xor(bytes: readonly number[]): number {
  return bytes.reduce((sum, byte) => sum ^ byte, 0)
}

function word(value: number): number[] {
  const bytes = [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]
  return [...bytes, xor(bytes)]
}

function command(code: number): number[] {
  return [code, code ^ 0xff]
}

/** @returns the last answer */
async function write(client: PortClient, address: number, bytes: readonly number[]): Promise<number | undefined> {
  expect(await ask(client, command(0x31), 1)).toEqual([ACK])
  expect(await ask(client, word(address), 1)).toEqual([ACK])
  const frame = [bytes.length - 1, ...bytes]
  return (await ask(client, [...frame, xor(frame)], 1))[0]
}

async function readBack(client: PortClient, address: number, count: number): Promise<number[]> {
  expect(await ask(client, command(0x11), 1)).toEqual([ACK])
  expect(await ask(client, word(address), 1)).toEqual([ACK])
  const [answer, ...bytes] = await ask(client, [count - 1, (count - 1) ^ 0xff], count + 1)
  expect(answer).toBe(ACK)
  return bytes
}

/** A stack at the end of the RAM and an entry in flash. */
const vectors = [0x00, 0x50, 0x00, 0x20, 0x09, 0x00, 0x00, 0x08]

describe('the system bootloader of an STM32', () => {
  it('synchronises on 7F, and says NACK to two of them once it is', async () => {
    const [client] = await synchronised()
    expect(await ask(client, [0x7f, 0x7f], 1)).toEqual([NACK])
    expect(await ask(client, [0xff, 0x00], 1)).toEqual([NACK])
    expect(await ask(client, [0x00, 0xfe], 1)).toEqual([NACK])
  })

  it('says which commands it has, its version and its product', async () => {
    const [client] = await synchronised()
    const codes = [0x00, 0x01, 0x02, 0x11, 0x21, 0x31, 0x43, 0x63, 0x73, 0x82, 0x92]
    expect(await ask(client, command(0), 15)).toEqual([ACK, 11, 0x22, ...codes, ACK])
    expect(await ask(client, command(1), 5)).toEqual([ACK, 0x22, 0, 0, ACK])
    expect(await ask(client, command(2), 5)).toEqual([ACK, 1, 0x04, 0x10, ACK])
    const [newer] = await synchronised({ product: 'f407' })
    expect(await ask(newer, command(0), 15)).toEqual([ACK, 11, 0x31, ...codes.with(6, 0x44), ACK])
    expect(await ask(newer, command(2), 5)).toEqual([ACK, 1, 0x04, 0x13, ACK])
  })

  it('writes and reads flash as the frames of the application note say', async () => {
    const [client, device] = await synchronised()
    // 08 00 00 00 08, and 03 de ad be ef 21.
    expect(word(BASE)).toEqual([8, 0, 0, 0, 8])
    expect(await write(client, BASE, [0xde, 0xad, 0xbe, 0xef])).toBe(ACK)
    expect(await readBack(client, BASE, 8)).toEqual([0xde, 0xad, 0xbe, 0xef, 255, 255, 255, 255])
    expect(device.stored()).toEqual(Uint8Array.of(0xde, 0xad, 0xbe, 0xef))
    expect(device.dataRequests()).toBe(1)
    const page = Array.from({ length: 256 }, (_byte, index) => index)
    expect(await write(client, BASE + 256, page)).toBe(ACK)
    expect(await readBack(client, BASE + 256, 256)).toEqual(page)
  })

  it('refuses wrong sums, addresses that are none, its own RAM, and lengths that are no words', async () => {
    const [client, device] = await synchronised({ product: 'g071' })
    await ask(client, command(0x31), 1)
    expect(await ask(client, [8, 0, 0, 0, 9], 1)).toEqual([NACK])
    for (const address of [0x0900_0000, BASE + 2, 0x2000_0000]) {
      await ask(client, command(0x31), 1)
      expect(await ask(client, word(address), 1)).toEqual([NACK])
    }
    await ask(client, command(0x31), 1)
    await ask(client, word(BASE), 1)
    expect(await ask(client, [3, 1, 2, 3, 4, 0], 1)).toEqual([NACK])
    await ask(client, command(0x31), 1)
    await ask(client, word(BASE), 1)
    expect(await ask(client, [1, 1, 2, 2], 1)).toEqual([NACK])
    expect(device.stored()).toBeNull()
    expect(await write(client, 0x2000_3000, [1, 2, 3, 4])).toBe(ACK)
    expect(await readBack(client, 0x2000_3000, 4)).toEqual([1, 2, 3, 4])
  })

  it('leaves a wrong address without an answer where it is old, and takes what follows as commands', async () => {
    const [client] = await synchronised({ product: 'g071', protocolVersion: 0x30 })
    await ask(client, command(0x11), 1)
    client.send(...word(0x0900_0000))
    expect(await ask(client, [0xff, 0x00], 1)).toEqual([NACK])
  })

  it('programs what is erased alone', async () => {
    const [client] = await synchronised()
    await write(client, BASE, [0x12, 0x34, 0x56, 0x78])
    expect(await write(client, BASE, [0, 1, 2, 3])).toBe(ACK)
    expect(await readBack(client, BASE, 4)).toEqual([0x12, 0x34, 0x56, 0x78])
    const [clearing] = await synchronised({ product: 'f407' })
    await write(clearing, BASE, [0xf0, 0xff, 0xff, 0xff])
    await write(clearing, BASE, [0x3c, 0xff, 0xff, 0xff])
    expect(await readBack(clearing, BASE, 1)).toEqual([0x30])
  })

  it('erases pages by number, everything by FF 00, and nothing by FF and something else', async () => {
    const [client, device] = await synchronised()
    for (const page of [0, 1, 2]) await write(client, BASE + page * 1024, [1, 2, 3, 4])
    await ask(client, command(0x43), 1)
    expect(await ask(client, [1, 0, 2, 1 ^ 0 ^ 2], 1)).toEqual([ACK])
    expect(device.flash()[0]).toBe(255)
    expect(device.flash()[1024]).toBe(1)
    expect(device.flash()[2048]).toBe(255)
    await ask(client, command(0x43), 1)
    expect(await ask(client, [0xff, 0x01], 1)).toEqual([ACK])
    expect(device.flash()[1024]).toBe(1)
    await ask(client, command(0x43), 1)
    expect(await ask(client, [0xff, 0x00], 1)).toEqual([ACK])
    expect(device.stored()).toBeNull()
  })

  it('erases with two bytes a page on newer products, banks apart, and not all of it at once on an L0', async () => {
    const [client, device] = await synchronised({ product: 'h743' })
    for (const page of [0, 1, 8])
      await write(
        client,
        BASE + page * 0x2_0000,
        Array.from({ length: 32 }, () => 7),
      )
    await ask(client, command(0x44), 1)
    // 00 01 00 00 00 01 00
    expect(await ask(client, [0, 1, 0, 0, 0, 1, 0], 1)).toEqual([ACK])
    expect(device.flash()[0x2_0000]).toBe(255)
    await ask(client, command(0x44), 1)
    expect(await ask(client, [0xff, 0xfd, 0x02], 1)).toEqual([ACK])
    expect(device.stored()).toBeNull()
    const [low] = await synchronised({ product: 'l073' })
    expect(await readBack(low, BASE, 2)).toEqual([0, 0])
    await ask(low, command(0x44), 1)
    expect(await ask(low, [0xff, 0xff, 0x00], 1)).toEqual([NACK])
  })

  it('acknowledges writes and erases of protected pages without doing them, until it is unprotected', async () => {
    const [client, device] = await synchronised()
    await write(client, BASE + 4096, [1, 2, 3, 4])
    await ask(client, command(0x63), 1)
    expect(await ask(client, [0, 1, 1], 1)).toEqual([ACK])
    expect(await write(client, BASE + 4100, [5, 6, 7, 8])).toBe(ACK)
    expect(await readBack(client, BASE + 4096, 8)).toEqual([1, 2, 3, 4, 255, 255, 255, 255])
    await ask(client, command(0x43), 1)
    expect(await ask(client, [0, 4, 4], 1)).toEqual([ACK])
    expect(device.flash()[4096]).toBe(1)
    expect(await ask(client, command(0x73), 2)).toEqual([ACK, ACK])
    expect(await write(client, BASE + 4100, [5, 6, 7, 8])).toBe(ACK)
    expect(device.flash()[4100]).toBe(5)
  })

  it('refuses all but four commands while its flash is protected from reading, and wipes it to end that', async () => {
    const firmware = Uint8Array.from(vectors)
    const [client, device] = await synchronised({ isReadProtected: true, firmware, product: 'f407' })
    for (const code of [0x11, 0x21, 0x31, 0x44, 0x63, 0x73, 0x82]) {
      expect(await ask(client, command(code), 1)).toEqual([NACK])
    }
    expect((await ask(client, command(2), 5))[0]).toBe(ACK)
    expect(await ask(client, command(0x92), 2)).toEqual([ACK, ACK])
    expect(device.stored()).toBeNull()
    // It has restarted.
    expect(await ask(client, [0x7f], 1)).toEqual([ACK])
    await readBack(client, BASE, 4)
  })

  it('starts an application whose first words are sound, which says so, and does not answer any more', async () => {
    const [client, device] = await synchronised({ firmware: Uint8Array.from(vectors) })
    expect(device.activeImage()).toEqual(Uint8Array.from(vectors))
    await ask(client, command(0x21), 1)
    const hello = 'app started\r\n'
    const [answer, ...text] = await ask(client, word(BASE), 1 + hello.length)
    expect([answer, String.fromCharCode(...text)]).toEqual([ACK, hello])
    expect(device.state()).toBe('application')
    client.send(0x7f)
    await device.reboot()
    expect(await ask(client, [0x7f], 1)).toEqual([ACK])
    expect(client.received()).toHaveLength(0)
  })

  it('hangs where there is no application', async () => {
    const [client, device] = await synchronised()
    expect(device.activeImage()).toBeNull()
    await ask(client, command(0x21), 1)
    expect(await ask(client, word(BASE), 1)).toEqual([ACK])
    expect(device.state()).toBe('hung')
  })

  it('has a number of its own and the size of its flash where they can be read', async () => {
    const [client] = await synchronised()
    const [other] = await synchronised({ identity: { id: 'other', name: 'other' } })
    const id = await readBack(client, 0x1fff_f7e8, 12)
    expect(id).not.toEqual(await readBack(other, 0x1fff_f7e8, 12))
    expect(await readBack(client, 0x1fff_f7e0, 2)).toEqual([128, 0])
  })

  it('computes the CRC of words in flash', async () => {
    const bytes = Array.from({ length: 16 }, (_byte, index) => index)
    expect(stm32Crc(Uint8Array.from(bytes), 0x04c1_1db7, 0xffff_ffff)).toBe(0x081b_46ca)
    const [client] = await synchronised({ product: 'h743' })
    await write(client, BASE, bytes)
    await ask(client, command(0xa1), 1)
    for (const value of [BASE, 4, 0x04c1_1db7]) expect(await ask(client, word(value), 1)).toEqual([ACK])
    const answer = await ask(client, word(0xffff_ffff), 7)
    expect(answer).toEqual([ACK, ACK, ...word(0x081b_46ca)])
  })

  it('keeps its flash on disk', async () => {
    const flashDir = mkdtempSync(join(tmpdir(), 'flashproof-stm32-'))
    try {
      const [client, device] = await synchronised({ flashDir })
      await write(client, BASE + 2048, [1, 2, 3, 4])
      await device.close()
      const [again] = await synchronised({ flashDir })
      expect(await readBack(again, BASE + 2048, 5)).toEqual([1, 2, 3, 4, 255])
    } finally {
      rmSync(flashDir, { recursive: true, force: true })
    }
  })

  it('hears one byte at most while it works', async () => {
    const [client] = await synchronised({ timeScale: 15 })
    await ask(client, command(0x31), 1)
    await ask(client, word(BASE), 1)
    const frame = [255, ...Array.from({ length: 256 }, () => 9)]
    // What is sent without waiting for the ACK is lost but for its first byte.
    client.send(...frame, xor(frame), ...command(0), ...command(0))
    expect(await client.take(1)).toEqual([ACK])
    expect(await ask(client, [0xff], 1)).toEqual([ACK])
  })
})

describe('the lines of a wired STM32', () => {
  it('hold it in reset, and choose between its loader and its flash', async () => {
    const device = await start({ isWired: true, carrier: 'rfc2217', firmware: Uint8Array.from(vectors) })
    expect(device.state()).toBe('application')
    const client = await openClient(device.target)
    await client.take(12)
    const states: string[] = []
    // DTR is BOOT0, RTS pulls NRST.
    for (const control of [8, 11, 12, 9, 11, 12]) {
      await ask(client, setting(5, control), 7)
      states.push(device.state())
    }
    expect(states).toEqual(['application', 'held', 'loader', 'loader', 'held', 'application'])
    expect(device.lineHistory).toHaveLength(6)
  })

  it('choose the loader with DTR released where no inverter is between them', async () => {
    const firmware = Uint8Array.from(vectors)
    const device = await start({ isWired: true, hasLowBoot0: true, carrier: 'rfc2217', firmware })
    expect(device.state()).toBe('loader')
    const client = await openClient(device.target)
    await client.take(12)
    for (const control of [8, 11, 12]) await ask(client, setting(5, control), 7)
    expect(device.state()).toBe('application')
  })

  it('measures the rate of the first byte, and wants even parity', async () => {
    const device = await start({ carrier: 'rfc2217' })
    const client = await openClient(device.target)
    await client.take(12)
    await ask(client, setting(1, 0, 0, 0xe1, 0), 10)
    await ask(client, setting(3, 3), 7)
    expect(await ask(client, [0x7f], 1)).toEqual([ACK])
    expect((await ask(client, command(2), 5))[0]).toBe(ACK)
    // Without parity both bytes of this command arrive broken, as their parity bits are 0.
    await ask(client, setting(3, 1), 7)
    expect(await ask(client, command(0x11), 1)).not.toEqual([ACK])
  })
})

describe('faults of an STM32', () => {
  const strike = async (fault: { readonly name: string }): Promise<[PortClient, VirtualStm32Serial]> =>
    synchronised({ faults: [fault] })

  it('refuse the n-th of a command', async () => {
    const fault = { name: 'nack', command: '02', at: 2 }
    const [client] = await strike(fault)
    expect((await ask(client, command(2), 5))[0]).toBe(ACK)
    expect(await ask(client, command(2), 1)).toEqual([NACK])
    expect((await ask(client, command(2), 5))[0]).toBe(ACK)
  })

  it('protect a page without a word, and keep a bit at 0', async () => {
    const page = { name: 'write-protected', page: 0 }
    const [client, device] = await strike(page)
    expect(await write(client, BASE, [1, 2, 3, 4])).toBe(ACK)
    expect(device.flash()[0]).toBe(255)
    const stuck = { name: 'stuck-bit', address: BASE + 1, bit: 1 }
    device.setFaults([stuck])
    expect(await write(client, BASE, [255, 255, 255, 255])).toBe(ACK)
    expect(await readBack(client, BASE, 2)).toEqual([255, 253])
  })

  it('say NACK twice', async () => {
    const [client] = await strike({ name: 'double-nack' })
    expect(await ask(client, [0x33, 0xcc], 2)).toEqual([NACK, NACK])
  })

  it('say busy before the work is acknowledged', async () => {
    const [client] = await strike({ name: 'busy' })
    await ask(client, command(0x43), 1)
    expect(await ask(client, [0, 0, 0], 4)).toEqual([0x76, 0x76, 0x76, ACK])
  })

  it('lose a byte of a WRITE, so that it waits for one more', async () => {
    const fault = { name: 'dropped-byte', write: 1 }
    const [client, device] = await strike(fault)
    await ask(client, command(0x31), 1)
    await ask(client, word(BASE), 1)
    client.send(3, 1, 2, 3, 4, xor([3, 1, 2, 3, 4]))
    expect(await ask(client, [0], 1)).toEqual([NACK])
    expect(device.stored()).toBeNull()
  })

  it('restart it in the middle of a WRITE, and put another product there', async () => {
    const restart = { name: 'reboot', write: 1 }
    const device = await start({ faults: [restart, { name: 'other-chip' }] })
    const client = await openClient(device.target)
    await ask(client, [0x7f], 1)
    expect(await ask(client, command(2), 5)).toEqual([ACK, 1, 0x04, 0x10, ACK])
    await ask(client, command(0x31), 1)
    await ask(client, word(BASE), 1)
    const frame = [255, ...Array.from({ length: 256 }, () => 9)]
    client.send(...frame, xor(frame))
    await expect.poll(() => device.stored()?.length, { timeout: 10_000, interval: 2 }).toBe(128)
    expect(await ask(client, [0x7f], 1)).toEqual([ACK])
    expect(await ask(client, command(2), 5)).toEqual([ACK, 1, 0x04, 0x23, ACK])
  })

  it('make erases slow', async () => {
    const fault = { name: 'slow-erase', ms: 40 }
    const [client] = await strike(fault)
    const startMs = performance.now()
    await ask(client, command(0x43), 1)
    await ask(client, [0, 0, 0], 1)
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(39)
  })
})
