/**
 * One run: opens the door for one device, watches how long it takes, and turns its word into evidence. The device decides
 * when it comes, what it asks for, and when it restarts.
 */
import { asFlashproofError, FlashproofError, hasErrorCode } from '../../../shared/errors.ts'
import { HttpClient } from '../../links/http-client.ts'
import type { PullEndpoint } from '../../discovery/target.ts'
import type { TelemetrySample } from '../../../shared/contract/models.ts'
import { obeyJudgements } from '../judgement.ts'
import { addRunningFact, hasRestarted, staysHealthy } from '../restart-watch.ts'
import { isTransient } from '../retry.ts'
import { TelemetryQuestions } from '../telemetry-questions.ts'
import type { TransferContext, TransferOrder, TransferReport } from '../transfer-protocol.ts'
import { standingAtStart, unclear, unsure, untouched, type BoardStanding } from './board-now.ts'
import { judgeBefore, judgeDevice, judgeRequired } from './checks.ts'
import { Conversation, type Outcome } from './conversation.ts'
import { localAddress, plainAddress, urlHost } from './local-address.ts'
import type { PullOptions } from './options.ts'
import { openPullServer, type PullServerLease } from './pull-server.ts'
import { createRelease, type Release } from './release.ts'
import { timingOf, type PullTiming } from './timing.ts'

/** A device that asks, and gets no further, has this many silences long. */
const FRUITLESS_SILENCES = 3

export class PullRun {
  readonly #order: TransferOrder
  readonly #endpoint: PullEndpoint
  readonly #options: PullOptions
  readonly #context: TransferContext
  readonly #release: Release
  readonly #timing: PullTiming
  readonly #conversation: Conversation
  readonly #startedMs: number
  #wake: () => void = () => undefined
  #hasChanged = false
  #client: HttpClient | null = null
  #telemetry: TelemetryQuestions | null = null
  #before: TelemetrySample | null
  #url = ''

