/** The named faults of virtual ElegantOTA devices. */
import type { UpdateObject, UpdateTarget } from '../board/update.ts'
import { allowance, defineFault } from '../faults/fault-parameters.ts'
import { imageFaults, uploadFaults } from '../faults/update-faults.ts'

export interface ElegantOtaFaultHooks {
  /** Called before the update of a start is begun. */
  beforeStart?(update: UpdateObject, target: UpdateTarget): void
}

const IMAGE_MAGIC = 0xe9

export const elegantOtaFaults = {
  ...uploadFaults,
  ...imageFaults,
  'open-update': defineFault({
    summary: 'an earlier upload was aborted and never closed: the next one is appended to it, until the board restarts',
    parameters: { bytes: { type: 'number', default: 1024, minimum: 1, summary: 'bytes of the earlier upload' } },
    primary: 'bytes',
    create: ({ bytes }) => {
      const mayStrike = allowance(1)
      return {
        elegantOta: {
          beforeStart: (update, target) => {
            if (!mayStrike() || !update.begin(null, target)) return
            update.write(new Uint8Array(bytes).fill(IMAGE_MAGIC))
          },
        },
      }
    },
  }),
  'lost-start': defineFault({
    summary: 'begins the update, then ends the connection without an answer to the start',
    parameters: { times: { type: 'number', default: 1, minimum: 0, summary: 'how often; 0 without end' } },
    primary: 'times',
    create: ({ times }) => {
      const mayStrike = allowance(times)
      return { losesReply: at => at.target === 'start' && mayStrike() }
    },
  }),
} as const
