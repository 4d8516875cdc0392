/** Motorola S-record as a firmware format: how it is recognised; reading and writing are in the folder of the same name. */
import type { FirmwareFormat, FirmwareSource } from './firmware-format.ts'
import { ACCEPT_MISSING_END, readSRecord } from './s-record/reader.ts'
import { writeSRecord } from './s-record/writer.ts'

export const sRecord: FirmwareFormat = {
  id: 's-record',
  label: { en: 'Motorola S-record', vi: 'Motorola S-record' },
  extensions: ['srec', 's19', 's28', 's37', 's', 's1', 's2', 's3', 'mot', 'sx', 'mxt', 'exo'],
  isAddressed: true,
  decisions: [ACCEPT_MISSING_END],
  recognise,
  read: readSRecord,
  write: writeSRecord,
}

/** `yes` when the text begins with a record; `maybe` for a text in which some later line begins like one. */
function recognise(source: FirmwareSource): 'yes' | 'maybe' | 'no' {
  // Latin-1 keeps one character a byte; a byte order mark is three characters then.
  const head = Buffer.from(source.head.buffer, source.head.byteOffset, source.head.length).toString('latin1')
  const start = head.replace(/^\u00ef\u00bb\u00bf/, '').trimStart()
  if (/^S[0-9][0-9A-Fa-f]{6}/.test(start)) return 'yes'
  const isText = /^[\t\n\f\r\x20-\x7e\x80-\xff]*$/.test(start)
  return isText && /^[ \t]*[Ss][0-9][0-9A-Fa-f]{6}/m.test(start) ? 'maybe' : 'no'
}
