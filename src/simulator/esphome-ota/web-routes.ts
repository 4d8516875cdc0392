/** What the `web_server` of ESPHome answers to an update (ota_web_server.cpp): always 200, and no reason for a failure. */
import { otherPoint, textReply, type FrontRequest, type FrontRoute } from '../board/http-front.ts'
import { uploadFormRoute } from '../board/upload-form.ts'
import { restartAfter, type UpdateBoot, type UpdateService } from '../board/update-server.ts'
import { WebLogin, type WebLoginSettings } from '../board/web-login.ts'

export interface WebOtaRules {
  /** Null: nobody is asked for a password. */
  readonly login: WebLoginSettings | null
  /** Whether updates over the web are configured; else 404. */
  readonly hasOta: boolean
  readonly rebootDelayMs: number
}

export function webOtaService(boot: UpdateBoot, rules: WebOtaRules): UpdateService {
  const login = new WebLogin(rules.login, boot.random)
  return {
    route: request => {
      const route = findRoute(boot, rules, request)
      const challenge = route === null ? null : login.check(request)
      if (route === null || challenge === null) return route
      return { point: route.point, onPiece: () => undefined, answer: () => ({ reply: challenge }) }
    },
  }
}

function findRoute(boot: UpdateBoot, rules: WebOtaRules, request: FrontRequest): FrontRoute | null {
  const where = `${request.method} ${request.path}`
  if (where === 'POST /update' && rules.hasOta) return uploadRoute(boot, rules, request)
  if (where !== 'GET /') return null
  const page = `<!DOCTYPE html><html><head><title>${boot.board.identity.id}</title></head><body><esp-app></esp-app></body></html>`
  return { point: otherPoint, answer: () => ({ reply: textReply(200, page, 'text/html') }) }
}

function uploadRoute({ board, update }: UpdateBoot, rules: WebOtaRules, request: FrontRequest): FrontRoute {
  let isStored = false
  let isFailed = false
  return uploadFormRoute(request, 'tolerant', {
    begin: () => {
      isFailed = !update.begin(null)
      return undefined
    },
    write: bytes => {
      if (!isFailed) isFailed = update.write(bytes) !== bytes.length
      return undefined
    },
    busyMs: () => update.busyMs,
    end: () => {
      isStored = !isFailed && update.end(true)
    },
    abort: () => {
      update.abort()
    },
    answer: () => {
      const text = isStored ? 'Update Successful!' : 'Update Failed!'
      const reply = { ...textReply(200, text), headers: { Connection: 'close' } }
      const restart = isStored ? restartAfter(board, rules.rebootDelayMs) : {}
      return { reply, busyMs: update.busyMs, ...restart }
    },
  })
}
