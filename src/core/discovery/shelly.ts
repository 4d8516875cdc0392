/** Recognises Shelly devices, which fetch their firmware themselves: `GET /shelly`, which asks for no password. */
import { z } from 'zod'
import type { DeviceIdentity } from '../../shared/contract/models.ts'
import type { LocalText } from '../../shared/messages/index.ts'
import { stripControl } from '../../shared/units.ts'
import { HttpClient } from '../links/http-client.ts'
import { normalMac } from './device-key.ts'
import type { HttpEndpoint } from './target.ts'

/** First generation: `type`; later ones: `gen` (shelly-api-docs, /shelly and Shelly.GetDeviceInfo). */
const Answer = z.union([
  z.object({ type: z.string(), mac: z.string(), fw: z.string().optional() }),
  z.object({ gen: z.number(), mac: z.string(), model: z.string().optional(), ver: z.string().optional() }),
])

export interface RecognisedThing {
  readonly note: LocalText
  readonly identity: DeviceIdentity
}

/** Null when something else answers, or nothing. */
export async function recogniseShelly(
  endpoint: HttpEndpoint,
  { signal, timeoutMs }: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<RecognisedThing | null> {
  const client = new HttpClient(endpoint, { connectTimeoutMs: timeoutMs })
  try {
    const answer = await client.request({ method: 'GET', path: '/shelly', timeoutMs, signal })
    const read = Answer.safeParse(JSON.parse(Buffer.from(answer.body).toString('utf8')))
    if (!read.success) return null
    const model = 'type' in read.data ? read.data.type : (read.data.model ?? '')
    const version = 'type' in read.data ? read.data.fw : read.data.ver
    const mac = normalMac(read.data.mac)
    return {
      note: shellyNote([model, version ?? ''].join(' ')),
      identity: { board: stripControl(`Shelly ${model}`.trim(), 64), ...(mac === null ? {} : { mac }) },
    }
  } catch {
    return null
  } finally {
    await client.close()
  }
}

/** @param what model and version, as the device said them */
export function shellyNote(what: string): LocalText {
  const name = stripControl(`Shelly ${what}`.replaceAll(/\s+/g, ' ').trim(), 80)
  return {
    en: `${name}: it fetches its firmware itself and takes none that is sent to it.`,
    vi: `${name}: thiết bị tự tải firmware, không nhận firmware gửi đến.`,
  }
}
