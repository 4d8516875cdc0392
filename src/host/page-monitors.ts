/** The monitors that one page holds: they end with the page, however it ends, and not before another page lets go too. */
import type { Handlers } from '../shared/contract/index.ts'
import type { Client } from '../shared/rpc/client.ts'

export interface PageMonitors {
  readonly handlers: Pick<Handlers<'worker'>, 'monitor.start' | 'monitor.stop'>
  /** Lets go of every monitor that the page still holds, and of those that are being started. */
  close(): void
}

/** @param onStarted told of every monitor that the page began, before the page gets its id */
export function createPageMonitors(
  client: Pick<Client, 'call'>,
  onStarted: (target: string, monitorId: string) => Promise<void> = () => Promise.resolve(),
): PageMonitors {
  /** How often the page holds each. */
  const held = new Map<string, number>()
  let isClosed = false

  const letGo = (monitorId: string): void => {
    // A worker that is gone took its monitors with it.
    client.call('monitor.stop', { monitorId }).catch(() => undefined)
  }

  return {
    handlers: {
      'monitor.start': async (request, { caller }) => {
        // Without the page's signal: a start whose answer were lost would leave a monitor that nobody stops.
        const { monitorId } = await client.call('monitor.start', request, { caller })
        if (isClosed) letGo(monitorId)
        else {
          held.set(monitorId, (held.get(monitorId) ?? 0) + 1)
          await onStarted(request.target, monitorId)
        }
        return { monitorId }
      },
      'monitor.stop': async ({ monitorId }, { caller }) => {
        const count = held.get(monitorId)
        // One that this page does not hold may be another page's.
        if (count === undefined) return {}
        if (count > 1) held.set(monitorId, count - 1)
        else held.delete(monitorId)
        return await client.call('monitor.stop', { monitorId }, { caller })
      },
    },
    close() {
      isClosed = true
      for (const [monitorId, count] of held) for (let hold = 0; hold < count; hold++) letGo(monitorId)
      held.clear()
    },
  }
}
