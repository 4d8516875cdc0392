/** ELF as a firmware format: how it is recognised; reading is in the folder of the same name. */
import { readElf } from './elf/reader.ts'
import { isElf } from './elf/structure.ts'
import type { FirmwareFormat } from './firmware-format.ts'

export const elf: FirmwareFormat = {
  id: 'elf',
  label: { en: 'ELF', vi: 'ELF' },
  extensions: ['elf', 'axf', 'out'],
  isAddressed: true,
  recognise: ({ head }) => (isElf(head) ? 'yes' : 'no'),
  read: readElf,
}
