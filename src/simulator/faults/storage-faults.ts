/** Faults of flash, of booting and of identity. */
import { noSpaceLeft } from '../board/device-error.ts'
import { defineFault } from './fault-parameters.ts'

/** Clears the screen, sets the window title, writes a link: what a terminal must never be given. */
const ESCAPES = '\u001b[2J\u001b]0;owned\u0007\u001b]8;;http://127.0.0.1/\u0007'
const MARKUP = '"><img src=x onerror=alert(1)>'
const RIGHT_TO_LEFT_OVERRIDE = '\u202e'

export const storageFaults = {
  'disk-full': defineFault({
    summary: 'has no space left from one part on',
    parameters: { part: { type: 'number', default: 5, minimum: 0, summary: 'index of the first part that fails' } },
    primary: 'part',
    create: ({ part }) => ({
      storeInstead: (index, bytes) => {
        if (index >= part) throw noSpaceLeft()
        return bytes
      },
    }),
  }),
  'stale-longer-file': defineFault({
    summary: 'does not truncate the target: the tail of an older, longer file stays behind the new one',
    parameters: { tail: { type: 'number', default: 4096, minimum: 1, summary: 'bytes that stay at least' } },
    primary: 'tail',
    create: ({ tail }) => ({ keepsOldTailBytes: tail }),
  }),
  'bad-self-check': defineFault({
    summary: 'a bit of the new image flips in flash before its first boot',
    parameters: {},
    primary: null,
    create: (_values, random) => ({
      onFirstBoot: image => {
        const flipped = Uint8Array.from(image)
        // Inside the segments' data, where the checksum covers it.
        const at = Math.min(32 + random.integer(Math.max(1, image.length - 96)), image.length - 1)
        flipped[at] = (flipped[at] ?? 0) ^ (1 << random.integer(8))
        return flipped
      },
    }),
  }),
  rollback: defineFault({
    summary: 'new firmware starts, panics before it is confirmed, and the bootloader goes back to the old one',
    parameters: { ms: { type: 'number', default: 100, minimum: 0, summary: 'how long the new firmware runs' } },
    primary: 'ms',
    create: ({ ms }) => ({ newFirmwarePanicsAfterMs: ms }),
  }),
  'wrong-chip': defineFault({
    summary: 'its telemetry names another chip',
    parameters: { chip: { type: 'text', default: 'ESP32-C3', summary: 'the chip it names' } },
    primary: 'chip',
    create: ({ chip }) => ({ identify: identity => ({ ...identity, chip }) }),
  }),
  'other-device-after-reboot': defineFault({
    summary: 'after a reboot another device answers at the same address',
    parameters: { mac: { type: 'text', default: '02:4f:50:de:ad:01', summary: 'its MAC' } },
    primary: 'mac',
    create: ({ mac }) => ({
      identify: (identity, boots) => (boots === 0 ? identity : { ...identity, mac, id: `${identity.id}-other` }),
    }),
  }),
  'hostile-name': defineFault({
    summary: 'its names, versions and error texts carry escape sequences, markup and a direction override',
    parameters: {},
    primary: null,
    create: () => ({ disguise: text => `${ESCAPES}${RIGHT_TO_LEFT_OVERRIDE}${text}${MARKUP}` }),
  }),
} as const
