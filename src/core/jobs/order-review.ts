/**
 * Looks at every target of an order by reading only, and says whether this firmware may go there. The judgement is the
 * protocol's own, the one that its run obeys before the first byte; what holds for every protocol is added here.
 */
import type { RequestOf } from '../../shared/contract/commands.ts'
import type { Inspection, TargetReview, TelemetrySample } from '../../shared/contract/models.ts'
import { asFlashproofError, FlashproofError } from '../../shared/errors.ts'
import { messagesFor, type LocalText } from '../../shared/messages/index.ts'
import { stripControl } from '../../shared/units.ts'
import { isoWithZone, type Clock } from '../clock.ts'
import { isEndpoint, parseTarget, type Endpoint } from '../discovery/target.ts'
import type { HeldLock, Locks } from '../journal/locks.ts'
import { isOwnerAlive } from '../journal/owner.ts'
import { assertOneImage, measureForUpload } from '../transfer/flat-image.ts'
import type { Judgement } from '../transfer/judgement.ts'
import type { ReadingContext, TransferProtocol } from '../transfer/transfer-protocol.ts'
import { compareVersions } from '../transfer/version-order.ts'
import { cleanIdentity } from './board-guard.ts'
import { endpointKey } from './endpoint-key.ts'
import type { FirmwareLibrary, OpenedFirmware } from './firmware-library.ts'
import { identityKey } from './identity.ts'
import { baseFor, candidatesFor, doTakeSegments, nameOnDevice } from './order-intake.ts'
import { assertSecretsKnown, checkOptions, settleOptions } from './order-options.ts'
import { createRedaction } from './redact.ts'
import { detectProtocol } from './protocol-detection.ts'

export interface ReviewWorld {
  readonly firmware: FirmwareLibrary
  readonly protocols: readonly TransferProtocol[]
  readonly locks: Pick<Locks, 'heldLocks'>
  readonly clock: Clock
  /** Turns a name or a MAC into an endpoint. @throws {FlashproofError} target.unknown, target.ambiguous */
  readonly lookUp: (name: string) => Endpoint
  /** What the device list knows that this endpoint speaks. */
  readonly knownProtocols: (endpoint: Endpoint) => readonly string[]
  /** How long one question may take. */
  readonly requestTimeoutMs: number
}

export type ReviewRequest = RequestOf<'order.review'>
type Finding = TargetReview['findings'][number]

/** Targets that are asked at once. */
const CONCURRENT = 32
/** A thousand silent boards are told within the caller's patience. */
const LONGEST_REQUEST_MS = 3000
/** For all questions to one target. */
const LONGEST_TARGET_MS = 12_000
const LONGEST_VERSION = 80

/** @throws {FlashproofError} file.not-found for an unknown firmware, call.aborted; what is wrong with one target is in its review */
export async function reviewOrder(
  request: ReviewRequest,
  world: ReviewWorld,
  signal: AbortSignal,
): Promise<TargetReview[]> {
  const firmware = world.firmware.get(request.firmwareId)
  const held = world.locks.heldLocks().filter(lock => isOwnerAlive(lock.owner))
  const seen = new Set<string>()
  const reviews: TargetReview[] = []
  let next = 0
  const work = async (): Promise<void> => {
    for (let index = next++; index < request.targets.length; index = next++) {
      signal.throwIfAborted()
      reviews[index] = await reviewTarget(request.targets[index] ?? '', {
        request,
        firmware,
        world,
        held,
        seen,
        signal,
      })
    }
  }
  await Promise.all(Array.from({ length: Math.min(CONCURRENT, request.targets.length) }, work))
  return reviews
}

interface ReviewParts {
  readonly request: ReviewRequest
  readonly firmware: OpenedFirmware
  readonly world: ReviewWorld
  readonly held: readonly HeldLock[]
  /** Ways to boards that this order names already. */
  readonly seen: Set<string>
  readonly signal: AbortSignal
}

