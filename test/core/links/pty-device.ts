/** A device of a test behind a real terminal: what it does stands in the test, and socat joins the two. */
import { createServer, type Socket } from 'node:net'
import { afterEach } from 'vitest'
import { PtyBridge } from '../../../src/simulator/uart/pty-bridge.ts'
import { requireTool } from '../../reference/tools.ts'

/** Null: these tests are skipped. */
export const socat = requireTool('socat')

export interface PtyDevice {
  readonly path: string
  /** The device's end of the line. */
  readonly socket: Socket
  /** As when the cable is pulled. */
  unplug(): Promise<void>
}

/** Gives a function that starts devices, which end with the test. */
export function ptyDevicesOfThisFile(): () => Promise<PtyDevice> {
  const closers: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close()
  })
  return async () => {
    const { promise: connected, resolve } = Promise.withResolvers<Socket>()
    const server = createServer({ noDelay: true }, socket => {
      socket.on('error', () => undefined)
      resolve(socket)
    })
    await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const bridge = new PtyBridge()
    await bridge.open(`127.0.0.1:${String(port)}`)
    const socket = await connected
    const unplug = async (): Promise<void> => {
      socket.destroy()
      await bridge.shut()
    }
    closers.push(async () => {
      await unplug()
      server.close()
    })
    return { path: bridge.path, socket, unplug }
  }
}
