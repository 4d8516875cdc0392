/** Brings virtual boards with HTTPUpdateServer: plain, and with telemetry, a password and the check of the origin. */
import type { TransferHarness } from './transfer-harness.ts'
import { updatePageHarness } from './update-page.ts'

const common = {
  kindId: 'http-update',
  isCleanAfterCancel: true,
  // The network here takes the whole form at once, so that a cancel may come after its last byte.
  boardAfterCancel: ['old-firmware', 'unknown'],
} as const satisfies Partial<Parameters<typeof updatePageHarness>[0]>

export const httpUpdateBoards: readonly TransferHarness[] = [
  updatePageHarness({ ...common, namesImage: false }),
  updatePageHarness({
    ...common,
    variant: 'with telemetry, a password and the check of the origin',
    namesImage: true,
    options: { username: 'admin' },
    secrets: { password: 'secret' },
    device: { username: 'admin', password: 'secret', checksOrigin: true },
  }),
]
