/** Who holds a job or a device: a process, told apart from a later one that got the same process id. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'

export interface Owner {
  readonly pid: number
  /** When the process began, in the system's own words; empty when the system does not tell. */
  readonly processStart: string
  /** Differs after every start of the computer; empty when the system does not tell. */
  readonly bootId: string
  readonly hostName: string
}

let own: Owner | null = null

/** This process as an owner; asked once, it never changes. */
export function currentOwner(): Owner {
  own ??= { pid: process.pid, processStart: processStartOf(process.pid) ?? '', bootId: bootId(), hostName: hostname() }
  return own
}

/**
 * Whether the process that `owner` names still runs. Another computer's process (other host and other boot) cannot be
 * asked and counts as alive: two writers to one board are worse than a lease that has to be freed by hand.
 */
export function isOwnerAlive(owner: Owner): boolean {
  const me = currentOwner()
  const bootKnown = owner.bootId !== '' && me.bootId !== ''
  if (bootKnown && owner.bootId !== me.bootId) return owner.hostName !== me.hostName
  if (!bootKnown && owner.hostName !== me.hostName) return true
  const start = processStartOf(owner.pid)
  if (start === null) return false
  return owner.processStart === '' || start === '' || start === owner.processStart
}

export function isSameOwner(left: Owner, right: Owner): boolean {
  return (
    left.pid === right.pid &&
    left.processStart === right.processStart &&
    left.bootId === right.bootId &&
    left.hostName === right.hostName
  )
}

/** When a process began; null when there is no such process, empty when it runs but its start is not told. */
export function processStartOf(pid: number): string | null {
  if (process.platform === 'linux') return linuxProcessStart(pid)
  if (!answersSignal(pid)) return null
  try {
    // `ps` of macOS and the BSDs; on Windows the start stays unknown and the process id alone decides.
    if (process.platform === 'win32') return ''
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', timeout: 2_000 }).trim()
  } catch {
    return ''
  }
}

function linuxProcessStart(pid: number): string | null {
  let stat: string
  try {
    stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1')
  } catch {
    return null
  }
  // The name in parentheses may hold spaces and parentheses itself; fields 3 and on follow the last one. Field 3 is the
  // state, field 22 the start in clock ticks since boot (proc_pid_stat(5)).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const state = fields[0]
  // A zombie has ended; only its parent has not asked for the exit code yet.
  if (state === 'Z' || state === 'X') return null
  return fields[19] ?? ''
}

function answersSignal(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // The process exists and belongs to another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

function bootId(): string {
  try {
    if (process.platform === 'linux') return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    if (process.platform === 'darwin') {
      return execFileSync('sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'utf8', timeout: 2_000 }).trim()
    }
  } catch {
    // Best effort: an unknown boot leaves the process id and start to decide.
  }
  return ''
}

/** Reads an owner from its stored JSON; null for an absent or foreign value. */
export function parseOwner(text: string | null): Owner | null {
  if (text === null) return null
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null) return null
  const fields = new Map<string, unknown>(Object.entries(value))
  const pid = fields.get('pid')
  const processStart = fields.get('processStart')
  const boot = fields.get('bootId')
  const hostName = fields.get('hostName')
  if (typeof pid !== 'number' || typeof processStart !== 'string') return null
  if (typeof boot !== 'string' || typeof hostName !== 'string') return null
  return { pid, processStart, bootId: boot, hostName }
}
