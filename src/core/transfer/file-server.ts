/**
 * What holds for every server that keeps an uploaded file: how the board stands around the upload, what can be proven of
 * it, and the restart that a person may wait for.
 */
import type { BoardNow, TelemetrySample, Unplug } from '../../shared/contract/models.ts'
import type { OptionSpec } from '../../shared/option-spec.ts'
import { HttpAuth } from '../links/http-auth.ts'
import { levelRank, type Reach } from './evidence.ts'
import { watchRestart } from './restart-watch.ts'
import type { TelemetryQuestions } from './telemetry-questions.ts'
import type { TransferContext, TransferOrder, TransferReport } from './transfer-protocol.ts'

export interface BoardStanding {
  readonly boardNow: BoardNow
  readonly unplug: Unplug
}

/** Chunks go to temporary files: until the last one all is as it was. */
export const untouched: BoardStanding = { boardNow: 'old-firmware', unplug: 'safe' }

/** The last chunk is under way, or its answer was lost: the server may be putting the file in its place now. */
export const unclear: BoardStanding = { boardNow: 'unknown', unplug: 'keep-powered' }

/** The server says that it has the file, or dropped the upload for good: which program starts next is not its to say. */
export const settled: BoardStanding = { boardNow: 'unknown', unplug: 'safe' }

const LONGEST_NAME = 200

/** For servers that ask who is there. */
export const credentialOptions: readonly OptionSpec[] = [
  {
    key: 'username',
    kind: 'text',
    maximumLength: LONGEST_NAME,
    defaultValue: '',
    label: { en: 'User name', vi: 'Tên người dùng' },
    help: {
      en: 'For servers that ask for one (HTTP Basic or Digest); empty: none is sent.',
      vi: 'Dùng cho máy chủ có hỏi (HTTP Basic hoặc Digest); để trống: không gửi.',
    },
  },
  {
    key: 'password',
    kind: 'secret',
    label: { en: 'Password', vi: 'Mật khẩu' },
    help: { en: 'Belongs to the user name.', vi: 'Đi kèm tên người dùng.' },
  },
]

/**
 * @param basePath what the client puts before every path
 * @throws {FlashproofError} option.invalid for a name that HTTP cannot carry
 */
export function authFor(given: { username: string; password: string }, basePath = ''): HttpAuth | null {
  const { username, password } = given
  return username === '' && password === '' ? null : new HttpAuth({ username, password, basePath })
}

/**
 * An upload server keeps a file and says so. What runs is only to be learnt from a device that tells it in its telemetry,
 * and whether it starts the uploaded file at all shows only at its restart.
 */
export function fileServerReach(telemetry: TelemetrySample | null): Reach {
  const isRestartVisible = telemetry?.bootCount !== undefined || telemetry?.uptimeMs !== undefined
  const namesItsApp = telemetry?.appElfSha256 !== undefined || telemetry?.appVersion !== undefined
  const running = isRestartVisible && namesItsApp ? 'unknown' : 'no'
  return { sent: 'yes', acknowledged: 'yes', received: 'no', stored: 'no', running, confirmed: running }
}

export function isRunningAsked({ requiredLevel }: Pick<TransferOrder, 'requiredLevel'>): boolean {
  return requiredLevel !== null && levelRank(requiredLevel) >= levelRank('running')
}

/** Only where a device tells what it runs, and a person asks for that, its restart is awaited. */
export async function followFile(
  order: TransferOrder,
  context: TransferContext,
  telemetry: TelemetryQuestions,
  otherwise: TransferReport,
): Promise<TransferReport> {
  if (!isRunningAsked(order) || !telemetry.namesItsApp) return otherwise
  return await watchRestart({
    order,
    context,
    before: order.telemetryBefore ?? telemetry.before,
    ask: timeoutMs => telemetry.askAfresh(timeoutMs),
    written: 'app',
    otherwise,
    cannotName: 'The device does not name the firmware that it runs.',
  })
}

/** A path segment that climbs nowhere and can stand in a header. */
export function isSingleName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\\]/.test(name) && !hasControl(name)
}

export function hasControl(text: string): boolean {
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    if (code < 0x20 || code === 0x7f) return true
  }
  return false
}
