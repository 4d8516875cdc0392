/**
 * Checks an order whole before anything is journaled or any device is asked: targets, options, image and its expected
 * hash. Out comes one stored order a device.
 */
import type { JobOrderRequest } from '../../shared/contract/commands.ts'
import { FlashproofError } from '../../shared/errors.ts'
import { isPlainKey, plainKeyRule } from '../../shared/plain-key.ts'
import { parseOptions, type OptionValue, type OptionValues } from '../../shared/option-spec.ts'
import { assertKnownDecisions } from '../accepted-decisions.ts'
import { isEndpoint, parseTarget, type Endpoint } from '../discovery/target.ts'
import { formatDecisions } from '../formats/index.ts'
import type { ImageStore } from '../journal/image-store.ts'
import { flattenForUpload } from '../transfer/flat-image.ts'
import type { TransferProtocol } from '../transfer/transfer-protocol.ts'
import { endpointKey } from './endpoint-key.ts'
import type { FirmwareLibrary, OpenedFirmware } from './firmware-library.ts'
import type { StoredOrder } from './job-order.ts'
import { namedProtocol } from './protocol-detection.ts'

export interface OrderIntakeOptions {
  readonly images: ImageStore
  readonly firmware: FirmwareLibrary
  readonly protocols: readonly TransferProtocol[]
  readonly isSimulated: (endpoint: Endpoint) => boolean
  /** Turns a name or a MAC into an endpoint. @throws {FlashproofError} target.unknown, target.ambiguous */
  readonly lookUp: (name: string) => Endpoint
  /** Who answers in advance when the request does not say. */
  readonly osUser: string
}

export interface TakenOrder {
  /** One a target, in the order of the targets; values of secret options are for memory alone. */
  readonly orders: readonly { readonly order: StoredOrder; readonly secrets: Readonly<Record<string, string>> }[]
  readonly isSimulated: boolean
  readonly warnings: readonly string[]
}

/** A sparse file has tens of thousands; every job of a batch keeps its order, and the image is flat by then. */
const MOST_KEPT_SEGMENTS = 64

/**
 * Resolves when the order is sound and its image is kept on this computer.
 * @throws {FlashproofError} file.not-found, image.*, target.*, protocol.*, option.*, usage.invalid-value, journal.disk-full
 */
export async function takeOrder(request: JobOrderRequest, intake: OrderIntakeOptions): Promise<TakenOrder> {
  const firmware = intake.firmware.get(request.firmwareId)
  assertExpectedHash(request.expectSha256, firmware)
  assertPlainKeys('context', request.context)
  const endpoints = resolveTargets(request.targets, intake.lookUp)
  assertSecretsHaveTargets(request)
  const isSimulated = isBatchSimulated(endpoints, intake.isSimulated)
  const candidates = endpoints.map(endpoint => candidatesFor(endpoint, request.protocol, intake.protocols))
  assertKnownDecisions(
    request.accept ?? [],
    candidates.flat().flatMap(protocol => protocol.descriptor.decisions),
    formatDecisions,
  )
  const checked = candidates.map((protocols, index) => {
    const ownSecrets = request.targetSecrets?.[request.targets[index] ?? '']
    return checkOptions({ ...request, secrets: { ...request.secrets, ...ownSecrets } }, protocols, firmware)
  })
  const options = checked.at(-1)?.options ?? {}
  const flat = flattenForUpload(firmware.image, firmware.isAddressed, String(options['base'] ?? ''))
  const sha256 = await intake.images.put(flat.bytes)
  const common: Omit<StoredOrder, 'target'> = {
    orderVersion: 1,
    protocol: request.protocol ?? null,
    options,
    image: {
      fileName: nameOnDevice(firmware),
      sha256,
      sizeBytes: flat.bytes.length,
      baseAddress: firmware.isAddressed ? flat.baseAddress : null,
      inspection: { ...firmware.inspection, segments: firmware.inspection.segments.slice(0, MOST_KEPT_SEGMENTS) },
    },
    required: request.require ?? null,
    context: request.context ?? {},
    accept: request.accept ?? [],
    acceptedBy: request.acceptedBy ?? intake.osUser,
    waitDeviceMs: request.waitDeviceMs ?? 0,
    isDryRun: request.dryRun ?? false,
  }
  return {
    orders: endpoints.map((endpoint, index) => ({
      order: { ...common, target: endpoint.text },
      secrets: checked[index]?.secrets ?? {},
    })),
    isSimulated,
    warnings: flat.filledBytes > 0 ? [`${String(flat.filledBytes)} bytes of gaps are filled with 0xFF.`] : [],
  }
}

function assertPlainKeys(field: string, record: Readonly<Record<string, unknown>> = {}): void {
  const key = Object.keys(record).find(candidate => !isPlainKey(candidate))
  if (key === undefined) return
  throw new FlashproofError('usage.invalid-value', `the ${field} key “${key}” is no plain word (${plainKeyRule})`, {
    key,
    expected: plainKeyRule,
  })
}

