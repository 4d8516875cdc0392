/** Runs the WebAssembly kernel that decodes ordinary data records; its source is fast-records.wat. */
import { kernelBase64 } from './fast-records-kernel.ts'

const TEXT_BYTES = 256 * 1024
/** Two digits make a byte, so the output of a full text needs at most half its size. */
const OUTPUT_START = 80
const TEXT_START = OUTPUT_START + TEXT_BYTES / 2 + 64

/** A compiled kernel; nothing but `WebAssembly` looks inside. */
type KernelModule = object

/** The part of WebAssembly that is used here: Node's types do not declare it, and core is compiled without the DOM. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => KernelModule
  readonly Instance: new (module: KernelModule) => { readonly exports: Readonly<Record<string, unknown>> }
}

interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly decode: (position: number, end: number, offset: number, output: number) => number
  readonly recordCount: { readonly value: number }
  readonly outputLength: { readonly value: number }
}

export class FastRecords {
  /** The text to decode is put here: memory of the kernel, so that nothing is copied. */
  readonly text: Uint8Array
  readonly #memory: Uint8Array
  readonly #kernel: KernelExports

  constructor() {
    module ??= new WebAssembly.Module(Buffer.from(kernelBase64, 'base64'))
    // The committed kernel exports exactly this; a test rebuilds it from its source.
    this.#kernel = new WebAssembly.Instance(module).exports as unknown as KernelExports
    this.#memory = new Uint8Array(this.#kernel.memory.buffer)
    this.text = this.#memory.subarray(TEXT_START, TEXT_START + TEXT_BYTES)
  }

  /**
   * Decodes ordinary data records in text[position..end) until one is not ordinary.
   * @param offset address inside its 64 KiB page that the first record must have
   * @returns the position after the last record that was taken
   */
  decode(position: number, end: number, offset: number): number {
    return this.#kernel.decode(TEXT_START + position, TEXT_START + end, offset, OUTPUT_START) - TEXT_START
  }

  /** How many records the last `decode` took. */
  get recordCount(): number {
    return this.#kernel.recordCount.value
  }

  /** The data of the last `decode`; valid until the next. */
  get data(): Uint8Array {
    return this.#memory.subarray(OUTPUT_START, OUTPUT_START + this.#kernel.outputLength.value)
  }
}

let module: KernelModule | null = null
let spare: FastRecords | null = null

/**
 * Lends a kernel to `use`. One is kept for all, because every instance reserves gigabytes of address space; a reader
 * inside another reader's progress callback gets its own.
 */
export function withFastRecords<Result>(use: (records: FastRecords) => Result): Result {
  const records = spare ?? new FastRecords()
  spare = null
  try {
    return use(records)
  } finally {
    spare = records
  }
}
