/** Runs `inspect` and `convert` inside this process: no worker has to start for a file. The one door to the worker's code. */
import type { CommandName, EventOf, RequestOf, ResponseOf } from '../shared/contract/index.ts'

export type LocalCommandName = Extract<CommandName, 'catalog.get' | 'firmware.inspect' | 'firmware.convert'>

export interface LocalCalls {
  call<Name extends LocalCommandName>(
    name: Name,
    request: RequestOf<Name>,
    options: { readonly signal: AbortSignal },
  ): Promise<ResponseOf<Name>>
}

export async function openLocal(listeners: {
  readonly onProgress: (event: EventOf<'conversion.progressed'>) => void
}): Promise<LocalCalls> {
  const { createLocalHandlers } = await import('../worker/local-handlers.ts')
  const handlers = createLocalHandlers({ onConversionProgress: listeners.onProgress })
  return {
    async call(name, request, { signal }) {
      return await handlers[name](request, { signal, caller: 'host' })
    },
  }
}
