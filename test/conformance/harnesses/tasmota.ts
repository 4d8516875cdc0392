/** Brings virtual Tasmota boards: with two slots and a translated page, and with one slot, safeboot and a password. */
import type { FaultExpectation, TransferHarness } from './transfer-harness.ts'
import { updatePageHarness } from './update-page.ts'

const moreFaults: Readonly<Record<string, FaultExpectation>> = {
  'upload-error': {
    kind: 'passes',
    draw: ({ random }) => ({ name: 'upload-error', code: [1, 2, 3, 4, 6, 7, 8, 9][random.integer(8)] ?? 1 }),
  },
  // Whatever page was visited behind the one that arms: what it does with the image is its own affair.
  'armed-elsewhere': { kind: 'stays', draw: () => ({ name: 'armed-elsewhere' }) },
  'remembers-abort': { kind: 'passes', draw: () => ({ name: 'remembers-abort' }) },
  'never-safeboot': { kind: 'stays', draw: () => ({ name: 'never-safeboot' }) },
}

const common = {
  kindId: 'tasmota',
  namesImage: true,
  // By its version; it has no hash to show.
  best: 'running',
  isCleanAfterCancel: true,
  moreFaults,
  accept: [],
  // It asks for its password in words of its own.
  isRecognised: true,
} as const satisfies Partial<Parameters<typeof updatePageHarness>[0]>

export const tasmotaBoards: readonly TransferHarness[] = [
  updatePageHarness({ ...common, boardAfterCancel: ['old-firmware', 'unknown'], device: { language: 'vi' } }),
  updatePageHarness({
    ...common,
    variant: 'with safeboot and a password',
    boardAfterCancel: ['old-firmware', 'unknown'],
    secrets: { password: 'secret' },
    device: { safeboot: true, password: 'secret', needsReferer: true },
  }),
]
