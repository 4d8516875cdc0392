/** `esp-serial`: ESP32 boards on a serial line, written through the loader in their ROM or the stub that it loads. */
import { connectBoard } from './connect.ts'
import { createEspSerial } from './create-protocol.ts'

export const espSerial = createEspSerial(connectBoard)
