/**
 * Finds ports on which nobody listens yet: a pulling device knows the port of a server that is opened later. They lie below
 * those that the system gives to outgoing connections, so that it does not give them away meanwhile.
 */
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { listenAddress } from '../board/listen-address.ts'

const FIRST_PORT = 20_000
const END_PORT = 32_000
const ATTEMPTS = 200
/** Given out by this process: not twice. */
const given = new Set<number>()

/** @throws {Error} when none is found */
export async function findFreePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = randomInt(FIRST_PORT, END_PORT)
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
  throw new Error('no free port was found')
}

export function releasePort(port: number): void {
  given.delete(port)
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise(resolve => {
    server.once('error', () => {
      resolve(false)
    })
    server.listen(port, listenAddress(), () => {
      server.close(() => {
        resolve(true)
      })
    })
  })
}
