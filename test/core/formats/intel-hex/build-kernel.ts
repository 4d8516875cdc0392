/**
 * Compiles the Intel HEX kernel from its source. Run by itself it writes the result into the sources:
 * `node test/core/formats/intel-hex/build-kernel.ts`
 */
import { readFileSync, writeFileSync } from 'node:fs'
import loadWabt from 'wabt'

const folder = new URL('../../../../src/core/formats/intel-hex/', import.meta.url)

/** Compiles fast-records.wat and gives the module's bytes in base64. */
export async function buildKernelBase64(): Promise<string> {
  const wabt = await loadWabt()
  const source = readFileSync(new URL('fast-records.wat', folder), 'utf8')
  const module = wabt.parseWat('fast-records.wat', source, { simd: true, mutable_globals: true })
  module.validate()
  const { buffer } = module.toBinary({ write_debug_names: false })
  module.destroy()
  return Buffer.from(buffer).toString('base64')
}

/** The TypeScript file that carries the kernel. */
export function kernelFile(base64: string): string {
  const lines = base64.match(/.{1,110}/g) ?? []
  return [
    '/** The compiled fast-records.wat. Do not edit: `node test/core/formats/intel-hex/build-kernel.ts` writes it. */',
    'export const kernelBase64 = [',
    ...lines.map(line => `  '${line}',`),
    "].join('')",
    '',
  ].join('\n')
}

if (import.meta.main) {
  writeFileSync(new URL('fast-records-kernel.ts', folder), kernelFile(await buildKernelBase64()))
}
