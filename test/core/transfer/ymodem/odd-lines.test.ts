/** Jobs on lines behind which no honest receiver stands: they end soon, with what was found, and never as taken. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JobSnapshot } from '../../../../src/shared/contract/models.ts'
import { suitePolicy } from '../../../conformance/suite-policy.ts'
import { demoImage, openBench, type Bench } from '../../../fakes/bench.ts'

const [SOH, STX, EOT, ACK, NAK, CAPITAL_C] = [0x01, 0x02, 0x04, 0x06, 0x15, 0x43]
const ask = Uint8Array.of(CAPITAL_C)

describe.concurrent('a line', () => {
  let bench: Bench
  const servers: Server[] = []
  const sockets = new Set<Socket>()

  beforeAll(async () => {
    bench = await openBench({ retryPolicy: suitePolicy })
  })
  afterAll(async () => {
    for (const socket of sockets) socket.destroy()
    for (const server of servers) server.close()
    await bench.close()
  })

  async function send(serve: (socket: Socket) => void): Promise<JobSnapshot> {
    const listening = createServer({ noDelay: true }, socket => {
      sockets.add(socket)
      socket.on('error', () => undefined)
      serve(socket)
    })
    servers.push(listening)
    await new Promise<void>(resolve => {
      listening.listen(0, '127.0.0.1', resolve)
    })
    const target = `tcp://127.0.0.1:${String((listening.address() as AddressInfo).port)}`
    const order = { targets: [target], protocol: 'ymodem', options: { waitSeconds: 3 } }
    const [job] = await bench.flash(order, demoImage(5000))
    if (job === undefined) throw new Error('no job')
    return job
  }

  it('that gives back what is sent is named as such, once', async () => {
    const job = await send(socket => {
      socket.write(ask)
      socket.on('data', bytes => socket.write(bytes))
    })
    expect(job).toMatchObject({ state: 'failed', verdict: null, attempts: 1, error: { code: 'loader.no-answer' } })
    expect(job.error?.message).toContain('gives back what is sent')
  })

  it('that acknowledges without end, whatever is sent, is not believed', async () => {
    const job = await send(socket => {
      socket.write(ask)
      const flood = setInterval(
        () => socket.write(Uint8Array.from({ length: 64 }, (_, at) => (at % 2 ? ACK : CAPITAL_C))),
        2,
      )
      socket.on('close', () => {
        clearInterval(flood)
      })
    })
    expect(job.verdict).toBeNull()
    expect(job.evidence.filter(({ level }) => level === 'acknowledged')).toEqual([])
    expect(job.error).not.toBeNull()
  })

  it('that asks without end, and takes nothing, ends the job soon', async () => {
    const job = await send(socket => {
      const flood = setInterval(() => socket.write(new Uint8Array(64).fill(CAPITAL_C)), 2)
      socket.on('close', () => {
        clearInterval(flood)
      })
    })
    expect(job).toMatchObject({ state: 'failed', verdict: null })
  })

  it('that never acknowledges the end leaves it open whether the file was taken', async () => {
    const job = await send(socket => {
      socket.write(ask)
      let pending = Buffer.alloc(0)
      socket.on('data', bytes => {
        pending = Buffer.concat([pending, bytes])
        for (;;) {
          const sizeBytes = pending[0] === SOH ? 133 : pending[0] === STX ? 1029 : 1
          if (pending.length < sizeBytes) return
          const isName = pending[0] !== EOT && pending[1] === 0 && pending[2] === 0xff
          if (sizeBytes > 1) socket.write(isName ? Uint8Array.of(ACK, CAPITAL_C) : Uint8Array.of(ACK))
          pending = pending.subarray(sizeBytes)
          if (pending.length === 0) return
        }
      })
    })
    expect(job.verdict).not.toBe('proven')
    expect(job.verdict).not.toBe('acknowledged')
    expect(job.boardNow).toBe('unknown')
  })

  it('whose first ask for the name was a late one gets the name again', async () => {
    let names = 0
    const job = await send(socket => {
      socket.write(ask)
      let isTaken = false
      socket.on('data', bytes => {
        if (bytes[0] === SOH && bytes[1] === 0) {
          names++
          if (names > 1 && !isTaken) {
            isTaken = true
            socket.write(Uint8Array.of(ACK, CAPITAL_C))
          } else socket.write(new Uint8Array(3).fill(CAPITAL_C))
          return
        }
        socket.write(Uint8Array.of(bytes[0] === EOT || bytes[0] === STX || bytes[0] === SOH ? ACK : NAK))
      })
    })
    expect([job.error, job.verdict]).toEqual([null, 'acknowledged'])
    expect(job.retries).toBe(1)
  })
})
