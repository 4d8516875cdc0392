/**
 * What a device with the Arduino core's HTTPUpdateServer answers: always HTTP 200 with success or failure in the text
 * (arduino-esp32, HTTPUpdateServer.h; esp8266/Arduino, ESP8266HTTPUpdateServer).
 */
import { otherPoint, textReply, type FrontRequest, type FrontRoute, type Outcome } from '../board/http-front.ts'
import { uploadFormRoute } from '../board/upload-form.ts'
import { restartAfter, type UpdateBoot, type UpdateService } from '../board/update-server.ts'
import { WebLogin, type WebLoginSettings } from '../board/web-login.ts'

export interface HttpUpdateRules {
  readonly path: string
  /** Null: nobody is asked for a password. */
  readonly login: WebLoginSettings | null
  /** Newer cores for the ESP32 want `Origin: http://<Host>`. */
  readonly checksOrigin: boolean
  readonly rebootDelayMs: number
}

/** The form asks for whole sectors, one less than there are. */
const SECTOR_BYTES = 0x1000
const SUCCESS = '<META http-equiv="refresh" content="15;URL=/">Update Success! Rebooting...'
const FORM_PAGE = `<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'></head><body>
<form method='POST' action='' enctype='multipart/form-data'>Firmware:<br>
<input type='file' accept='.bin,.bin.gz' name='firmware'><input type='submit' value='Update Firmware'></form>
<form method='POST' action='' enctype='multipart/form-data'>FileSystem:<br>
<input type='file' accept='.bin,.bin.gz,.image' name='filesystem'><input type='submit' value='Update FileSystem'></form>
</body></html>`

export function httpUpdateService(boot: UpdateBoot, rules: HttpUpdateRules): UpdateService {
  const login = new WebLogin(rules.login, boot.random)
  return {
    route: request => {
      if (request.path !== rules.path) return null
      if (request.method === 'POST') return uploadRoute(boot, rules, login, request)
      if (request.method !== 'GET') return null
      const reply = login.check(request) ?? textReply(200, FORM_PAGE, 'text/html')
      return { point: otherPoint, answer: () => ({ reply }) }
    },
  }
}

function uploadRoute(
  { board, update }: UpdateBoot,
  rules: HttpUpdateRules,
  login: WebLogin,
  request: FrontRequest,
): FrontRoute {
  // Without a file nobody was let in.
  let isLetIn = false
  let errorText = ''
  const keepError = (): void => {
    errorText = board.faults.disguise(update.errorText)
  }
  return uploadFormRoute(request, 'arduino', {
    begin: part => {
      isLetIn = login.mayPass(request) && (!rules.checksOrigin || comesFromItself(request))
      if (!isLetIn) return undefined
      const target = part.name === 'filesystem' ? 'filesystem' : 'app'
      const sizeBytes = target === 'app' ? board.options.slotBytes - SECTOR_BYTES : null
      if (!update.begin(sizeBytes, target)) keepError()
      return undefined
    },
    write: bytes => {
      if (isLetIn && errorText === '' && update.write(bytes) !== bytes.length) keepError()
      return undefined
    },
    busyMs: () => update.busyMs,
    end: () => {
      if (isLetIn && errorText === '' && !update.end(true)) keepError()
    },
    abort: () => {
      if (isLetIn) update.end(false)
    },
    answer: () => {
      // Without credentials it can only say so in the text; with them it asks for them, whatever was wrong.
      if (!isLetIn) return { reply: login.challenge() ?? page('Update error: Wrong origin received!') }
      if (update.hasError) return { reply: page(`Update error: ${errorText}`), busyMs: update.busyMs }
      return { reply: page(SUCCESS), busyMs: update.busyMs, ...restartAfter(board, rules.rebootDelayMs) }
    },
  })
}

function comesFromItself({ headers }: FrontRequest): boolean {
  return headers.origin === `http://${headers.host ?? ''}`
}

function page(text: string): Outcome['reply'] {
  return textReply(200, text, 'text/html')
}
