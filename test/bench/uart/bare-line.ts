/**
 * The exchange of a protocol without the protocol: so many bytes, an answer of so many, again and again. What this keeps of a
 * line is what two processes and the line between them can keep at all, on this computer at this moment.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { openUartPort } from '../../../src/simulator/uart/uart-port.ts'
import type { UartLine, UartPort, UartWire } from '../../../src/simulator/uart/uart.ts'

/** One question and its answer, in bytes. */
export interface Exchange {
  readonly asks: number
  readonly answers: number
}

export interface BareLine {
  readonly line: UartLine
  readonly latencyMs: number
  /** Of one block. */
  readonly exchanges: readonly Exchange[]
}

/** A port with something on it that counts bytes and answers. */
export function openBareLine({ line, latencyMs, exchanges }: BareLine): Promise<UartPort> {
  let wire: UartWire | null = null
  let index = 0
  let heard = 0
  return openUartPort({
    carrier: 'raw',
    keepsRate: true,
    latencyMs,
    peripheral: {
      attach: attached => {
        wire = attached
        wire.setLine(line)
      },
      onBytes: bytes => {
        heard += bytes.length
        const exchange = exchanges[index]
        if (exchange === undefined || heard < exchange.asks) return
        heard = 0
        index = (index + 1) % exchanges.length
        wire?.send(new Uint8Array(exchange.answers))
      },
      onLines: () => undefined,
    },
  })
}

/** @returns milliseconds a block */
export async function measureBareLine(target: string, exchanges: readonly Exchange[], blocks: number): Promise<number> {
  const { hostname, port } = new URL(target.replace('tcp:', 'http:'))
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  await once(socket, 'connect')
  let wanted = 0
  let answered = (): void => undefined
  socket.on('data', bytes => {
    wanted -= bytes.length
    if (wanted <= 0) answered()
  })
  const startedMs = performance.now()
  for (let block = 0; block < blocks; block++) {
    for (const { asks, answers } of exchanges) {
      await new Promise<void>(resolve => {
        wanted = answers
        answered = resolve
        socket.write(new Uint8Array(asks))
      })
    }
  }
  const spentMs = performance.now() - startedMs
  socket.destroy()
  return spentMs / blocks
}
