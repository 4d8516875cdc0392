/**
 * Checks an order whole before anything is journaled or any device is asked: targets, options, image and its expected
 * hash. Out comes one stored order a device.
 */
import type { JobOrderRequest } from '../../shared/contract/commands.ts'
import { FlashproofError } from '../../shared/errors.ts'
import { isPlainKey, plainKeyRule } from '../../shared/plain-key.ts'
import type { OptionValues } from '../../shared/option-spec.ts'
import { assertKnownDecisions } from '../accepted-decisions.ts'
import { isEndpoint, parseTarget, type Endpoint } from '../discovery/target.ts'
import { formatDecisions } from '../formats/index.ts'
import type { FlatImage } from '../image/memory-image.ts'
import type { ImageStore } from '../journal/image-store.ts'
import { assertOneImage, flattenForUpload } from '../transfer/flat-image.ts'
import type { TransferProtocol } from '../transfer/transfer-protocol.ts'
import { endpointKey } from './endpoint-key.ts'
import type { FirmwareLibrary, OpenedFirmware } from './firmware-library.ts'
import { assertSecretsKnown, checkOptions } from './order-options.ts'
import type { StoredOrder } from './job-order.ts'
import { namedProtocol } from './protocol-detection.ts'

export interface OrderIntakeOptions {
  readonly images: ImageStore
  readonly firmware: FirmwareLibrary
  readonly protocols: readonly TransferProtocol[]
  readonly isSimulated: (endpoint: Endpoint) => boolean
  /** Turns a name or a MAC into an endpoint. @throws {FlashproofError} target.unknown, target.ambiguous */
  readonly lookUp: (name: string) => Endpoint
  /** The MAC of the board that a name or a MAC means; null where nothing is sure. */
  readonly macMeant: (name: string) => string | null
  /** What the device list knows that an endpoint speaks. */
  readonly knownProtocols: (endpoint: Endpoint) => readonly string[]
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
/** Each is erased, written and checked by itself; a file in more pieces is damaged, or not firmware. */
const MOST_WRITTEN_SEGMENTS = 4096

/**
 * Resolves when the order is sound and its image is kept on this computer.
 * @throws {FlashproofError} file.not-found, image.*, target.*, protocol.*, option.*, usage.invalid-value, journal.disk-full
 */
export async function takeOrder(request: JobOrderRequest, intake: OrderIntakeOptions): Promise<TakenOrder> {
  const firmware = intake.firmware.get(request.firmwareId)
  assertExpectedHash(request.expectSha256, firmware)
  assertPlainKeys('context', request.context)
  const endpoints = resolveTargets(request.targets, intake.lookUp)
  const named = request.targets.map(text => (isEndpoint(parseTarget(text)) ? null : text.trim()))
  assertSecretsHaveTargets(request)
  const isSimulated = isBatchSimulated(endpoints, intake.isSimulated)
  const candidates = endpoints.map(endpoint => candidatesFor(endpoint, request.protocol, intake.protocols))
  assertKnownDecisions(
    request.accept ?? [],
    candidates.flat().flatMap(protocol => protocol.descriptor.decisions),
    formatDecisions,
  )
  assertSecretsKnown(request.secrets ?? {}, candidates.flat())
  const checked = candidates.map((protocols, index) => {
    const ownSecrets = request.targetSecrets?.[request.targets[index] ?? '']
    const given = { options: request.options ?? {}, secrets: request.secrets ?? {} }
    return checkOptions(ownSecrets === undefined ? given : { ...given, ownSecrets }, protocols, nameOnDevice(firmware))
  })
  const base = checked.map(({ protocol, options }) => baseFor(protocol, options)).find(text => text !== '') ?? ''
  const takesSegments = endpoints.map((endpoint, index) =>
    doTakeSegments(candidates[index] ?? [], intake.knownProtocols(endpoint)),
  )
  if (takesSegments.includes(false)) assertOneImage(firmware.inspection)
  const flat = takesSegments.includes(false)
    ? await keepImage(firmware, intake.images, flattenForUpload(firmware.image, firmware.isAddressed, base))
    : null
  const spread = takesSegments.includes(true)
    ? await keepImage(firmware, intake.images, flattenForUpload(firmware.image, firmware.isAddressed, base, true), true)
    : null
  const common: Omit<StoredOrder, 'target' | 'orderedAs' | 'orderedMac' | 'options' | 'image'> = {
    orderVersion: 1,
    protocol: request.protocol ?? null,
    required: request.require ?? null,
    context: request.context ?? {},
    accept: request.accept ?? [],
    acceptedBy: request.acceptedBy ?? intake.osUser,
    waitDeviceMs: request.waitDeviceMs ?? 0,
    isDryRun: request.dryRun ?? false,
  }
  return {
    orders: endpoints.flatMap((endpoint, index) => {
      const image = takesSegments[index] === true ? spread : flat
      if (image === null) return []
      return {
        order: {
          ...common,
          image: image.stored,
          options: { ...checked[index]?.options },
          target: endpoint.text,
          ...orderedBy(named[index] ?? null, intake),
        },
        secrets: checked[index]?.secrets ?? {},
      }
    }),
    isSimulated,
    warnings:
      flat !== null && flat.filledBytes > 0 ? [`${String(flat.filledBytes)} bytes of gaps are filled with 0xFF.`] : [],
  }
}

/** Whether the image goes there segment by segment, as far as it is known before the device is asked. */
export function doTakeSegments(candidates: readonly TransferProtocol[], known: readonly string[]): boolean {
  const likely = candidates.filter(({ descriptor }) => known.includes(descriptor.id))
  return (likely.length > 0 ? likely : candidates).every(protocol => protocol.takesSegments === true)
}

function orderedBy(
  orderedAs: string | null,
  { macMeant }: OrderIntakeOptions,
): Pick<StoredOrder, 'orderedAs' | 'orderedMac'> {
  return { orderedAs, orderedMac: orderedAs === null ? null : macMeant(orderedAs) }
}

interface KeptImage {
  readonly stored: StoredOrder['image']
  readonly filledBytes: number
}

/** Resolves when the image is on the disk. @throws {FlashproofError} journal.disk-full, image.too-many-pieces */
async function keepImage(
  firmware: OpenedFirmware,
  images: ImageStore,
  flat: FlatImage,
  inSegments = false,
): Promise<KeptImage> {
  const segments = inSegments ? segmentsToKeep(firmware) : undefined
  const { inspection } = firmware
  return {
    filledBytes: flat.filledBytes,
    stored: {
      fileName: nameOnDevice(firmware),
      sha256: await images.put(flat.bytes),
      sizeBytes: flat.bytes.length,
      baseAddress: firmware.isAddressed ? flat.baseAddress : null,
      ...(segments === undefined ? {} : { segments }),
      inspection: { ...inspection, segments: inspection.segments.slice(0, MOST_KEPT_SEGMENTS) },
    },
  }
}

/** @throws {FlashproofError} image.too-many-pieces for an image in more pieces than an order can keep */
function segmentsToKeep({ image, fileName }: OpenedFirmware): { address: number; sizeBytes: number }[] {
  const { segments } = image
  if (segments.length <= MOST_WRITTEN_SEGMENTS) {
    return segments.map(({ address, bytes }) => ({ address, sizeBytes: bytes.length }))
  }
  const text = `${fileName} lies in ${String(segments.length)} pieces; at most ${String(MOST_WRITTEN_SEGMENTS)} can be written one by one`
  throw new FlashproofError('image.too-many-pieces', text, { file: fileName, segments: segments.length })
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

/** Where the flat image begins, by the option that this protocol has for it. */
export function baseFor(protocol: TransferProtocol, options: OptionValues): string {
  return String(options[protocol.baseOptionKey ?? 'base'] ?? '')
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
