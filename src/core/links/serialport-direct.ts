/**
 * Lets serialport 13 read and write at once on Linux. As shipped, each reading and each writing goes through the thread
 * pool of Node, twice around for a one-byte answer, and behind every file that is hashed or written to the disk meanwhile.
 * The port is opened not to block, so that the calls can be made right away; docs/decisions/0018-serial-ports-and-rfc2217.md
 * has the measurements.
 */
import { readFileSync, readSync, writeSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { hasMethods } from './object-shape.ts'

/** So many readings in a row that all found something: then whatever else waits has its turn. */
const MOST_IN_A_ROW = 4
/** `O_NONBLOCK` on Linux. */
const NONBLOCK = 0o4000

/** What the binding of an open port is known to have. */
interface BindingShape {
  readonly fd: number | null
  readonly isOpen: boolean
  readonly poller: { once(event: 'readable', callback: (error: Error | null) => void): unknown }
  read(buffer: Buffer, offset: number, length: number): Promise<{ buffer: Buffer; bytesRead: number }>
  write(buffer: Buffer): Promise<void>
}

/**
 * Makes the port read and write without the thread pool. Whatever is not plain success is left to the binding's own ways.
 * @param binding what `SerialPort.port` holds while the port is open
 * @returns false where the port may block, or a later binding looks different: all stays as it was
 */
export function readAndWriteDirectly(binding: unknown): boolean {
  if (!isBinding(binding) || binding.fd === null || !neverBlocks(binding.fd)) return false
  const own = { read: binding.read.bind(binding), write: binding.write.bind(binding) }
  let inARow = 0
  binding.read = async (buffer, offset, length) => {
    if (++inARow > MOST_IN_A_ROW) {
      inARow = 0
      await turn()
    }
    for (;;) {
      const bytesRead =
        binding.fd === null ? null : attempt(binding.fd, fd => readSync(fd, buffer, offset, length, null))
      // Nothing at all is how the far end of a pty says that it is gone.
      if (bytesRead === null || bytesRead === 0 || !binding.isOpen) return await own.read(buffer, offset, length)
      if (bytesRead !== 'later') return { buffer, bytesRead }
      inARow = 0
      await new Promise<void>((resolve, reject) => {
        binding.poller.once('readable', error => {
          if (error === null) resolve()
          else reject(error)
        })
      })
    }
  }
  binding.write = async buffer => {
    const written = binding.fd === null ? null : attempt(binding.fd, fd => writeSync(fd, buffer))
    const done = typeof written === 'number' ? written : 0
    if (done < buffer.length || buffer.length === 0) await own.write(buffer.subarray(done))
  }
  return true
}

/** @returns `later` when the system has nothing to give or to take now, null for every other failure */
function attempt(fd: number, call: (fd: number) => number): number | 'later' | null {
  try {
    return call(fd)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EAGAIN' ? 'later' : null
  }
}

function neverBlocks(fd: number): boolean {
  if (process.platform !== 'linux') return false
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${String(fd)}`, 'latin1'))
    return flags !== null && (parseInt(flags[1] ?? '', 8) & NONBLOCK) !== 0
  } catch {
    return false
  }
}

function isBinding(binding: unknown): binding is BindingShape {
  return (
    hasMethods(binding, 'read', 'write') &&
    'fd' in binding &&
    typeof binding.fd === 'number' &&
    'isOpen' in binding &&
    'poller' in binding &&
    hasMethods(binding.poller, 'once')
  )
}
