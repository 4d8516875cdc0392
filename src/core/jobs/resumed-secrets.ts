/** The secrets of jobs that go on: nothing keeps them, so whoever resumes a job gives them again. */
import { FlashproofError } from '../../shared/errors.ts'
import type { TransferProtocol } from '../transfer/transfer-protocol.ts'
import type { StoredOrder } from './job-order.ts'

export interface GivenSecrets {
  readonly secrets?: Readonly<Record<string, string>> | undefined
  readonly targetSecrets?: Readonly<Record<string, Readonly<Record<string, string>>>> | undefined
}

/**
 * Those of single targets may be all that somebody keeps, so only what is meant for every job must be known.
 * @throws {FlashproofError} option.invalid for a key that is a secret of no protocol; the value is never told
 */
export function assertKnownSecrets({ secrets = {} }: GivenSecrets, protocols: readonly TransferProtocol[]): void {
  const known = secretKeys(protocols)
  const stray = Object.keys(secrets).find(key => !known.has(key))
  if (stray === undefined) return
  throw new FlashproofError('option.invalid', `“${stray}” is no secret of any protocol`, {
    key: stray,
    expected: [...known].join(', '),
  })
}

/** What of the given secrets is for this job: the rest belongs to other protocols and other targets. */
export function secretsOf(
  order: Pick<StoredOrder, 'target' | 'protocol'>,
  given: GivenSecrets,
  protocols: readonly TransferProtocol[],
): Readonly<Record<string, string>> {
  const known = secretKeys(protocols.filter(({ descriptor }) => (order.protocol ?? descriptor.id) === descriptor.id))
  const { targetSecrets = {} } = given
  // Own names only: a target may be called anything.
  const own = Object.hasOwn(targetSecrets, order.target) ? targetSecrets[order.target] : {}
  return Object.fromEntries(Object.entries({ ...given.secrets, ...own }).filter(([key]) => known.has(key)))
}

/**
 * Looks before a job is touched: one that lacks what its protocol cannot do without stays as it is, to be resumed with it.
 * @param protocolId what the job spoke; null where it came to none
 * @throws {FlashproofError} option.invalid
 */
export function assertSecretsSuffice(
  order: Pick<StoredOrder, 'target' | 'protocol' | 'options' | 'image'>,
  protocolId: string | null,
  given: GivenSecrets,
  protocols: readonly TransferProtocol[],
): void {
  const protocol = protocols.find(({ descriptor }) => descriptor.id === (order.protocol ?? protocolId))
  protocol?.validate({
    options: { ...order.options, ...secretsOf(order, given, protocols) },
    fileName: order.image.fileName,
  })
}

function secretKeys(protocols: readonly TransferProtocol[]): ReadonlySet<string> {
  const options = protocols.flatMap(protocol => protocol.descriptor.options)
  return new Set(options.filter(option => option.kind === 'secret').map(option => option.key))
}