function resolveTargets(targets: readonly string[], lookUp: OrderIntakeOptions['lookUp']): Endpoint[] {
  const endpoints = targets.map(text => {
    const target = parseTarget(text)
    return isEndpoint(target) ? target : lookUp(target.text)
  })
  const seen = new Set<string>()
  for (const endpoint of endpoints) {
    const key = endpointKey(endpoint)
    if (seen.has(key)) {
      throw new FlashproofError('target.invalid', `“${endpoint.text}” is given twice`, { target: endpoint.text })
    }
    seen.add(key)
  }
  return endpoints
}

function isBatchSimulated(endpoints: readonly Endpoint[], isSimulated: (endpoint: Endpoint) => boolean): boolean {
  const kinds = new Set(endpoints.map(isSimulated))
  if (kinds.size > 1) {
    throw new FlashproofError('target.invalid', 'a batch holds either virtual devices or real ones, not both', {})
  }
  return kinds.has(true)
}

/** The protocols that could run a job there: the named one, or all that accept the endpoint. */
export function candidatesFor(
  endpoint: Endpoint,
  wanted: string | undefined,
  protocols: readonly TransferProtocol[],
): readonly TransferProtocol[] {
  if (wanted !== undefined) return [namedProtocol(wanted, endpoint, protocols)]
  const candidates = protocols.filter(protocol => protocol.accepts(endpoint))
  if (candidates.length > 0) return candidates
  throw new FlashproofError('protocol.endpoint-not-accepted', `no protocol here speaks to ${endpoint.text}`, {
    target: endpoint.text,
  })
}

/** A secret that is meant for a device which gets no job would be lost without a word. */
function assertSecretsHaveTargets({ targets, targetSecrets = {} }: JobOrderRequest): void {
  const stray = Object.keys(targetSecrets).find(target => !targets.includes(target))
  if (stray === undefined) return
  throw new FlashproofError('usage.invalid-value', `secrets are given for “${stray}”, which is no target here`, {
    target: stray,
  })
}

/** Checks the options against the protocols that could run them; with one candidate the check is final. */
export function checkOptions(
  request: Pick<JobOrderRequest, 'options' | 'secrets'>,
  candidates: readonly TransferProtocol[],
  firmware: OpenedFirmware,
): { options: OptionValues; secrets: Record<string, string> } {
  return firstThatFits(candidates, protocol => {
    const given = { ...withProfile(protocol, request.options ?? {}), ...request.secrets }
    const values = parseOptions(protocol.descriptor.options, given)
    const apart = setSecretsApart(protocol, values, request.secrets ?? {})
    protocol.validate({ options: values, fileName: nameOnDevice(firmware) })
    return apart
  })
}

/** What a secret option got never stays among the options, whichever way it was given. */
function setSecretsApart(
  protocol: TransferProtocol,
  values: OptionValues,
  given: Readonly<Record<string, string>>,
): { options: OptionValues; secrets: Record<string, string> } {
  const secretKeys = new Set(
    protocol.descriptor.options.filter(option => option.kind === 'secret').map(option => option.key),
  )
  const stray = Object.keys(given).find(key => !secretKeys.has(key))
  if (stray !== undefined) {
    throw new FlashproofError('option.invalid', `“${stray}” is no secret of ${protocol.descriptor.id}`, {
      key: stray,
      expected: [...secretKeys].join(', '),
    })
  }
  const entries = Object.entries(values)
  return {
    options: Object.fromEntries(entries.filter(([key]) => !secretKeys.has(key))),
    secrets: Object.fromEntries(entries.flatMap(([key, value]) => (secretKeys.has(key) ? [[key, String(value)]] : []))),
  }
}

/** The options of the first candidate that takes them; with several, the first refusal is the one that is told. */
function firstThatFits<Result>(
  candidates: readonly TransferProtocol[],
  check: (protocol: TransferProtocol) => Result,
): Result {
  let failure: unknown
  for (const protocol of candidates) {
    try {
      return check(protocol)
    } catch (error) {
      failure ??= error
    }
  }
  throw failure
}

/** Lays the named profile's values under the given ones. @throws {FlashproofError} option.invalid */
function withProfile(
  protocol: TransferProtocol,
  given: Readonly<Record<string, OptionValue>>,
): Record<string, OptionValue> {
  const { profile, ...rest } = given
  if (profile === undefined) return rest
  const found = protocol.descriptor.profiles.find(candidate => candidate.id === profile)
  if (found === undefined) {
    throw new FlashproofError('option.invalid', `there is no profile “${String(profile)}”`, {
      key: 'profile',
      given: profile,
      expected: protocol.descriptor.profiles.map(candidate => candidate.id).join(', '),
    })
  }
  return { ...found.values, ...rest }
}

function assertExpectedHash(expected: string | undefined, firmware: OpenedFirmware): void {
  if (expected === undefined) return
  const { sourceSha256, imageSha256 } = firmware.inspection
  const wanted = expected.toLowerCase()
  if (wanted === sourceSha256 || wanted === imageSha256) return
  throw new FlashproofError('image.hash-mismatch', `${firmware.fileName} has another SHA-256 than the one expected`, {
    expectedSha256: wanted,
    sourceSha256,
    imageSha256,
  })
}

/** The file's name; a converted file gets the same stem with .bin. */
export function nameOnDevice({ isAddressed, fileName }: OpenedFirmware): string {
  return isAddressed ? `${fileName.replace(/\.[^./\\]+$/, '')}.bin` : fileName
}
