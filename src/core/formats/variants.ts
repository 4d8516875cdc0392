/** The choice in a file that holds firmware for several chips: blocks of several families, builds of a manifest. */
import { FlashproofError } from '../../shared/errors.ts'
import { normaliseChipName } from './esp-image/chips.ts'

/**
 * Finds the wanted one by its name, in any usual spelling of a chip (`esp32s3`, `ESP32-S3`).
 * @param names of all that the file holds; at least one
 * @param wanted needed only where there are several
 * @returns its place among the names
 * @throws {FlashproofError} format.variant-needed, format.unknown-variant, both with the names
 */
export function chooseVariant(file: string, names: readonly string[], wanted: string | undefined): number {
  if (wanted === undefined) {
    if (names.length === 1) return 0
    throw new FlashproofError(
      'format.variant-needed',
      `${file} holds firmware for several chips: ${names.join(', ')}; say which one is wanted`,
      { file, variants: names },
    )
  }
  const exact = names.findIndex(name => name.toLowerCase() === wanted.trim().toLowerCase())
  const chip = normaliseChipName(wanted)
  const index = exact === -1 && chip !== null ? names.indexOf(chip) : exact
  if (index !== -1) return index
  throw new FlashproofError(
    'format.unknown-variant',
    `${file} holds nothing for “${wanted}”, only ${names.join(', ')}`,
    {
      file,
      wanted,
      variants: names,
    },
  )
}
