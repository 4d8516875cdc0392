/** The bytes of ESPHome's own update protocol (ota_esphome.h, espota2.py). */

export const MAGIC = Uint8Array.from([0x6c, 0x26, 0xf7, 0x5c, 0x45])
export const BLOCK_BYTES = 8192

/** What a client says that it knows. */
export const clientFeatures = { compression: 0x01, sha256: 0x02, extended: 0x04 } as const

export const answers = {
  ok: 0x00,
  md5Auth: 0x01,
  sha256Auth: 0x02,
  headerOk: 0x40,
  authOk: 0x41,
  prepareOk: 0x42,
  md5Ok: 0x43,
  receiveOk: 0x44,
  endOk: 0x45,
  compression: 0x46,
  chunkOk: 0x47,
  featureFlags: 0x48,
} as const

export const errors = {
  magic: 0x80,
  prepare: 0x81,
  auth: 0x82,
  write: 0x83,
  end: 0x84,
  noSpaceEsp8266: 0x88,
  noSpaceEsp32: 0x89,
  noPartition: 0x8a,
  md5: 0x8b,
  unsupportedType: 0x8e,
  unknown: 0xff,
} as const

/** Where in a session something happens: what the device is about to answer. */
export const stages = ['greeting', 'features', 'auth', 'prepare', 'md5', 'data', 'received', 'end'] as const
export type Stage = (typeof stages)[number]
