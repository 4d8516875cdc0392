/** The bytes of the protocol between the gateway and the STM32, 115200 baud, 8N1 (seed 3's firmware). */

export const FW_REQUEST = 0x1c
export const FW_READY = 0x1f
export const FW_LENGTH = 0x02
export const FW_OK = 0x03
export const FW_ERR = 0x04
export const FW_RECEIVED = 0x05
export const CHECKSUM_DATA = 0x06
export const CHECKSUM_OK = 0x07
export const CHECKSUM_ERR = 0x08

/** Data bytes between two acknowledgements. */
export const GROUP_BYTES = 8
