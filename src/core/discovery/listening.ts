/** Whether this process may listen for devices: FLASHPROOF_DISCOVERY=off keeps it from the network and the ports. */
import type { LocalText } from '../../shared/messages/index.ts'

export function isListeningAllowed(environment: Readonly<Record<string, string | undefined>> = process.env): boolean {
  return environment['FLASHPROOF_DISCOVERY']?.trim().toLowerCase() !== 'off'
}

export const listeningIsOff: LocalText = {
  en: 'Listening is turned off on this computer (FLASHPROOF_DISCOVERY=off). Devices can be added by their address.',
  vi: 'Việc lắng nghe đã tắt trên máy này (FLASHPROOF_DISCOVERY=off). Có thể thêm thiết bị bằng địa chỉ.',
}
