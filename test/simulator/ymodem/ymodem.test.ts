import { describe, expect, it } from 'vitest'
import { crc16 } from '../../../src/simulator/ymodem/packets.ts'
import {
  startVirtualYmodem,
  type VirtualYmodem,
  type YmodemOptions,
} from '../../../src/simulator/ymodem/virtual-ymodem.ts'
import { closedAfterEach } from '../started-devices.ts'
import { openClient, type PortClient } from '../uart/port-client.ts'

const started = closedAfterEach()
const soon = { timeout: 10_000, interval: 2 }
const SOH = 1
const STX = 2
const EOT = 4
const ACK = 6
const NAK = 0x15
const CAN = 0x18
const C = 0x43

const content = Uint8Array.from({ length: 2_500 }, (_byte, index) => (index * 11) & 0xff)

async function start(options: YmodemOptions = {}): Promise<[PortClient, VirtualYmodem]> {
  const device = started(
    await startVirtualYmodem({
      ...{ carrier: 'raw', pollMs: 20, blockMs: 2000, byteMs: 200, eraseMs: 0, programMs: 0 },
      ...options,
    }),
  )
  return [await openClient(device.target), device]
}

function block(number: number, bytes: Uint8Array, hasChecksum = false): number[] {
  const sizeBytes = bytes.length <= 128 ? 128 : 1024
  const padded = new Uint8Array(sizeBytes).fill(number === 0 ? 0 : 0x1a)
  padded.set(bytes)
  const crc = crc16(padded)
  const trailer = hasChecksum ? [padded.reduce((sum, byte) => (sum + byte) & 0xff, 0)] : [crc >> 8, crc & 0xff]
  return [sizeBytes === 128 ? SOH : STX, number & 0xff, ~number & 0xff, ...padded, ...trailer]
}

function header(sizeBytes: number): number[] {
  return block(0, new TextEncoder().encode(`app.bin\0${String(sizeBytes)} 0 0`))
}

/** Sends and waits for one byte of these, past invitations. */
async function answerTo(client: PortClient, bytes: readonly number[]): Promise<number> {
  client.send(...bytes)
  for (;;) {
    const [answer = 0] = await client.take(1)
    if (answer === ACK || answer === NAK || answer === CAN) return answer
  }
}

async function sendBlocks(client: PortClient, from = 1): Promise<void> {
  for (let number = from; (number - 1) * 1024 < content.length; number++) {
    const bytes = content.subarray((number - 1) * 1024, number * 1024)
    expect(await answerTo(client, block(number, bytes))).toBe(ACK)
  }
}

async function textOf(client: PortClient, wanted: string): Promise<void> {
  await expect.poll(() => client.received().toString('latin1'), soon).toContain(wanted)
}

describe('a bootloader that receives YMODEM', () => {
  it('computes its CRC as the protocol says', () => {
    expect(crc16(new TextEncoder().encode('123456789'))).toBe(0x31c3)
  })

  it('takes a file without its padding, and starts it', async () => {
    const [client, device] = await start()
    await expect.poll(() => client.received().includes(C), soon).toBe(true)
    expect(await answerTo(client, header(content.length))).toBe(ACK)
    await sendBlocks(client)
    expect(device.stored()).toBeNull()
    expect(await answerTo(client, [EOT])).toBe(NAK)
    expect(await answerTo(client, [EOT])).toBe(ACK)
    expect(await answerTo(client, block(0, new Uint8Array()))).toBe(ACK)
    await textOf(client, 'Programming ok')
    await textOf(client, 'boot: 2500 bytes')
    expect(device.state()).toBe('application')
    expect(device.activeImage()).toEqual(content)
    expect(device.dataRequests()).toBe(3)
    client.sendAll(new TextEncoder().encode('update\r\n'))
    await expect.poll(() => device.state(), soon).toBe('bootloader')
  })

  it('takes a block again that it has, asks again for damaged ones, and gives up where one is missing', async () => {
    const [client] = await start()
    expect(await answerTo(client, header(content.length))).toBe(ACK)
    const first = block(1, content.subarray(0, 1024))
    expect(await answerTo(client, first.with(100, 1))).toBe(NAK)
    expect(await answerTo(client, first.with(2, 1))).toBe(NAK)
    expect(await answerTo(client, first.slice(0, 500))).toBe(NAK)
    expect(await answerTo(client, first)).toBe(ACK)
    expect(await answerTo(client, first)).toBe(ACK)
    expect(await answerTo(client, block(3, content.subarray(0, 1024)))).toBe(CAN)
    expect(await client.take(1)).toEqual([CAN])
    await textOf(client, 'Aborted')
  })

  it('is cancelled by two CAN, and begins anew', async () => {
    const [client, device] = await start()
    expect(await answerTo(client, header(content.length))).toBe(ACK)
    client.send(CAN, CAN)
    expect(await answerTo(client, header(200))).toBe(ACK)
    expect(device.stored()).toBeNull()
  })

  it('cancels what is larger than its flash, or shorter than was said', async () => {
    const [client] = await start({ flashBytes: 4096 })
    expect(await answerTo(client, header(5000))).toBe(CAN)
    await client.take(1)
    expect(await answerTo(client, header(3000))).toBe(ACK)
    expect(await answerTo(client, block(1, content.subarray(0, 1024)))).toBe(ACK)
    expect(await answerTo(client, [EOT])).toBe(NAK)
    expect(await answerTo(client, [EOT])).toBe(ACK)
    expect(await answerTo(client, [])).toBe(CAN)
  })

  it('waits for a key where it has a menu', async () => {
    const [client] = await start({ hasMenu: true })
    client.send(0x78)
    await new Promise(resolve => setTimeout(resolve, 60))
    expect(client.received().includes(C)).toBe(false)
    client.send(0x75)
    await expect.poll(() => client.received().includes(C), soon).toBe(true)
  })
})

