/** The points at which a named fault may change what a virtual device does. A fault implements the few that it needs. */
import type { JsonValue } from '../python-json.ts'
import type { OtaFaultHooks } from '../arduino-ota/ota-faults.ts'
import type { VirtualIdentity } from '../board/identity.ts'
import type { UpdateFaultHooks } from '../board/update.ts'
import type { EspSerialFaultHooks } from '../esp-serial/esp-faults.ts'
import type { EsphomeFaultHooks } from '../esphome-ota/faults.ts'
import type { TasmotaFaultHooks } from '../tasmota/faults.ts'
import type { BridgeFaultHooks } from '../stm32-bridge/bridge-faults.ts'
import type { PullFaultHooks } from '../fota-pull/pull-faults.ts'
import type { ElegantOtaFaultHooks } from '../elegant-ota/faults.ts'
import type { Stm32FaultHooks } from '../stm32-serial/faults.ts'
import type { UartFaultHooks } from '../uart/line-faults.ts'
import type { YmodemFaultHooks } from '../ymodem/faults.ts'
import type { FileServerHooks } from './file-server-hooks.ts'

export type RequestKind = 'chunk' | 'complete' | 'status' | 'hash' | 'capabilities' | 'telemetry' | 'other'

/** Which request a fault looks at. */
export interface RequestPoint {
  readonly kind: RequestKind
  /** Index of the chunk; null for every other kind. */
  readonly chunk: number | null
  readonly target: string | null
  /** Whether it finished an upload that has no request of its own for that. */
  readonly isLast?: boolean
}

export type Reply =
  | {
      readonly kind: 'json'
      readonly status: number
      readonly value: { readonly [key: string]: JsonValue }
      readonly headers?: Readonly<Record<string, string>>
    }
  | {
      readonly kind: 'text'
      readonly status: number
      readonly contentType: string
      readonly text: string
      /** Sent in place of the text, such as a page that is kept compressed. */
      readonly bytes?: Uint8Array
      readonly headers?: Readonly<Record<string, string>>
    }

/** What the device does with a request whose body it has not read: `ignore` never answers, `cut` ends the connection. */
export type FirstStep = 'serve' | 'ignore' | 'cut' | 'power-loss'

/** Ends the connection inside a body: `reset` sends RST, `close` sends FIN, at `power-loss` the board dies. */
export interface BodyCut {
  readonly afterBytes: number
  readonly how: 'reset' | 'close' | 'power-loss'
}

export interface HashAnswer {
  readonly sha256?: string
  readonly sizeBytes: number
  readonly nonce?: string
  readonly hmac?: string
}

export interface FaultHooks {
  onRequest?(point: RequestPoint): FirstStep
  /** @param receivedBytes chunk bytes of all requests before this one */
  cutBody?(point: RequestPoint, contentBytes: number, receivedBytes: number): BodyCut | null
  /** Sees a chunk as it came in, before it is stored. */
  onChunk?(target: string, index: number, bytes: Uint8Array, declaredSha256: string | null): void
  /** Answers without doing the work. */
  replyInstead?(point: RequestPoint): Reply | null
  /** Changes the bytes that reach the flash; may throw a DeviceError. */
  storeInstead?(index: number, bytes: Uint8Array): Uint8Array
  delayMs?(point: RequestPoint, bodyBytes: number): number
  rewriteReply?(point: RequestPoint, reply: Reply): Reply
  /** Whether the connection is ended in place of the answer. */
  losesReply?(point: RequestPoint): boolean
  answerHash?(target: string, honest: HashAnswer): HashAnswer
  /** Bytes of an older, longer file that stay behind the new one. */
  keepsOldTailBytes?: number
  leaksBytesPerRequest?: number
  /** Changes the new image as the board first boots it. */
  onFirstBoot?(image: Uint8Array): Uint8Array
  /** How long new firmware runs before it panics and the bootloader goes back; absent when it stays. */
  newFirmwarePanicsAfterMs?: number
  identify?(identity: VirtualIdentity, boots: number): VirtualIdentity
  /** How much longer it is away when it restarts. */
  bootsLaterByMs?(): number
  /** Changes texts that the device writes: names, versions, errors. */
  disguise?(text: string): string
  /** What it changes of updates through the Arduino core's `Update`. */
  readonly update?: UpdateFaultHooks
  /** What only ESPHome devices ask. */
  readonly esphome?: EsphomeFaultHooks
  /** What only Tasmota devices ask. */
  readonly tasmota?: TasmotaFaultHooks
  /** What only ElegantOTA devices ask. */
  readonly elegantOta?: ElegantOtaFaultHooks
  /** What only ArduinoOTA devices ask. */
  readonly arduinoOta?: OtaFaultHooks
  /** What only devices ask that pull their firmware. */
  readonly fotaPull?: PullFaultHooks
  /** What only gateways to an STM32 ask. */
  readonly stm32Bridge?: BridgeFaultHooks
  /** What only boards with an Espressif chip on a serial line ask. */
  readonly espSerial?: EspSerialFaultHooks
  /** What the serial line of a device asks. */
  readonly uart?: UartFaultHooks
  /** What only an STM32's own bootloader asks. */
  readonly stm32Serial?: Stm32FaultHooks
  /** What only a receiver of YMODEM asks. */
  readonly ymodem?: YmodemFaultHooks
  /** What only servers ask that put files together from chunks. */
  readonly fileServer?: FileServerHooks
}
