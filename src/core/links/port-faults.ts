/**
 * Judges why a serial port did not open: turns what the system said, and what was found out about the port, into one error
 * with its next step. Pure; port-facts.ts finds out.
 */
import { FlashproofError } from '../../shared/errors.ts'

export interface PortHolder {
  readonly pid: number
  /** Name of the program, as the system lists it. */
  readonly command: string
}

export interface PortFacts {
  readonly platform: NodeJS.Platform
  readonly path: string
  /** What the driver said. */
  readonly systemMessage: string
  /** The node of the port in /dev; null where there is none, or none that can be looked at (Windows). */
  readonly node: {
    readonly isCharacterDevice: boolean
    readonly groupName: string
    readonly isGroupAllowed: boolean
    /** Since it was made or given its rights, which the system does when a board is plugged in. */
    readonly ageMs: number
  } | null
  readonly user: {
    readonly name: string
    /** Belongs to the group of the node, in this session. */
    readonly isInGroup: boolean
    /** Was added to the group, perhaps after this session began. */
    readonly isListedInGroup: boolean
  } | null
  /** Programs that have it open, as far as this user may see. */
  readonly holders: readonly PortHolder[]
  /** Services running here that are known to take serial ports. */
  readonly runningServices: readonly string[]
}

/** Services that open ports by themselves, and what they look for. */
export const takingServices: Readonly<Record<string, string>> = {
  ModemManager: 'it looks for modems',
  brltty: 'it looks for Braille displays',
  gpsd: 'it looks for GPS receivers',
}

const USUAL_SUSPECTS = 'a serial monitor, an IDE, a terminal program, a slicer or another Flashproof'

type Fault = 'missing' | 'busy' | 'denied' | 'not-a-port' | 'other'

/** Tells the kinds of failure apart by the words of serialport 13, which gives no codes. */
export function kindOfFault(systemMessage: string, platform: NodeJS.Platform): Fault {
  if (/no such file|no such device|file not found|ENOENT|ENXIO|ENODEV/i.test(systemMessage)) return 'missing'
  if (/cannot lock port|resource busy|temporarily unavailable|EBUSY/i.test(systemMessage)) return 'busy'
  // Windows says the same of a port that another program has.
  if (/access denied/i.test(systemMessage)) return platform === 'win32' ? 'busy' : 'denied'
  if (/permission denied|operation not permitted|EACCES|EPERM/i.test(systemMessage)) return 'denied'
  return /inappropriate ioctl|not a typewriter|is a directory/i.test(systemMessage) ? 'not-a-port' : 'other'
}

/** Gives the one error that says who or what is in the way and what to do. */
export function judgeOpenFailure(facts: PortFacts): FlashproofError {
  const { path, systemMessage } = facts
  const details = { path, system: systemMessage }
  switch (kindOfFault(systemMessage, facts.platform)) {
    case 'missing': {
      const message = `${path} is not there${brlttyHint(facts)}`
      return new FlashproofError('serial.port-missing', message, details)
    }
    case 'busy':
      return judgeBusy(facts)
    case 'denied':
      return judgeDenied(facts)
    case 'not-a-port':
      return new FlashproofError('serial.port-missing', `${path} is there, but it is no serial port`, details)
    case 'other':
      return new FlashproofError('serial.failed', `${path} did not open: ${systemMessage}`, details)
  }
}

function judgeBusy({ path, systemMessage, holders, runningServices, platform }: PortFacts): FlashproofError {
  const details = { path, system: systemMessage, holders: holders.map(named).join(', ') }
  const service = holders.find(({ command }) => command in takingServices)
  if (service !== undefined) {
    const { command } = service
    const message = `${named(service)} has ${path} open (${takingServices[command] ?? ''}); stop it with: sudo systemctl stop ${command}`
    return new FlashproofError('serial.held-by-service', message, { ...details, service: command })
  }
  if (holders.length > 0) {
    return new FlashproofError('serial.port-busy', `${path} is open in ${holders.map(named).join(', ')}`, details)
  }
  if (platform !== 'linux') {
    return new FlashproofError('serial.port-busy', `${path} is open in another program: ${USUAL_SUSPECTS}`, details)
  }
  const suspects = runningServices.length === 0 ? USUAL_SUSPECTS : `perhaps ${runningServices.join(' or ')}`
  const message = `${path} is open in a program of another user (${suspects}); “sudo fuser -v ${path}” names it`
  return new FlashproofError('serial.port-busy', message, details)
}

function judgeDenied({ path, systemMessage, node, user }: PortFacts): FlashproofError {
  const details = { path, system: systemMessage, group: node?.groupName ?? '', user: user?.name ?? '' }
  const denied = (what: string): FlashproofError =>
    new FlashproofError('serial.permission-denied', `${path}: ${what}`, details)
  if (node === null || user === null) return denied(systemMessage)
  const { groupName } = node
  if (!node.isGroupAllowed || groupName === 'root') return denied(`only root may open it; a udev rule is needed`)
  if (user.isInGroup) return denied(`the system refuses it, though ${user.name} is in the group ${groupName}`)
  if (user.isListedInGroup) {
    return denied(`${user.name} was added to the group ${groupName} after signing in: sign out and in again`)
  }
  return denied(`it belongs to the group ${groupName}; add the user with: sudo usermod -aG ${groupName} ${user.name}`)
}

/** Whether the fault is one that passes by itself shortly after a board is plugged in: probing services, rights not given yet. */
export function passesAfterPlugIn(error: FlashproofError): boolean {
  return ['serial.port-busy', 'serial.held-by-service', 'serial.permission-denied'].includes(error.code)
}

/** The driver of serial ports did not load at all. */
export function judgeDriverFailure(thrown: unknown): FlashproofError {
  const reason = thrown instanceof Error ? thrown.message : String(thrown)
  return new FlashproofError(
    'serial.driver-missing',
    reason.split('\n')[0] ?? '',
    { system: reason },
    { cause: thrown },
  )
}

/** It takes CH340 and similar adapters before they have become ports. */
function brlttyHint({ runningServices }: PortFacts): string {
  return runningServices.includes('brltty')
    ? '; brltty runs here and takes some adapters for Braille displays: sudo apt remove brltty'
    : ''
}

function named({ pid, command }: PortHolder): string {
  return `${command} (process ${String(pid)})`
}