describe('a bootloader that receives XMODEM', () => {
  it.each([false, true])('keeps the padding, as it knows no size (8-bit sum: %s)', async hasChecksum => {
    const [client, device] = await start({ protocol: 'xmodem', hasChecksum })
    await expect.poll(() => client.received().includes(hasChecksum ? NAK : C), soon).toBe(true)
    // What invited it before is out of the way.
    await client.take(client.received().length)
    client.send(...block(1, content.subarray(0, 100), hasChecksum))
    await expect.poll(() => client.received().includes(ACK), soon).toBe(true)
    await client.take(client.received().length)
    expect(await answerTo(client, [EOT])).toBe(ACK)
    await textOf(client, 'Programming ok')
    expect(device.stored()).toHaveLength(128)
    expect(device.stored()?.subarray(0, 102)).toEqual(Uint8Array.of(...content.subarray(0, 100), 0x1a, 0x1a))
  })

  it('keeps what it has until a block comes', async () => {
    const [client, device] = await start({ protocol: 'xmodem' })
    expect(await answerTo(client, block(1, content.subarray(0, 100)))).toBe(ACK)
    expect(await answerTo(client, [EOT])).toBe(ACK)
    await textOf(client, 'app started')
    await device.reboot()
    expect(device.state()).toBe('bootloader')
    expect(device.stored()).toHaveLength(128)
  })
})

describe('faults of a bootloader that receives YMODEM', () => {
  it('refuse, cancel, and take without a word', async () => {
    const refusal = { name: 'nak-block', n: 1 }
    const silence = { name: 'lost-ack', n: 2 }
    const cancel = { name: 'can-at', n: 3 }
    const [client] = await start({ faults: [refusal, silence, cancel] })
    expect(await answerTo(client, header(content.length))).toBe(ACK)
    const blocks = [1, 2, 3].map(number => block(number, content.subarray((number - 1) * 1024, number * 1024)))
    expect(await answerTo(client, blocks[0] ?? [])).toBe(NAK)
    expect(await answerTo(client, blocks[0] ?? [])).toBe(ACK)
    client.send(...(blocks[1] ?? []))
    await new Promise(resolve => setTimeout(resolve, 30))
    expect(client.received()).toHaveLength(0)
    expect(await answerTo(client, blocks[1] ?? [])).toBe(ACK)
    expect(await answerTo(client, blocks[2] ?? [])).toBe(CAN)
  })

  it('find the program wrong at the end, and store another one without a word', async () => {
    for (const name of ['bad-final', 'liar']) {
      const [client, device] = await start({ faults: [{ name }] })
      expect(await answerTo(client, header(content.length))).toBe(ACK)
      await sendBlocks(client)
      await answerTo(client, [EOT])
      await answerTo(client, [EOT])
      expect(await answerTo(client, block(0, new Uint8Array()))).toBe(ACK)
      await textOf(client, name === 'liar' ? 'Programming ok' : 'verify failed')
      if (name === 'liar') expect(device.stored()).not.toEqual(content)
      else expect([device.stored(), device.state()]).toEqual([null, 'bootloader'])
    }
  })

  it('restart it at a block', async () => {
    const fault = { name: 'reboot', n: 2 }
    const [client, device] = await start({ faults: [fault] })
    expect(await answerTo(client, header(content.length))).toBe(ACK)
    expect(await answerTo(client, block(1, content.subarray(0, 1024)))).toBe(ACK)
    client.send(...block(2, content.subarray(1024, 2048)))
    await textOf(client, 'Practice bootloader')
    expect(device.stored()).toBeNull()
  })
})
