/**
 * Options of an order against protocols: with one protocol they are settled at once, with several that could run it they
 * stay as they were given until the device has said which one it speaks.
 */
import { FlashproofError } from '../../shared/errors.ts'
import { parseOptions, type OptionValue, type OptionValues } from '../../shared/option-spec.ts'
import type { TransferProtocol } from '../transfer/transfer-protocol.ts'

export interface GivenOptions {
  readonly options: Readonly<Record<string, OptionValue>>
  /** Values of secret options, meant for every device of the order: each protocol takes those that it knows. */
  readonly secrets: Readonly<Record<string, string>>
  /** Kept for this one device; they win, and what its protocol does not know is left out. */
  readonly ownSecrets?: Readonly<Record<string, string>>
}

export interface OptionsApart {
  /** Without a single secret. */
  readonly options: OptionValues
  readonly secrets: Readonly<Record<string, string>>
}

/**
 * Checks the options against the protocols that could run the order: at least one must take them.
 * @returns with one candidate its checked values, defaults filled in; with several what was given, secrets set apart
 * @throws {FlashproofError} option.unknown, option.invalid and what the protocol's own check throws: with several the first
 *   refusal is the one that is told
 */
export function checkOptions(
  given: GivenOptions,
  candidates: readonly TransferProtocol[],
  fileName: string,
): OptionsApart & { readonly protocol: TransferProtocol } {
  const [first, ...others] = candidates
  if (first === undefined) throw new FlashproofError('protocol.unknown', 'no protocol could run this order', {})
  if (others.length === 0) return { ...settleOptions(given, first, fileName), protocol: first }
  const fitting = firstThatFits(candidates, protocol => {
    settleOptions(given, protocol, fileName)
    return protocol
  })
  const secretKeys = secretKeysOf(candidates)
  const entries = Object.entries(given.options)
  return {
    protocol: fitting,
    options: Object.fromEntries(entries.filter(([key]) => !secretKeys.has(key))),
    secrets: {
      ...given.secrets,
      ...given.ownSecrets,
      ...Object.fromEntries(entries.flatMap(([key, value]) => (secretKeys.has(key) ? [[key, String(value)]] : []))),
    },
  }
}

/**
 * The values that one protocol runs with: its profile's under the given ones, its defaults under both.
 * @throws {FlashproofError} option.unknown, option.invalid, and what the protocol's own check throws
 */
export function settleOptions(given: GivenOptions, protocol: TransferProtocol, fileName: string): OptionsApart {
  const { options: specs } = protocol.descriptor
  const secretKeys = secretKeysOf([protocol])
  const values = parseOptions(specs, {
    ...withProfile(protocol, given.options),
    ...secretsFor(protocol, { ...given.secrets, ...given.ownSecrets }),
  })
  protocol.validate({ options: values, fileName })
  const entries = Object.entries(values)
  return {
    options: Object.fromEntries(entries.filter(([key]) => !secretKeys.has(key))),
    secrets: Object.fromEntries(entries.flatMap(([key, value]) => (secretKeys.has(key) ? [[key, String(value)]] : []))),
  }
}

/**
 * Makes sure that every common secret is one of some protocol that may run a part of the order.
 * @throws {FlashproofError} option.unknown, option.invalid for an option that is no secret; the value is never told
 */
export function assertSecretsKnown(
  secrets: Readonly<Record<string, string>>,
  candidates: readonly TransferProtocol[],
): void {
  const known = secretKeysOf(candidates)
  const stray = Object.keys(secrets).find(key => !known.has(key))
  if (stray === undefined) return
  const isOption = candidates.some(({ descriptor }) => descriptor.options.some(({ key }) => key === stray))
  const expected = [...known].join(', ') || 'none'
  throw isOption
    ? new FlashproofError('option.invalid', `“${stray}” is no secret`, { key: stray, expected })
    : new FlashproofError('option.unknown', `there is no secret “${stray}”`, { key: stray, known: [...known] })
}

/** What of the given secrets this protocol knows: in an order for several protocols the rest is for the others. */
function secretsFor(
  protocol: TransferProtocol,
  secrets: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const known = secretKeysOf([protocol])
  return Object.fromEntries(Object.entries(secrets).filter(([key]) => known.has(key)))
}

function secretKeysOf(protocols: readonly TransferProtocol[]): ReadonlySet<string> {
  const options = protocols.flatMap(protocol => protocol.descriptor.options)
  return new Set(options.filter(option => option.kind === 'secret').map(option => option.key))
}

/** The result of the first candidate that takes them; the first refusal is the one that is told. */
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
