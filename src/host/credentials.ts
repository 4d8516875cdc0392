/** Secrets of devices that the operating system keeps encrypted: put into an order by the host, never seen by a page. */
import type { Handlers } from '../shared/contract/index.ts'
import type { Client } from '../shared/rpc/client.ts'

export interface CredentialStore {
  list(): Promise<readonly { readonly device: string; readonly key: string }[]>
  /** @param value null forgets it */
  set(device: string, key: string, value: string | null): Promise<void>
  /** The secrets of one device by their keys; empty when it has none. `device` is an entry's key, or a target. */
  secretsOf(device: string): Promise<Readonly<Record<string, string>>>
}

/**
 * The worker's `job.resume` with the kept secrets added: those of every device that has some, because which jobs go on is
 * the worker's to say. What the request itself gives wins.
 */
export function createResumeWithSecrets(
  client: Pick<Client, 'call'>,
  credentials: CredentialStore,
): Handlers<'worker'>['job.resume'] {
  return async (request, { signal, caller }) => {
    const kept = new Set((await credentials.list()).map(({ device }) => device))
    if (kept.size === 0) return await client.call('job.resume', request, { signal, caller })
    const { devices } = await client.call('device.list', {}, { signal, caller })
    const targetSecrets: Record<string, Record<string, string>> = {}
    for (const device of kept) {
      const secrets = Object.entries(await credentials.secretsOf(device))
      const added = secrets.filter(([name]) => !Object.hasOwn(request.secrets ?? {}, name))
      const targets = [device, ...devices.filter(({ key }) => key === device).map(({ target }) => target)]
      for (const target of targets) {
        targetSecrets[target] = { ...targetSecrets[target], ...Object.fromEntries(added) }
      }
    }
    for (const [target, secrets] of Object.entries(request.targetSecrets ?? {})) {
      targetSecrets[target] = { ...targetSecrets[target], ...secrets }
    }
    return await client.call('job.resume', { ...request, targetSecrets }, { signal, caller })
  }
}

/** The worker's `job.start` with the kept secrets of each target added; what the order itself gives wins. */
export function createOrderWithSecrets(
  client: Pick<Client, 'call'>,
  credentials: CredentialStore,
): Handlers<'worker'>['job.start'] {
  return async (request, caller) =>
    await client.call('job.start', await withKeptSecrets(request, caller, client, credentials), optionsOf(caller))
}

/** The worker's `order.review` with the kept secrets of each target added: it asks what the order itself would ask. */
export function createReviewWithSecrets(
  client: Pick<Client, 'call'>,
  credentials: CredentialStore,
): Handlers<'worker'>['order.review'] {
  return async (request, caller) =>
    await client.call('order.review', await withKeptSecrets(request, caller, client, credentials), optionsOf(caller))
}

type Caller = Parameters<Handlers<'worker'>['job.start']>[1]

interface SecretsOfTargets {
  readonly targets: readonly string[]
  readonly secrets?: Record<string, string> | undefined
  readonly targetSecrets?: Record<string, Record<string, string>> | undefined
}

/** A key that no protocol knows is passed on too: the worker leaves out what is not for the protocol of a target. */
async function withKeptSecrets<Request extends SecretsOfTargets>(
  request: Request,
  caller: Caller,
  client: Pick<Client, 'call'>,
  credentials: CredentialStore,
): Promise<Request> {
  const kept = await credentials.list()
  if (kept.length === 0) return request
  const { devices } = await client.call('device.list', {}, optionsOf(caller))
  const targetSecrets: Record<string, Record<string, string>> = {}
  for (const target of request.targets) {
    const key = devices.find(device => device.target === target || device.name === target)?.key ?? target
    const ofTarget = { ...(await credentials.secretsOf(target)), ...(await credentials.secretsOf(key)) }
    const isGiven = (name: string): boolean => Object.hasOwn(request.secrets ?? {}, name)
    const added = Object.entries(ofTarget).filter(([name]) => !isGiven(name))
    const all = { ...Object.fromEntries(added), ...request.targetSecrets?.[target] }
    if (Object.keys(all).length > 0) targetSecrets[target] = all
  }
  return { ...request, targetSecrets }
}

function optionsOf({ signal, caller }: Caller): { readonly signal: AbortSignal; readonly caller: Caller['caller'] } {
  return { signal, caller }
}
