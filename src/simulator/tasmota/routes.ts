/** What a Tasmota device answers on its pages (xdrv_01_9_webserver.ino): everything is 200, and only a translated text says how it went. */
import { otherPoint, textReply, type FrontRequest, type FrontRoute, type Outcome } from '../board/http-front.ts'
import { listenAddress } from '../board/listen-address.ts'
import { uploadFormRoute } from '../board/upload-form.ts'
import { restartAfter, type UpdateBoot, type UpdateService } from '../board/update-server.ts'
import { WebLogin } from '../board/web-login.ts'
import { runCommand, type CommandHost } from './commands.ts'
import type { UploadType } from './faults.ts'
import { TasmotaLayout } from './layout.ts'
import { pullFirmware } from './pull.ts'
import {
  mainPage,
  upgradePage,
  upgradeStartedPage,
  uploadPage,
  type TasmotaLanguage,
  type UploadErrorCode,
} from './texts.ts'

export interface TasmotaRules {
  /** Empty: nobody is asked. */
  readonly password: string
  readonly language: TasmotaLanguage
  readonly hasSafeboot: boolean
  /** Whether `/cm` is there. */
  readonly hasApi: boolean
  /** Whether a request without a Referer is denied like one with a wrong Referer. */
  readonly needsReferer: boolean
  readonly rebootDelayMs: number
}

const USERNAME = 'admin'
const SECTOR_BYTES = 0x1000
const IMAGE_MAGIC = 0xe9
const GZIP_MAGIC = 0x1f
/** The page that shows what the file manager or the restore of settings is for; visiting one arms it. */
const armingPages: Readonly<Record<string, UploadType>> = { '/up': 'firmware', '/rs': 'settings', '/ufsd': 'file' }

export function tasmotaService(boot: UpdateBoot, rules: TasmotaRules): UpdateService {
  const device = new TasmotaDevice(boot, rules)
  device.goOn()
  return { route: request => device.route(request), stop: () => device.stop() }
}

class TasmotaDevice implements CommandHost {
  readonly layout: TasmotaLayout
  readonly address = listenAddress()
  otaUrl = 'http://ota.tasmota.com/tasmota32/release/tasmota32.bin'
  readonly #boot: UpdateBoot
  readonly #rules: TasmotaRules
  readonly #login: WebLogin
  #armed: UploadType | null = null
  #error: UploadErrorCode | null = null
  #stopPull: () => void = () => undefined

  constructor(boot: UpdateBoot, rules: TasmotaRules) {
    this.#boot = boot
    this.#rules = rules
    const { password } = rules
    const login = { username: USERNAME, password, scheme: 'basic', realm: 'Tasmota' } as const
    this.#login = new WebLogin(password === '' ? null : login, boot.random)
    this.layout = new TasmotaLayout(boot.board, rules.hasSafeboot)
  }

  get board(): UpdateBoot['board'] {
    return this.#boot.board
  }