async function reviewTarget(target: string, parts: ReviewParts): Promise<TargetReview> {
  const { inspection } = parts.firmware
  const review: TargetReview = {
    target,
    fits: true,
    heardAt: null,
    protocol: null,
    identity: null,
    appName: null,
    versionNow: null,
    versionNew: inspection.esp?.app?.version ?? null,
    required: null,
    reach: null,
    findings: [],
  }
  const stop = new AbortController()
  const patience = parts.world.clock.delay(LONGEST_TARGET_MS, stop.signal)
  const tooLong = new AbortController()
  patience.then(
    () => {
      tooLong.abort(new FlashproofError('network.timeout', `${target} did not answer in time`, { target }))
    },
    // It was faster.
    () => undefined,
  )
  try {
    await look(review, parts, AbortSignal.any([parts.signal, tooLong.signal]))
  } catch (thrown) {
    parts.signal.throwIfAborted()
    review.findings.push(findingOf({ kind: 'refusal', error: asFlashproofError(thrown) }))
  } finally {
    stop.abort()
  }
  review.fits = review.findings.every(finding => finding.severity !== 'refusal')
  return withoutSecrets(review, parts.request)
}

/** A device may repeat what it was told, and its words stand in a review. */
function withoutSecrets(review: TargetReview, { secrets = {}, targetSecrets = {} }: ReviewRequest): TargetReview {
  const own = Object.hasOwn(targetSecrets, review.target) ? targetSecrets[review.target] : {}
  const redact = createRedaction([...Object.values(secrets), ...Object.values(own ?? {})])
  return { ...redact(review), target: review.target }
}

/** Fills the review in, as far as the target answers. @throws {FlashproofError} why it is refused */
async function look(review: TargetReview, parts: ReviewParts, signal: AbortSignal): Promise<void> {
  const { request, firmware, world } = parts
  const { inspection } = firmware
  const endpoint = endpointOf(review.target, world)
  assertOnlyOnce(endpoint, parts.seen)
  const candidates = candidatesFor(endpoint, request.protocol, world.protocols)
  const ownSecrets = request.targetSecrets?.[review.target] ?? {}
  const given = { options: request.options ?? {}, secrets: request.secrets ?? {}, ownSecrets }
  assertSecretsKnown(given.secrets, request.protocol === undefined ? world.protocols : candidates)
  const checked = checkOptions(given, candidates, nameOnDevice(firmware))
  const base = baseFor(checked.protocol, checked.options)
  const takesSegments = doTakeSegments(candidates, world.knownProtocols(endpoint))
  if (!takesSegments) assertOneImage(inspection)
  const sizeBytes = measureForUpload(firmware.image, firmware.isAddressed, base, takesSegments)
  // A board that is being written is not asked beside the requests of its job.
  assertFree(`endpoint:${endpointKey(endpoint)}`, parts.held)
  const reading: ReadingContext = {
    signal,
    clock: world.clock,
    timeoutMs: Math.min(world.requestTimeoutMs, LONGEST_REQUEST_MS),
  }
  const { protocol } = await detectProtocol({
    endpoint,
    wanted: request.protocol ?? null,
    protocols: world.protocols,
    known: world.knownProtocols(endpoint),
    ...reading,
  })
  review.protocol = protocol.descriptor.id
  // Again, for the one protocol that it is: an option that only another candidate takes is refused.
  const settled = settleOptions(given, protocol, nameOnDevice(firmware))
  const found = await protocol.review(
    {
      endpoint,
      image: { fileName: nameOnDevice(firmware), sizeBytes, inspection, segments: firmware.image.segments },
      options: { ...settled.options, ...settled.secrets },
      requiredLevel: request.require ?? null,
    },
    reading,
  )
  review.heardAt = isoWithZone(world.clock.nowMs())
  review.identity = found.identity === null ? null : cleanIdentity(found.identity)
  review.appName = cleanText(found.telemetry?.appName)
  review.versionNow = cleanText(found.telemetry?.appVersion)
  review.required = found.defaultRequired
  review.reach = { ...found.reach }
  review.findings.push(...found.judgements.map(findingOf))
  review.findings.push(...versionNotices(inspection, found.telemetry), ...fileNotices(inspection))
  const key = identityKey(review.identity)
  if (key !== null) assertFree(`device:${key}`, parts.held)
}

