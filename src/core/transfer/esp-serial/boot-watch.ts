/**
 * Listens to a board's first words after its restart: which app starts, whether it starts again and again. What the board
 * prints is its own word; the flash was proven before.
 */
import type { EvidenceFact } from '../../../shared/contract/models.ts'
import { asFlashproofError, hasErrorCode } from '../../../shared/errors.ts'
import type { Clock } from '../../clock.ts'
import type { AppDescriptor } from '../../formats/esp-image/app-descriptor.ts'
import type { ByteLink } from '../../links/byte-link.ts'
import { parseDeviceLine, type DeviceFact } from '../../telemetry/serial-log/device-line.ts'
import { LineSplitter } from '../../telemetry/serial-log/line-splitter.ts'
import { ELF_HASH_METHOD } from '../evidence.ts'

const LONGEST_READ_MS = 250
/** ESP-IDF prints the first 9 digits, older ones 16; fewer say too little. */
const FEWEST_DIGITS = 8

export interface BootStory {
  /** How often the chip started since the watch began, by the ROM's own line. */
  starts: number
  project: string | null
  version: string | null
  /** The beginning of the app's ELF hash, in lower case. */
  elfPrefix: string | null
  /** The last crash or failed start, in the board's words; null where all went well so far. */
  trouble: string | null
  /** Whether ROM or bootloader found nothing to start, and no program named itself after it. */
  hasNothingToStart: boolean
  /** Why nothing more was heard; null while the line is there. */
  lost: string | null
}

export class BootWatch {
  readonly story: BootStory = {
    starts: 0,
    project: null,
    version: null,
    elfPrefix: null,
    trouble: null,
    hasNothingToStart: false,
    lost: null,
  }
  readonly #link: ByteLink
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #lines = new LineSplitter()
  readonly #onLine: (text: string) => void

  constructor(link: ByteLink, parts: { clock: Clock; signal: AbortSignal; onLine: (text: string) => void }) {
    this.#link = link
    this.#clock = parts.clock
    this.#signal = parts.signal
    this.#onLine = parts.onLine
  }

  /** Listens for that long, or until `isEnough`. Never throws for a line that goes away: `lost` says it. */
  async listen(forMs: number, isEnough: (story: BootStory) => boolean): Promise<void> {
    const untilMs = this.#clock.monotonicMs() + forMs
    while (this.story.lost === null && !isEnough(this.story)) {
      const leftMs = untilMs - this.#clock.monotonicMs()
      if (leftMs <= 0) return
      try {
        const waiting = { timeoutMs: Math.min(leftMs, LONGEST_READ_MS), signal: this.#signal }
        this.#take(await this.#link.readSome(waiting))
      } catch (thrown) {
        this.#signal.throwIfAborted()
        if (!hasErrorCode(thrown, 'network.timeout')) this.story.lost = asFlashproofError(thrown).message
      }
    }
  }

  #take(bytes: Uint8Array): void {
    for (const { whole } of this.#lines.push(bytes)) {
      if (whole.trim() === '') continue
      this.#onLine(whole)
      const { fact } = parseDeviceLine(whole)
      if (fact !== null) note(this.story, fact, whole)
    }
  }
}

function note(story: BootStory, fact: DeviceFact, line: string): void {
  switch (fact.kind) {
    case 'reset':
      story.starts++
      break
    case 'app':
      story.hasNothingToStart = false
      if (fact.field === 'version') story.version = fact.value
      else if (fact.field === 'project') story.project = fact.value
      else if (fact.value.length >= FEWEST_DIGITS) story.elfPrefix = fact.value
      break
    case 'boot-failure':
      story.hasNothingToStart = true
      story.trouble = line.trim()
      break
    case 'download-wait':
    case 'panic':
    case 'abort':
    case 'assert':
    case 'stack-overflow':
    case 'heap-corruption':
    case 'brownout':
      story.trouble = line.trim()
      break
    default:
  }
}

/** Whether the board crashed, found nothing to start, or started over by itself. */
export function isUnwell({ starts, trouble }: BootStory): boolean {
  return trouble !== null || starts > 1
}

/**
 * What the board's words say of the image that should run; null where they say nothing that is sure. A word that fits
 * neither our image nor any other that is known on this board may be noise on the line, and counts only when the version
 * speaks against ours as well.
 * @param before the app that ran before, as it lay in flash
 * @param others apps that lie in the board's other slots
 */
export function readRunning(
  story: BootStory,
  ours: AppDescriptor,
  before: AppDescriptor | null,
  others: readonly AppDescriptor[],
): Omit<EvidenceFact, 'at'> | null {
  const common = { level: 'running', basis: 'device-said' } as const
  const { elfPrefix, version } = story
  if (elfPrefix !== null) {
    const isOurs = ours.elfSha256.startsWith(elfPrefix)
    const isOther = others.some(({ elfSha256 }) => elfSha256.startsWith(elfPrefix))
    if (isOurs || isOther || (version !== null && version !== ours.version)) {
      const fresh = before !== null && !before.elfSha256.startsWith(elfPrefix)
      return { ...common, method: ELF_HASH_METHOD, value: elfPrefix, matches: isOurs, fresh }
    }
    return null
  }
  if (version === null) return null
  const isOurs = version === ours.version
  if (!isOurs && !others.some(other => other.version === version)) return null
  return { ...common, method: 'version-text', value: version, matches: isOurs, fresh: before?.version !== version }
}