  constructor(order: TransferOrder, endpoint: PullEndpoint, options: PullOptions, context: TransferContext) {
    this.#order = order
    this.#endpoint = endpoint
    this.#options = options
    this.#context = context
    this.#before = order.telemetryBefore
    this.#startedMs = context.clock.monotonicMs()
    this.#timing = timingOf(context.retryPolicy, options.waitSeconds)
    this.#release = createRelease(order.image, options, new Date(context.clock.nowMs()).toISOString())
    const deviceId = decodeId(endpoint.deviceId)
    // A target that names an address means the device that comes from there.
    const address = /^\d+\.\d+\.\d+\.\d+$/.test(deviceId) ? deviceId : null
    this.#conversation = new Conversation(deviceId, address, {
      order,
      options,
      context,
      release: this.#release,
      holdMs: this.#timing.holdMs,
      admit: () => this.#admit(),
      onChange: () => {
        this.#hasChanged = true
        this.#wake()
      },
    })
  }

  async run(): Promise<TransferReport> {
    const context = this.#context
    const { inspection } = this.#order.image
    const standing = standingAtStart(this.#order.earlierCompletion)
    context.enter('connecting', standing)
    const address = localAddress(this.#endpoint.interfaceName)
    const { level, judgements } = judgeRequired(this.#order.requiredLevel)
    await obeyJudgements([...judgements, ...judgeBefore(inspection, this.#options, this.#release)], context)
    context.setRequired(level)
    if (this.#order.isDryRun) return { outcome: 'answered', ...standing }
    const { key } = this.#options
    if (key !== null) {
      const form = key.form === 'hex' ? '64 hex digits, so 32 bytes' : 'text, so its UTF-8 bytes'
      context.log('info', 'psk.form', `the key was given as ${form}`)
    }
    // Where this job listened before, its device was told to ask.
    const preferredPort = portOf(context.ledger()?.targetPath)
    const lease = await openPullServer({ address, port: this.#endpoint.port, preferredPort }, this.#conversation)
    try {
      this.#announce(lease)
      return await this.#follow()
    } finally {
      this.#conversation.end()
      // An interrupted job goes on later, so its device is not sent away.
      if (hasErrorCode(context.signal.reason, 'job.cancelled')) {
        lease.withdraw()
        await this.#sayFarewell()
      }
      await lease.close()
      await this.#client?.close()
    }
  }

  #announce({ url, isFirst }: PullServerLease): void {
    const context = this.#context
    this.#url = url
    const { prefix, downloadPath } = this.#options
    const { deviceId } = this.#conversation
    const { version, totalChunks } = this.#release
    // One line a server is enough for people; the log of every job has it.
    context.log(
      'info',
      isFirst ? 'note.pull-address' : 'pull.address',
      `devices ask ${url}${prefix}/manifest, or download ${url}${downloadPath}; waiting for “${deviceId}”`,
    )
    context.log('info', 'pull.release', `version ${version}, ${String(totalChunks)} chunks`)
    const ledger = context.ledger()
    const isSame =
      this.#order.isResume &&
      ledger?.imageSha256 === this.#order.image.sha256 &&
      ledger.chunkBytes === this.#release.chunkBytes &&
      portOf(ledger.targetPath) === portOf(url)
    if (!isSame) this.#conversation.startSession(url)
    context.progress(this.#conversation.pace.doneBytes)
  }

  /** Looks at the device before it is served its first byte. @throws {FlashproofError} image.*, device.*, job.* */
  async #admit(): Promise<void> {
    const { inspection } = this.#order.image
    const { telemetry } = this.#options
    const { deviceId } = this.#conversation
    const context = this.#context
    if (telemetry === null) {
      if (!this.#conversation.isNamed && this.#order.expectedIdentity === null) await context.identify(null)
      return
    }
    const hostname = urlHost(this.#conversation.address ?? '')
    const text = `http://${hostname}:${String(telemetry.port)}`
    const endpoint = { kind: 'http', text, origin: text, hostname, port: telemetry.port, basePath: '' } as const
    this.#client = new HttpClient(endpoint, { connectTimeoutMs: Math.min(2000, context.retryPolicy.requestTimeoutMs) })
    this.#telemetry = new TelemetryQuestions(this.#client, context, telemetry.path)
    const sample = await this.#sample()
    if (sample === null) {
      context.log('info', 'telemetry.none', `${text}${telemetry.path} tells nothing`)
      this.#telemetry = null
    } else {
      // Its own name for itself is the one that the target gives.
      await context.identify({ ...sample.device, id: deviceId })
      if (sample.appVersion !== undefined) context.setVersion('before', sample.appVersion)
    }
    this.#before ??= sample
    await obeyJudgements(judgeDevice(inspection, sample), context)
  }

  /** Null where it does not answer now. */
  async #sample(): Promise<TelemetrySample | null> {
    try {
      return (await this.#telemetry?.sample()) ?? null
    } catch (thrown) {
      const error = asFlashproofError(thrown)
      if (this.#context.signal.aborted || !isTransient(error)) throw error
      return null
    }
  }

  async #follow(): Promise<TransferReport> {
    for (;;) {
      const { failure, outcome } = this.#conversation
      this.#context.signal.throwIfAborted()
      if (failure !== null) throw failure
      if (outcome !== null) return await this.#conclude(outcome)
      const bootFailure = this.#settledBootFailure
      if (bootFailure !== null) return await this.#conclude({ kind: 'boot-failed', text: bootFailure })
      const late = this.#late()
      if (late !== null) return late
      if (await this.#sawRestart()) return await this.#conclude({ kind: 'success', version: null })
      await this.#wait()
    }
  }

  /** Null while it may still say what came of a failed start. */
  get #settledBootFailure(): string | null {
    const { bootFailure } = this.#conversation
    const { stalledMs, unknownMs } = this.#timing
    const isSettled =
      bootFailure !== null && this.#context.clock.monotonicMs() - bootFailure.atMs >= Math.min(stalledMs, unknownMs / 2)
    return isSettled ? bootFailure.text : null
  }

  /** Resolves when the device did something, or something falls due. */
  async #wait(): Promise<void> {
    const { clock, signal } = this.#context
    if (this.#hasChanged) {
      this.#hasChanged = false
      return
    }
    const woken = new AbortController()
    this.#wake = () => {
      woken.abort(new FlashproofError('call.aborted', 'the device did something'))
    }
    try {
      await clock.delay(this.#timing.pollMs, AbortSignal.any([signal, woken.signal]))
    } catch (error) {
      if (signal.aborted) throw error
    }
    this.#hasChanged = false
  }

  /** @returns how the run ends when the device was waited for long enough; null while it still has time */
  #late(): TransferReport | null {
    const { phase, pace, phaseSinceMs, advancedMs, lastHeardMs, complaint, isHolding, namedOursAtMs } =
      this.#conversation
    const { firstRequestMs, stalledMs, unknownMs } = this.#timing
    const nowMs = this.#context.clock.monotonicMs()
    const silentMs = isHolding ? 0 : nowMs - (lastHeardMs ?? this.#startedMs)
    if (complaint !== null && !isHolding && nowMs - complaint.atMs >= stalledMs) throw this.#refused(complaint.text)
    switch (phase) {
      case 'silent':
        if (silentMs >= firstRequestMs) throw this.#noRequest(silentMs)
        return null
      case 'talking':
      case 'fetching':
        if (silentMs >= stalledMs || (!isHolding && nowMs - advancedMs >= FRUITLESS_SILENCES * stalledMs)) {
          this.#context.progress(pace.doneBytes)
          throw this.#stalled(silentMs)
        }
        return null
      case 'fetched':
      case 'restarting': {
        const isOver = nowMs - phaseSinceMs >= unknownMs
        const saidAll = namedOursAtMs !== null && nowMs - namedOursAtMs >= stalledMs
        return isOver || saidAll ? this.#withoutWord(unknownMs) : null
      }
    }
  }

  #noRequest(waitedMs: number): FlashproofError {
    const { deviceId, strangers } = this.#conversation
    const seconds = String(Math.round(waitedMs / 1000))
    const details = { url: this.#url, deviceId, waitedMs, strangers, ...this.#figures() }
    if (this.#order.isResume && this.#conversation.pace.doneBytes > 0) {
      return new FlashproofError(
        'device.stalled',
        `“${deviceId}” did not come back to ${this.#url} in ${seconds} s`,
        details,
      )
    }
    const others =
      strangers.length === 0
        ? 'nothing at all came to that port: a firewall of this PC, another network, or another address in the device'
        : `others came: ${strangers.slice(0, 3).join('; ')}`
    return new FlashproofError(
      'device.no-request',
      `no request from “${deviceId}” in ${seconds} s at ${this.#url}; ${others}`,
      details,
    )
  }

  #stalled(silentMs: number): FlashproofError {
    const { deviceId, phase, pace } = this.#conversation
    const seconds = String(Math.round(silentMs / 1000))
    const bytes = String(pace.doneBytes)
    const message =
      phase === 'talking'
        ? `“${deviceId}” asked, and downloads nothing: it may run version ${this.#release.version} already; --set version= offers the image under another name`
        : silentMs >= this.#timing.stalledMs
          ? `“${deviceId}” has been silent for ${seconds} s after ${bytes} bytes`
          : `“${deviceId}” asks for the same again and again after ${bytes} bytes`
    return new FlashproofError('device.stalled', message, { deviceId, silentMs, ...this.#figures() })
  }

  #figures(): Readonly<Record<string, number>> {
    const { highestServed, repeats, outOfOrder, doneBytes } = this.#conversation.pace
    return { doneBytes, highestChunk: highestServed, repeats, outOfOrder }
  }

  #refused(text: string, standing: BoardStanding = this.#conversation.standingIfRefused): FlashproofError {
    this.#context.enter('verifying', standing)
    return new FlashproofError('device.refused-image', `“${this.#conversation.deviceId}”: ${text}`, {
      deviceError: text,
      version: this.#release.version,
    })
  }

  /** It had everything, and its word on what came of it never came. */
  #withoutWord(waitedMs: number): TransferReport {
    const { phase, namedOursAtMs } = this.#conversation
    const minutes = (waitedMs / 60_000).toFixed(waitedMs < 60_000 ? 1 : 0)
    if (phase === 'restarting') {
      this.#context.warn(
        namedOursAtMs === null
          ? `The device said that it has everything, and nothing of its restart in ${minutes} minutes: look at it.`
          : 'The device names our version when it asks; it sent no status of its restart.',
      )
      const isAsked = this.#isRunningAsked
      return { outcome: isAsked ? 'not-answered' : 'answered', ...unsure }
    }
    // It took the whole plain image, and such firmware says nothing more.
    if (this.#conversation.isPlainDownload) this.#context.progress(this.#order.image.bytes.length)
    this.#context.warn(
      `The device was served everything, and said nothing of it in ${minutes} minutes. Keep it powered, look at it, then resume: it may still report.`,
    )
    return { outcome: 'outcome-unknown', ...unclear }
  }

  get #isRunningAsked(): boolean {
    return this.#order.requiredLevel === 'running' || this.#order.requiredLevel === 'confirmed'
  }

  async #conclude(outcome: Outcome): Promise<TransferReport> {
    switch (outcome.kind) {
      case 'refused':
        await this.#context.markCompletion('failed')
        throw this.#refused(outcome.text, outcome.isSaid ? undefined : this.#standingUnsaid)
      case 'loops':
        await this.#context.markCompletion('failed')
        throw this.#refused(outcome.text, unsure)
      case 'old-firmware':
        return await this.#wentBack(outcome.text)
      case 'boot-failed':
        return await this.#wentBack(outcome.text, unsure)
      case 'success':
        return await this.#succeeded(outcome.version)
    }
  }

  /** It did not say that it refuses: what it was handed whole it may start all the same. */
  get #standingUnsaid(): BoardStanding {
    return this.#conversation.isHandedOver ? unsure : this.#conversation.standingIfRefused
  }

  /** The new firmware does not run: the device says so, or names the old version. */
  async #wentBack(text: string, standing: BoardStanding = untouched): Promise<TransferReport> {
    const context = this.#context
    await context.markCompletion('failed')
    context.addEvidence({ level: 'running', basis: 'device-said', method: 'boot-status', value: text, matches: false })
    const board = standing === untouched ? 'The device runs its old firmware' : 'What the device runs is not known'
    context.warn(`${board}: ${text}.`)
    return { outcome: 'answered', ...standing }
  }

  async #succeeded(version: string | null): Promise<TransferReport> {
    const context = this.#context
    const { versionBefore } = this.#conversation
    if (version !== null && version !== this.#release.version && version === versionBefore) {
      return await this.#wentBack(`it reports success and names the old version ${version}`, unsure)
    }
    if (version !== null) {
      const isOurs = version === this.#release.version
      context.addEvidence({
        level: 'running',
        basis: 'device-said',
        method: 'boot-status',
        value: version,
        // Programs do not always report the version that their release carries, so another one contradicts nothing; where
        // the one before is not known, it may be that one.
        matches: isOurs ? true : null,
        fresh: isOurs ? version !== versionBefore : versionBefore !== null,
      })
      if (!isOurs) {
        const { version: released } = this.#release
        context.warn(`The device reports version ${version}, the release is ${released}: what it runs is not sure.`)
      }
    }
    const after = await this.#lookAfterRestart()
    // It may have gone back meanwhile.
    const back = this.#wordOfGoingBack
    if (back !== null) return await this.#wentBack(back.text, back.standing)
    const isNew = after === null ? null : addRunningFact(this.#order, context, this.#before, after)
    if (isNew === false) return { outcome: 'answered', boardNow: 'unknown', unplug: 'safe' }
    const namesHash = isNew === true && after?.appElfSha256 !== undefined
    const board = { boardNow: namesHash ? 'new-firmware' : 'unknown', unplug: 'safe' } as const
    if (version === null && after === null) context.warn('The device reports success and names no version.')
    if (this.#order.requiredLevel === 'confirmed') return await this.#confirm(board, after)
    context.warn('The board may still go back to the old firmware; “--require confirmed” waits for its next word.')
    return { outcome: 'answered', ...board }
  }

  /** What it said since its success that takes it back; null: nothing. */
  get #wordOfGoingBack(): { readonly text: string; readonly standing: BoardStanding } | null {
    const { outcome, bootFailure, phase } = this.#conversation
    if (outcome?.kind === 'old-firmware') return { text: outcome.text, standing: untouched }
    if (bootFailure !== null) return { text: bootFailure.text, standing: unsure }
    if (phase === 'restarting' || phase === 'fetched') return null
    return { text: 'it downloads again after it reported success', standing: unsure }
  }

  /** Whether its telemetry shows another boot, without a status. */
  async #sawRestart(): Promise<boolean> {
    const { phase } = this.#conversation
    if (this.#telemetry === null || (phase !== 'fetched' && phase !== 'restarting')) return false
    return hasRestarted(this.#before, await this.#sample())
  }

  /** What its telemetry names after the restart; null where it tells nothing. */
  async #lookAfterRestart(): Promise<TelemetrySample | null> {
    if (this.#telemetry === null) return null
    const { clock, retryPolicy, signal } = this.#context
    const untilMs = clock.monotonicMs() + retryPolicy.rebootTimeoutMs
    while (clock.monotonicMs() < untilMs) {
      const sample = await this.#sample()
      if (sample !== null && hasRestarted(this.#before, sample)) return sample
      await clock.delay(this.#timing.pollMs, signal)
    }
    this.#context.warn('The device reports success; its telemetry shows no restart.')
    return null
  }

  /** Waits until the rollback window is over and the device was heard again. */
  async #confirm(
    board: Pick<TransferReport, 'boardNow' | 'unplug'>,
    after: TelemetrySample | null,
  ): Promise<TransferReport> {
    const context = this.#context
    const { clock, retryPolicy, signal } = context
    const conversation = this.#conversation
    context.enter('confirming', { ...board, unplug: 'keep-powered' })
    if (after !== null) {
      const isHealthy = await staysHealthy(context, after, () => this.#sample())
      return isHealthy ? { outcome: 'answered', ...board } : { outcome: 'not-answered', ...unsure }
    }
    conversation.forgetOutcome()
    const windowEndMs = clock.monotonicMs() + retryPolicy.confirmMs
    const latestMs = windowEndMs + Math.max(retryPolicy.rebootTimeoutMs, this.#timing.stalledMs)
    while (clock.monotonicMs() < latestMs) {
      const { failure, lastHeardMs } = conversation
      if (failure !== null) throw failure
      const back = this.#wordOfGoingBack
      if (back !== null) return await this.#wentBack(back.text, back.standing)
      if (lastHeardMs !== null && lastHeardMs >= windowEndMs) {
        const value = `${String(retryPolicy.confirmMs)} ms, then heard again`
        context.addEvidence({ level: 'confirmed', basis: 'device-said', method: 'health', value, matches: true })
        return { outcome: 'answered', ...board }
      }
      signal.throwIfAborted()
      await this.#wait()
    }
    context.warn('The device was not heard again after its restart.')
    return { outcome: 'not-answered', ...unsure }
  }

  /** A device in the middle of a download hears that its release was taken away, instead of a closed port. */
  async #sayFarewell(): Promise<void> {
    const conversation = this.#conversation
    if (conversation.phase !== 'fetching') return
    const { clock } = this.#context
    const untilMs = clock.monotonicMs() + this.#timing.farewellMs
    while (!conversation.hasHeardFarewell && clock.monotonicMs() < untilMs) {
      await clock.delay(Math.min(this.#timing.pollMs, this.#timing.farewellMs) / 5)
    }
  }
}

function decodeId(text: string): string {
  try {
    return plainAddress(decodeURIComponent(text))
  } catch {
    return text
  }
}

function portOf(url: string | undefined): number | null {
  const port = /:(\d{1,5})(?:\/|$)/.exec(url?.replace(/^http:\/\/(\[[^\]]*\])?/, '') ?? '')?.[1]
  return port === undefined ? null : Number(port)
}
