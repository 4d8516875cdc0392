/** Intel HEX as a firmware format: how it is recognised; reading and writing are in the folder of the same name. */
import type { FirmwareFormat, FirmwareSource } from './firmware-format.ts'
import { ACCEPT_MISSING_END, readIntelHex } from './intel-hex/reader.ts'
import { writeIntelHex } from './intel-hex/writer.ts'

export const intelHex: FirmwareFormat = {
  id: 'intel-hex',
  label: { en: 'Intel HEX', vi: 'Intel HEX' },
  extensions: ['hex', 'ihex', 'ihx', 'ihe', 'i32', 'hx', 'a43', 'mcs'],
  isAddressed: true,
  decisions: [ACCEPT_MISSING_END],
  recognise,
  read: readIntelHex,
  write: writeIntelHex,
}

/** `yes` when the text begins with a record; `maybe` for a text whose records come later or look damaged. */
function recognise(source: FirmwareSource): 'yes' | 'maybe' | 'no' {
  // Latin-1 keeps one character a byte; a byte order mark is three characters then.
  const head = Buffer.from(source.head.buffer, source.head.byteOffset, source.head.length).toString('latin1')
  const start = head.replace(/^\u00ef\u00bb\u00bf/, '').trimStart()
  if (/^:[0-9A-Fa-f]{8}/.test(start)) return 'yes'
  // Blank so far, or text in which some line begins like a record: the reader will name what is wrong.
  const isText = /^[\t\n\f\r\x20-\x7e\x80-\xff]*$/.test(start)
  return isText && (start === '' || /^[ \t]*:[0-9A-Fa-f]/m.test(start)) ? 'maybe' : 'no'
}
