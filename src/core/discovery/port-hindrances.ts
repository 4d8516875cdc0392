/** Says why a serial port that is there cannot be used, or not for long: rights, and programs that take such ports. */
import { constants, existsSync } from 'node:fs'
import { access, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { LocalText } from '../../shared/messages/index.ts'
import type { Clock } from '../clock.ts'
import { findHolders } from '../links/port-facts.ts'
import type { PortHolder } from '../links/port-faults.ts'
import { listPrograms } from '../running-programs.ts'
import type { UsbSerialAdapter } from './usb-serial-adapters.ts'

/** Reading every program costs more than a look at the ports. */
const PROGRAMS_EVERY_MS = 30_000
/** So does walking through what all programs have open. */
const HOLDERS_EVERY_MS = 15_000
const RULE_NAME = '60-flashproof-serial.rules'
const RULE_FOLDERS = ['etc/udev/rules.d', 'usr/lib/udev/rules.d', 'lib/udev/rules.d']

export interface HindranceWorld {
  readonly clock: Clock
  readonly platform: NodeJS.Platform
  /** In front of every absolute path: a test's own tree of files. */
  readonly root: string
  /** Who has a port open, as far as this user may see. */
  readonly findHolders?: (path: string) => Promise<readonly PortHolder[]>
  /** As of `node:fs`, which never refuses the superuser. */
  readonly access?: (path: string, mode: number) => Promise<void>
}

export class PortHindrances {
  readonly #world: HindranceWorld
  #programs: readonly string[] = []
  #lookedMs: number | null = null
  readonly #holders = new Map<string, { readonly lookedMs: number; readonly holders: readonly PortHolder[] }>()

  constructor(world: HindranceWorld) {
    this.#world = world
  }

  /** Resolves with what is in the way of one port, the worst first; looks, but opens nothing. */
  async of(path: string, adapter: UsbSerialAdapter | null): Promise<LocalText[]> {
    // Other systems give the ports to everybody; who holds one shows only when it is opened.
    if (this.#world.platform !== 'linux') return []
    const notes = await this.#rightsTo(path)
    const programs = await this.#runningPrograms()
    const holders = await this.#holdersOf(path)
    if (holders.length > 0) notes.push(isHeld(holders))
    if (adapter?.isTakenByBrltty === true && programs.includes('brltty')) notes.push(brlttyRuns)
    if (programs.includes('modemmanager') && !hasPortRule(this.#world.root)) notes.push(modemManagerRuns)
    return notes
  }

  async #rightsTo(path: string): Promise<LocalText[]> {
    const place = join(this.#world.root, path)
    try {
      await (this.#world.access ?? access)(place, constants.R_OK | constants.W_OK)
      return []
    } catch (error) {
      // One that went away meanwhile is no question of rights.
      if (!(error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM'))) return []
    }
    const group = await this.#groupOf(place)
    return [noRight(group)]
  }

  async #groupOf(place: string): Promise<string> {
    const { gid } = await stat(place).catch(() => ({ gid: -1 }))
    const groups = await readFile(join(this.#world.root, 'etc/group'), 'utf8').catch(() => '')
    const line = groups.split('\n').find(text => text.split(':')[2] === String(gid))
    return line?.split(':')[0] ?? 'dialout'
  }

  /** Our own programs take a port for a job or a monitor and give it back, which is shown elsewhere. */
  async #holdersOf(path: string): Promise<readonly PortHolder[]> {
    const nowMs = this.#world.clock.monotonicMs()
    const known = this.#holders.get(path)
    if (known !== undefined && nowMs - known.lookedMs < HOLDERS_EVERY_MS) return known.holders
    const found = await (this.#world.findHolders ?? findHolders)(path)
    const holders = found.filter(({ pid }) => pid !== process.pid)
    this.#holders.set(path, { lookedMs: nowMs, holders })
    return holders
  }

  async #runningPrograms(): Promise<readonly string[]> {
    const nowMs = this.#world.clock.monotonicMs()
    if (this.#lookedMs === null || nowMs - this.#lookedMs >= PROGRAMS_EVERY_MS) {
      this.#lookedMs = nowMs
      this.#programs = ((await listPrograms(this.#world.root)) ?? []).map(name => name.toLowerCase())
    }
    return this.#programs
  }
}

/** Whether the udev rule of Flashproof is installed. @param root in front of every absolute path */
export function hasPortRule(root: string): boolean {
  return RULE_FOLDERS.some(folder => existsSync(join(root, folder, RULE_NAME)))
}

function noRight(group: string): LocalText {
  return {
    en: `This user may not open it. Install the udev rule of Flashproof, or: sudo usermod -aG ${group} $USER, then sign in again.`,
    vi: `Người dùng này không được mở cổng. Hãy cài luật udev của Flashproof, hoặc: sudo usermod -aG ${group} $USER rồi đăng nhập lại.`,
  }
}

function isHeld(holders: readonly PortHolder[]): LocalText {
  const list = holders.map(({ command, pid }) => `${command} (${String(pid)})`).join(', ')
  return { en: `${list} has it open. Close it before writing.`, vi: `${list} đang mở cổng. Hãy đóng trước khi ghi.` }
}

const brlttyRuns: LocalText = {
  en: 'brltty runs and takes this adapter for a braille display. On a bench PC remove it: sudo apt remove brltty.',
  vi: 'brltty đang chạy và tưởng bộ chuyển đổi này là màn hình chữ nổi. Trên máy tại bàn làm việc hãy gỡ: sudo apt remove brltty.',
}

const modemManagerRuns: LocalText = {
  en: 'ModemManager runs and may talk into this port. Install the udev rule of Flashproof, which keeps it away.',
  vi: 'ModemManager đang chạy và có thể chen vào cổng này. Hãy cài luật udev của Flashproof để ngăn nó.',
}
