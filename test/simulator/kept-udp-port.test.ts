import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { findFreePortPair, KeptUdpPort } from '../../src/simulator/board/kept-udp-port.ts'
import { ManualClock } from './manual-clock.ts'

const open: { close(): unknown }[] = []
afterEach(() => {
  for (const thing of open.splice(0)) thing.close()
})

async function socketOn(port: number): Promise<Socket> {
  const socket = createSocket('udp4')
  open.push(socket)
  socket.bind(port, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}

function keptPort(clock: ManualClock, onMessage: (text: string) => void = () => undefined): KeptUdpPort {
  const kept = new KeptUdpPort(0, clock, message => {
    onMessage(message.toString())
  })
  open.push({
    close: () => {
      kept.shut()
    },
  })
  return kept
}

describe('the UDP port of a board', () => {
  it('keeps its number, and waits for it when somebody else has it meanwhile', async () => {
    const clock = new ManualClock()
    const heard: string[] = []
    const kept = keptPort(clock, text => heard.push(text))
    await kept.open()
    const { number } = kept
    kept.shut()
    const thief = await socketOn(number)
    const opened = kept.open()
    await clock.runNext()
    await clock.untilAwaited()
    thief.close()
    open.splice(open.indexOf(thief), 1)
    await clock.runNext()
    await opened
    expect(kept.number).toBe(number)
    const sender = await socketOn(0)
    sender.send('invitation', number, '127.0.0.1')
    await expect.poll(() => heard, { interval: 1 }).toEqual(['invitation'])
  })

  it('stays shut when it was shut while it waited', async () => {
    const clock = new ManualClock()
    const kept = keptPort(clock)
    await kept.open()
    kept.shut()
    await socketOn(kept.number)
    const opened = kept.open()
    await clock.untilAwaited()
    kept.shut()
    await clock.runNext()
    await opened
    kept.send('nobody sends this', { address: '127.0.0.1', port: kept.number })
  })

  it('can have the number of a free TCP port', async () => {
    expect(await findFreePortPair()).toBeGreaterThan(1023)
  })
})