  /** Goes on with what it was told before it restarted into safeboot. */
  goOn(): void {
    this.layout.settle()
    const url = this.layout.runsSafeboot ? this.layout.takeUrl() : null
    if (url !== null) this.board.later(0, () => this.#pull(url))
  }

  stop(): void {
    this.#stopPull()
  }

  restart(): void {
    this.board.later(this.#rules.rebootDelayMs, () => void this.board.reboot())
  }

  upgrade(): void {
    if (this.layout.takesApplication) {
      this.board.later(this.#rules.rebootDelayMs, () => this.#pull(this.otaUrl))
    } else {
      this.layout.switchToSafeboot(this.otaUrl)
      this.restart()
    }
  }

  route(request: FrontRequest): FrontRoute | null {
    if (request.path === '/cm') return this.#rules.hasApi ? this.#commandRoute(request) : null
    const route = this.#pageRoute(request)
    if (route === null) return null
    const refusal = this.#login.check(request)
    if (refusal !== null) return this.#refusedRoute(route, { reply: refusal })
    return this.#isDenied(request) ? this.#refusedRoute(route, unsaid) : route
  }

  #pageRoute(request: FrontRequest): FrontRoute | null {
    const { path, method, query } = request
    if (method === 'POST') return path === '/u2' ? this.#uploadRoute(request) : null
    if (method !== 'GET') return null
    const armed = Object.hasOwn(armingPages, path) ? armingPages[path] : undefined
    if (armed !== undefined) return page(() => this.#arm(armed))
    if (path === '/') return page(() => html(mainPage()))
    if (path === '/u1') return page(() => this.#upgradeFrom(query.get('o') ?? ''))
    if (path === '/u4' && query.get('u4') === 'fct') return page(() => this.#switchToSafeboot())
    return null
  }

  #commandRoute(request: FrontRequest): FrontRoute {
    const { query } = request
    const mayPass =
      this.#login.mayPass(request) || (query.get('user') === USERNAME && query.get('password') === this.#rules.password)
    if (!mayPass) {
      const value = { WARNING: 'Need user=<username>&password=<password>' }
      return { point: otherPoint, answer: () => ({ reply: { kind: 'json', status: 401, value } }) }
    }
    if (this.#isDenied(request)) return { point: otherPoint, answer: () => unsaid }
    return {
      point: { kind: 'status', chunk: null, target: null },
      answer: () => ({ reply: { kind: 'json', status: 200, value: runCommand(this, query.get('cmnd') ?? '') } }),
    }
  }

  /** SetOption128 is off: a Referer must begin with this device's address or name. */
  #isDenied({ headers }: FrontRequest): boolean {
    const referer = (headers.referer ?? '').toLowerCase()
    if (referer === '') return this.#rules.needsReferer
    return ![listenAddress(), this.board.identity.id.toLowerCase()].some(host => referer.startsWith(`http://${host}`))
  }

  #refusedRoute(route: FrontRoute, outcome: Outcome): FrontRoute {
    return { point: route.point, onPiece: () => undefined, answer: () => outcome }
  }

  #arm(type: UploadType): Outcome {
    let armed = type
    for (const { tasmota } of this.board.faults.all) {
      if (type === 'firmware') armed = tasmota?.armsInstead?.() ?? armed
    }
    this.#armed = armed
    const remembersAbort = this.board.faults.all.some(({ tasmota }) => tasmota?.remembersAbort?.() === true)
    if (!remembersAbort) this.#error = null
    return html(upgradePage(this.#rules.language))
  }

  #upgradeFrom(url: string): Outcome {
    if (url !== '') this.otaUrl = url
    this.upgrade()
    return html(upgradeStartedPage(this.#rules.language))
  }

  #switchToSafeboot(): Outcome {
    const says = (text: string): Outcome => ({ reply: textReply(200, text) })
    if (!this.#rules.hasSafeboot) return says('none')
    const isHidden = this.board.faults.all.some(({ tasmota }) => tasmota?.hidesSafeboot?.() === true)
    if (this.layout.runsSafeboot) return says(isHidden ? 'false' : 'true')
    this.layout.switchToSafeboot(null)
    return { ...says('false'), restartsAfterMs: this.#rules.rebootDelayMs }
  }

  #uploadRoute(request: FrontRequest): FrontRoute {
    const { update, board } = this.#boot
    const announcedBytes = Number(request.query.get('fsz') ?? 0)
    const armed = this.#armed
    let isFirst = true
    const fail = (error: UploadErrorCode): undefined => {
      this.#error ??= error
    }
    return uploadFormRoute(request, 'arduino', {
      begin: part => {
        for (const { tasmota } of board.faults.all) this.#error ??= tasmota?.uploadError?.() ?? null
        if (part.fileName === '') fail(1)
        return undefined
      },
      write: bytes => {
        if (this.#error !== null || armed === 'file') return undefined
        // Settings are a few KiB; no firmware fits.
        if (armed === 'settings') fail(9)
        else if (armed === null) fail(2)
        else {
          if (isFirst) this.#error = this.#beginWith(bytes, announcedBytes)
          isFirst = false
          if (this.#error === null && update.write(bytes) !== bytes.length) fail(2)
        }
        return undefined
      },
      busyMs: () => update.busyMs,
      end: () => {
        if (this.#error !== null || armed !== 'firmware') return
        if (update.end(true)) this.layout.applicationWritten()
        else fail(6)
      },
      abort: () => {
        fail(7)
        update.end(false)
      },
      answer: () => {
        const error = this.#error
        this.#error = null
        // What failed half-way is closed.
        if (error !== null) update.end(false)
        const outcome = { ...html(uploadPage(this.#rules.language, error)), busyMs: update.busyMs }
        return error === null ? { ...outcome, ...restartAfter(board, this.#rules.rebootDelayMs) } : outcome
      },
    })
  }

  #beginWith(firstBytes: Uint8Array, announcedBytes: number): UploadErrorCode | null {
    const { update, board } = this.#boot
    if (firstBytes[0] !== IMAGE_MAGIC && firstBytes[0] !== GZIP_MAGIC) return 3
    if (announcedBytes > board.options.slotBytes) return 4
    if (!this.layout.takesApplication) return 2
    return update.begin(board.options.slotBytes - SECTOR_BYTES) ? null : 2
  }

  #pull(url: string): void {
    const { update, board } = this.#boot
    if (!update.begin(board.options.slotBytes - SECTOR_BYTES)) return
    const stop = pullFirmware(url, {
      onPiece: piece => void update.write(piece),
      onEnd: isWhole => {
        if (!update.end(isWhole)) return
        this.layout.applicationWritten()
        const { restartsAfterMs } = restartAfter(board, this.#rules.rebootDelayMs)
        if (restartsAfterMs !== undefined) this.restart()
      },
    })
    if (stop === null) update.abort()
    else this.#stopPull = stop
  }
}

const unsaid: Outcome = { reply: textReply(403, 'Forbidden'), isUnsaid: true }

function page(answer: () => Outcome): FrontRoute {
  return { point: otherPoint, answer }
}

function html(text: string): Outcome {
  return { reply: textReply(200, text, 'text/html') }
}