function endpointOf(text: string, world: ReviewWorld): Endpoint {
  const target = parseTarget(text)
  return isEndpoint(target) ? target : world.lookUp(target.text)
}

function assertOnlyOnce(endpoint: Endpoint, seen: Set<string>): void {
  const key = endpointKey(endpoint)
  if (seen.has(key)) {
    throw new FlashproofError('target.invalid', `“${endpoint.text}” is given twice`, { target: endpoint.text })
  }
  seen.add(key)
}

function assertFree(key: string, held: readonly HeldLock[]): void {
  const lock = held.find(candidate => candidate.key === key)
  if (lock === undefined) return
  const { command, since, jobId, owner } = lock
  throw new FlashproofError(
    'device.busy',
    `${key} is used by process ${String(owner.pid)} (${command}) since ${since}`,
    {
      key,
      pid: owner.pid,
      command,
      since,
      jobId,
    },
  )
}

function findingOf(judgement: Judgement): Finding {
  switch (judgement.kind) {
    case 'refusal': {
      const { code } = judgement.error
      return { severity: 'refusal', code, text: judgement.text ?? textOf(code), accept: null, typed: null }
    }
    case 'question': {
      const { code, text, typed } = judgement
      return {
        severity: 'warning',
        code,
        text: cleanTexts(text),
        accept: code,
        typed: typed === null ? null : stripControl(typed, LONGEST_VERSION),
      }
    }
    case 'warning':
      return { severity: 'info', code: judgement.code, text: judgement.text, accept: null, typed: null }
  }
}

function textOf(code: FlashproofError['code']): LocalText {
  const inLanguage = (language: 'en' | 'vi'): string => {
    const { title, hint } = messagesFor(language).errors[code]
    return `${title}. ${hint}`
  }
  return { en: inLanguage('en'), vi: inLanguage('vi') }
}

function versionNotices(inspection: Inspection, sample: TelemetrySample | null): Finding[] {
  const app = inspection.esp?.app
  const now = cleanText(sample?.appVersion)
  if (app === null || app === undefined || now === null || app.version === '') return []
  const running = sample?.appElfSha256?.toLowerCase() ?? ''
  // A device may tell only the beginning of the hash.
  if (running.length >= 8 && app.elfSha256.toLowerCase().startsWith(running)) {
    return [
      notice('same-version', {
        en: `The board already runs this very build (${now}).`,
        vi: `Bo mạch đang chạy đúng bản dựng này (${now}).`,
      }),
    ]
  }
  const order = compareVersions(app.version, now)
  if (order === 0) {
    return [
      notice('same-version', {
        en: `The board already says version ${now}, the version of this firmware.`,
        vi: `Bo mạch báo đang chạy phiên bản ${now}, đúng phiên bản của phần sụn này.`,
      }),
    ]
  }
  if (order === null || order > 0) return []
  return [
    notice('downgrade', {
      en: `Downgrade: the board runs ${now}, this firmware is ${app.version}.`,
      vi: `Hạ phiên bản: bo mạch đang chạy ${now}, phần sụn này là ${app.version}.`,
    }),
  ]
}

function fileNotices({ esp }: Inspection): Finding[] {
  const trailingBytes = esp?.trailingBytes ?? 0
  if (trailingBytes === 0) return []
  return [
    notice('trailing-bytes', {
      en: `The file has ${String(trailingBytes)} bytes after the end of the image; they are sent too.`,
      vi: `Tệp có thêm ${String(trailingBytes)} byte sau phần cuối của ảnh; chúng cũng được gửi.`,
    }),
  ]
}

function notice(code: string, text: LocalText): Finding {
  return { severity: 'warning', code, text: cleanTexts(text), accept: null, typed: null }
}

/** What a board says of itself stands in these texts. */
function cleanTexts({ en, vi }: LocalText): LocalText {
  return { en: stripControl(en, 500), vi: stripControl(vi, 500) }
}

function cleanText(text: string | undefined): string | null {
  return text === undefined ? null : stripControl(text, LONGEST_VERSION)
}
