/** Images that no device with an application slot may be sent, whatever it speaks. */
import { app, bootloader, merge, mergedParts } from '../../core/formats/esp-image/esp-files.ts'
import { buildTestImage } from '../../simulator/test-image.ts'
import type { RefusedImage } from './transfer-harness.ts'

/** For devices that any Espressif image would reach: a recognised one that cannot run there is refused. */
export const wrongEspImages: readonly RefusedImage[] = [
  { name: 'a damaged image', image: () => buildTestImage({ fault: 'checksum' }), code: 'image.corrupt' },
  { name: 'a bootloader', image: () => bootloader(), code: 'image.wrong-kind' },
  {
    name: 'a merged image of the whole flash',
    image: () => merge(mergedParts('ESP32', 0x1000)),
    code: 'image.wrong-kind',
  },
]

/** For devices that say which chip they are; the virtual ones are an ESP32. */
export const otherChipImage: RefusedImage = {
  name: 'an image for another chip',
  image: () => app('ESP32-C3', 64 * 1024),
  code: 'image.wrong-chip',
}
