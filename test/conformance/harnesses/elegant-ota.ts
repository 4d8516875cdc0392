/** Brings virtual boards with ElegantOTA: plain, and with telemetry and Digest. */
import type { TransferHarness } from './transfer-harness.ts'
import { updatePageHarness } from './update-page.ts'

const common = {
  kindId: 'elegant-ota',
  // An upload that broke off stays open in the board until it restarts.
  isCleanAfterCancel: false,
  isRestartedWhenAsked: true,
  boardAfterCancel: ['old-firmware', 'unknown'],
  moreFaults: {
    'open-update': { kind: 'passes', draw: ({ random }) => ({ name: 'open-update', bytes: 1 + random.integer(4096) }) },
    'lost-start': { kind: 'passes', draw: () => ({ name: 'lost-start' }) },
  },
} as const satisfies Partial<Parameters<typeof updatePageHarness>[0]>

export const elegantOtaBoards: readonly TransferHarness[] = [
  updatePageHarness({ ...common, namesImage: false }),
  updatePageHarness({
    ...common,
    variant: 'with telemetry and digest',
    namesImage: true,
    options: { username: 'admin' },
    secrets: { password: 'secret' },
    device: { username: 'admin', password: 'secret', scheme: 'digest' },
  }),
]
