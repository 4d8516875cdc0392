/**
 * What an ElegantOTA device answers: version 3 (ElegantOTA.cpp) or AsyncElegantOTA version 2, with their faults: the MD5 is
 * set before `Update.begin`, which forgets it, and a begin while another update is open looks like success.
 */
import { gzipSync } from 'node:zlib'
import { otherPoint, textReply, type FrontRequest, type FrontRoute, type Outcome } from '../board/http-front.ts'
import { uploadFormRoute, type UploadForm } from '../board/upload-form.ts'
import { restartAfter, type UpdateBoot, type UpdateService } from '../board/update-server.ts'
import type { UpdateTarget } from '../board/update.ts'
import { WebLogin, type WebLoginSettings } from '../board/web-login.ts'

export interface ElegantOtaRules {
  /** Null: nobody is asked for a password. */
  readonly login: WebLoginSettings | null
  /** ESPAsyncWebServer in place of the WebServer of the Arduino core. */
  readonly isAsync: boolean
  readonly version: 2 | 3
  /** `setAutoReboot`. */
  readonly restarts: boolean
  readonly rebootDelayMs: number
}

const page = gzipSync(
  '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>ElegantOTA</title></head><body><div id="app"></div></body></html>',
)
const startPoint = { ...otherPoint, target: 'start' } as const

export function elegantOtaService(boot: UpdateBoot, rules: ElegantOtaRules): UpdateService {
  const login = new WebLogin(rules.login, boot.random)
  const session = new ElegantOtaSession(boot, rules)
  return {
    route: request => {
      const route = findRoute(request, rules.version, session)
      const challenge = route === null ? null : login.check(request)
      return route === null || challenge === null ? route : refusedRoute(route, { reply: challenge }, rules.isAsync)
    },
  }
}

/** The asynchronous server refuses as soon as it has read the head; the other one reads the body first. */
function refusedRoute(route: FrontRoute, outcome: Outcome, isAsync: boolean): FrontRoute {
  return { point: route.point, onPiece: () => (isAsync ? outcome : undefined), answer: () => outcome }
}

function findRoute(request: FrontRequest, version: 2 | 3, session: ElegantOtaSession): FrontRoute | null {
  const where = `${request.method} ${request.path}`
  if (where === 'GET /update') return { point: otherPoint, answer: () => ({ reply: pageReply() }) }
  if (version === 2) {
    if (where === 'POST /update') return session.versionTwoUpload(request)
    if (where !== 'GET /update/identity') return null
    return { point: otherPoint, answer: () => ({ reply: session.identity() }) }
  }
  if (where === 'GET /ota/start') return { point: startPoint, answer: () => session.start(request.query) }
  return where === 'POST /ota/upload' ? session.upload(request) : null
}

function pageReply(): Outcome['reply'] {
  const headers = { 'Content-Encoding': 'gzip' }
  return { kind: 'text', status: 200, contentType: 'text/html', text: '', bytes: page, headers }
}

class ElegantOtaSession {
  readonly #boot: UpdateBoot
  readonly #rules: ElegantOtaRules
  #errorText = ''

  constructor(boot: UpdateBoot, rules: ElegantOtaRules) {
    this.#boot = boot
    this.#rules = rules
  }

  start(query: URLSearchParams): Outcome {
    const { update, board } = this.#boot
    const target: UpdateTarget = query.get('mode') === 'fs' ? 'filesystem' : 'app'
    const hash = query.get('hash')
    for (const { elegantOta } of board.faults.all) elegantOta?.beforeStart?.(update, target)
    if (hash !== null && !update.setMd5(hash)) return { reply: textReply(400, 'MD5 parameter invalid') }
    if (!update.begin(null, target)) this.#keepError()
    return { reply: update.hasError ? textReply(400, this.#errorText) : textReply(200, 'OK') }
  }

  upload(request: FrontRequest): FrontRoute {
    const { update } = this.#boot
    const form: UploadForm = {
      begin: () => undefined,
      write: bytes => {
        const isTaken = update.write(bytes) === bytes.length
        // The other server's handler goes on and answers at the end.
        if (isTaken || !this.#rules.isAsync) return undefined
        return { reply: textReply(400, 'Failed to write chunked data to free space') }
      },
      busyMs: () => update.busyMs,
      end: () => {
        if (!update.end(true)) this.#keepError()
      },
      // No `abort`: what a lost connection leaves open stays open.
      answer: () => {
        if (update.hasError) return closing(textReply(400, this.#errorText), update.busyMs)
        return { ...closing(textReply(200, 'OK'), update.busyMs), ...this.#restart() }
      },
    }
    return uploadFormRoute(request, this.#rules.isAsync ? 'tolerant' : 'arduino', form)
  }

  /** AsyncElegantOTA 2: one request, with the MD5 as a field in front of the file. */
  versionTwoUpload(request: FrontRequest): FrontRoute {
    const { update } = this.#boot
    const refused = (text: string): Outcome => ({ reply: textReply(400, text) })
    const form: UploadForm = {
      begin: (part, fields) => {
        const md5 = fields.get('MD5')
        const target: UpdateTarget = part.fileName === 'filesystem' ? 'filesystem' : 'app'
        if (md5 === undefined) return refused('MD5 parameter missing')
        for (const { elegantOta } of this.#boot.board.faults.all) elegantOta?.beforeStart?.(update, target)
        if (!update.setMd5(md5)) return refused('MD5 parameter invalid')
        return update.begin(null, target) ? undefined : refused('OTA could not begin')
      },
      write: bytes => (update.write(bytes) === bytes.length ? undefined : refused('OTA could not begin')),
      busyMs: () => update.busyMs,
      end: () => void update.end(true),
      answer: () => {
        if (update.hasError) return closing(textReply(500, 'FAIL'), update.busyMs)
        return { ...closing(textReply(200, 'OK'), update.busyMs), ...this.#restart() }
      },
    }
    return uploadFormRoute(request, 'tolerant', form)
  }

  identity(): Outcome['reply'] {
    const { id, chip } = this.#boot.board.identity
    return { kind: 'json', status: 200, value: { id, hardware: chip } }
  }

  #restart(): Pick<Outcome, 'restartsAfterMs'> {
    return this.#rules.restarts ? restartAfter(this.#boot.board, this.#rules.rebootDelayMs) : {}
  }

  #keepError(): void {
    this.#errorText = `${this.#boot.board.faults.disguise(this.#boot.update.errorText)}\n`
  }
}

function closing(reply: Outcome['reply'], busyMs: number): Outcome {
  return { reply: { ...reply, headers: { ...reply.headers, Connection: 'close' } }, busyMs }
}
