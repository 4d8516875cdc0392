import { EventEmitter } from 'node:events'
import { SerialPort } from 'serialport'
import { describe, expect, it } from 'vitest'
import { repairPoller } from '../../../src/core/links/serialport-poller.ts'
import { ptyDevicesOfThisFile, socat } from './pty-device.ts'

const events = { readable: 1, writable: 2, disconnect: 4 } as const

/** Works as serialport’s does: each wait asks libuv for one event, which replaces what was asked for before. */
function makePollerClass() {
  return class Poller extends EventEmitter {
    readonly asked: number[] = []
    readonly poller = {
      poll: (flags: number): void => {
        this.asked.push(flags)
      },
    }
    override once(event: keyof typeof events, listener: () => void): this {
      this.poll(events[event])
      return super.once(event, listener)
    }
    poll(flag = 0): void {
      this.poller.poll(flag)
    }
  }
}

describe('the repair of serialport’s poller', () => {
  it('keeps a wait for room in the buffer when a wait for bytes begins', () => {
    const poller = new (makePollerClass())()
    expect(repairPoller({ poller })).toBe(true)
    poller.once('writable', () => undefined)
    poller.once('readable', () => undefined)
    expect(poller.asked).toEqual([2, 3])
    poller.emit('writable')
    poller.once('readable', () => undefined)
    expect(poller.asked).toEqual([2, 3, 1])
  })

  it('is done once for a class', () => {
    const Poller = makePollerClass()
    expect(repairPoller({ poller: new Poller() })).toBe(true)
    const poll = Object.getOwnPropertyDescriptor(Poller.prototype, 'poll')?.value as unknown
    expect(repairPoller({ poller: new Poller() })).toBe(true)
    expect(Object.getOwnPropertyDescriptor(Poller.prototype, 'poll')?.value).toBe(poll)
  })

  it.each([null, 'text', {}, { poller: null }, { poller: {} }, { poller: { poll: () => undefined } }])(
    'leaves a binding alone that looks different: %j',
    binding => {
      expect(repairPoller(binding)).toBe(false)
    },
  )
})

describe.skipIf(socat === null)('the repair of serialport’s poller, on the real one', () => {
  const startDevice = ptyDevicesOfThisFile()

  async function open(path: string): Promise<SerialPort> {
    const port = new SerialPort({ path, baudRate: 115_200, autoOpen: false })
    port.on('error', () => undefined)
    await new Promise<void>((resolve, reject) => {
      port.open(error => {
        if (error === null) resolve()
        else reject(error)
      })
    })
    return port
  }

  it('lets blocks pass that are larger than the buffer, which stalls most such runs without it', async () => {
    const { path, socket } = await startDevice()
    const port = await open(path)
    // The installed version has what is repaired.
    expect(repairPoller(port.port)).toBe(true)
    const blockBytes = 16 * 1024
    const blocks = 200
    const outstanding = 4
    let takenBytes = 0
    socket.on('data', piece => {
      const before = Math.floor(takenBytes / blockBytes)
      takenBytes += piece.length
      socket.write('.'.repeat(Math.floor(takenBytes / blockBytes) - before))
    })
    let written = 0
    let answered = 0
    const writeMore = (): void => {
      for (; written < blocks && written - answered < outstanding; written++) port.write(Buffer.alloc(blockBytes))
    }
    port.on('data', (piece: Uint8Array) => {
      answered += piece.length
      writeMore()
    })
    writeMore()
    await expect.poll(() => answered, { timeout: 20_000 }).toBe(blocks)
    await new Promise(resolve => {
      port.close(resolve)
    })
  })
})
