/** The named faults of virtual Tasmota devices. */
import { allowance, defineFault } from '../faults/fault-parameters.ts'
import { imageFaults, uploadFaults } from '../faults/update-faults.ts'
import type { UploadErrorCode } from './texts.ts'

/** Where an upload goes: what the page that was visited last was for. */
export type UploadType = 'firmware' | 'settings' | 'file'

export interface TasmotaFaultHooks {
  /** Error of an upload whatever it holds; null to work. */
  uploadError?(): UploadErrorCode | null
  /** What is armed in place of firmware; null to work. */
  armsInstead?(): UploadType | null
  /** Whether an upload that follows an aborted one is refused for it. */
  remembersAbort?(): boolean
  /** Whether it says that it still restarts into safeboot, though it runs. */
  hidesSafeboot?(): boolean
}

const once = { type: 'number', default: 1, minimum: 0, summary: 'how often; 0 without end' } as const
const codes: Readonly<Record<string, UploadErrorCode>> = {
  '1': 1,
  '2': 2,
  '3': 3,
  '4': 4,
  '6': 6,
  '7': 7,
  '8': 8,
  '9': 9,
}

export const tasmotaFaults = {
  ...uploadFaults,
  ...imageFaults,
  'upload-error': defineFault({
    summary: 'refuses the upload with an error of its list',
    parameters: {
      code: {
        type: 'number',
        default: 2,
        minimum: 1,
        summary: '1 no file, 2 no space, 3 magic, 4 flash, 6 end, 7 aborted, 8 invalid, 9 too large',
      },
      times: once,
    },
    primary: 'code',
    create: ({ code, times }) => {
      const mayStrike = allowance(times)
      return { tasmota: { uploadError: () => (mayStrike() ? (codes[String(code)] ?? 2) : null) } }
    },
  }),
  'armed-elsewhere': defineFault({
    summary: 'somebody visits another page behind the one that arms: the upload becomes settings or a file',
    parameters: {
      type: { type: 'choice', default: 'file', choices: ['file', 'settings'], summary: 'what the other page was for' },
      times: once,
    },
    primary: 'type',
    create: ({ type, times }) => {
      const mayStrike = allowance(times)
      return { tasmota: { armsInstead: () => (mayStrike() ? type : null) } }
    },
  }),
  'remembers-abort': defineFault({
    summary: 'after an aborted upload the next one is refused with error 7, whatever it holds',
    parameters: {},
    primary: null,
    create: () => ({ tasmota: { remembersAbort: () => true } }),
  }),
  'never-safeboot': defineFault({
    summary: 'says that it restarts into safeboot, and never that it is there',
    parameters: {},
    primary: null,
    create: () => ({ tasmota: { hidesSafeboot: () => true } }),
  }),
} as const
