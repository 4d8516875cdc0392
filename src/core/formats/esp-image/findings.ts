/** The findings about one Espressif image: what is damaged, what follows it, what a technician should know. */
import type { Finding } from '../../../shared/contract/models.ts'
import { chipNameOf } from './image-header.ts'
import type { EspImageLayout } from './image-layout.ts'
import { isFilledWith } from './little-endian.ts'

export function finding(severity: Finding['severity'], code: string, text: string): Finding {
  return { severity, code, text }
}

/** What keeps a device from starting the image. `part` begins each text in a file of several images. */
export function findDamage(layout: EspImageLayout, part = ''): Finding[] {
  const findings: Finding[] = []
  const add = (code: string, text: string): void => {
    findings.push(finding('error', code, part + text))
  }
  if (layout.fault !== null) add(layout.fault.code, layout.fault.text)
  const { checksum, digest } = layout
  if (checksum !== null && checksum.expected !== checksum.found) {
    const [expected, found] = [checksum.expected, checksum.found].map(byte => byte.toString(16).padStart(2, '0'))
    add('bad-checksum', `the checksum of the segments is ${String(found)}, the image says ${String(expected)}`)
  }
  if (digest !== null && digest.expected !== digest.found) {
    add('bad-sha256', `the SHA-256 at the end of the image is not that of its bytes (${digest.found.slice(0, 16)}…)`)
  }
  if (layout.signedDigestValid === false) findings.push(signatureFinding(part))
  return findings
}

export function signatureFinding(part = ''): Finding {
  const text = `${part}the signature block does not belong to these bytes; sign them again`
  return finding('error', 'bad-signature', text)
}

/** What the header leaves open. */
export function findHeaderNotes(layout: EspImageLayout, part = ''): Finding[] {
  const findings: Finding[] = []
  const { header } = layout
  if (chipNameOf(header) === null) {
    const text = `${part}the header names chip id ${String(header.chipId)}, which is not known here`
    findings.push(finding('warning', 'unknown-chip', text))
  }
  if (header.form === 'long' && !header.isHashAppended && layout.fault === null) {
    const text = `${part}the image carries no SHA-256; only its one-byte checksum guards it`
    findings.push(finding('info', 'no-sha256', text))
  }
  if (layout.isSigned) {
    findings.push(finding('info', 'signed-image', `${part}the image ends with a secure-boot signature block`))
  }
  return findings
}

/** What lies behind the end that the file's own structure declares. */
export function findTrailing(trailing: Uint8Array, what: string): Finding[] {
  if (trailing.length === 0) return []
  const count = String(trailing.length)
  if (isFilledWith(trailing, 0xff)) {
    return [finding('info', 'trailing-padding', `${count} bytes of filler (FF) follow the end of the ${what}`)]
  }
  const text = `${count} bytes follow the end of the ${what}; the device ignores them, they are sent as they are`
  return [finding('warning', 'trailing-bytes', text)]
}
