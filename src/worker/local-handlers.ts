/** Handlers that need no journal and no jobs: the command line runs them in its own process. */
import type { EventOf } from '../shared/contract/events.ts'
import type { Handlers } from '../shared/contract/commands.ts'
import { convertFile } from '../core/formats/convert.ts'
import { firmwareFormats } from '../core/formats/index.ts'
import { inspectFile } from '../core/formats/inspect.ts'
import { appVersion } from './version.ts'

export type LocalHandlers = Pick<Handlers<'worker'>, 'catalog.get' | 'firmware.inspect' | 'firmware.convert'>

export interface LocalWorld {
  readonly onConversionProgress: (event: EventOf<'conversion.progressed'>) => void
}

export function createLocalHandlers({ onConversionProgress }: LocalWorld): LocalHandlers {
  return {
    'catalog.get': async () => {
      // Only this command needs the protocols: their HTTP library takes longer to load than a conversion takes.
      const { transferProtocols } = await import('../core/transfer/index.ts')
      return {
        version: appVersion,
        protocols: transferProtocols.map(protocol => protocol.descriptor),
        formats: firmwareFormats.map(format => ({
          id: format.id,
          label: format.label,
          extensions: [...format.extensions],
          canWrite: format.write !== undefined,
        })),
      }
    },
    'firmware.inspect': ({ path, variant }, { signal }) =>
      inspectFile(path, { signal, ...(variant === undefined ? {} : { variant }) }),
    'firmware.convert': ({ operationId, ...request }, { signal }) =>
      convertFile({
        ...request,
        signal,
        ...(operationId === undefined
          ? {}
          : {
              onProgress: (doneBytes: number, totalBytes: number) => {
                onConversionProgress({ operationId, doneBytes, totalBytes })
              },
            }),
      }),
  }
}
