import { describe, expect, it } from 'vitest'
import { parseDeviceLine, type DeviceFact } from '../../../../src/core/telemetry/serial-log/device-line.ts'
import { readByteCount } from '../../../../src/core/telemetry/serial-log/heap-figures.ts'
import { LineSplitter } from '../../../../src/core/telemetry/serial-log/line-splitter.ts'

const factOf = (text: string): DeviceFact | null => parseDeviceLine(text).fact

describe('prefixes of frameworks', () => {
  it.each([
    ['I (1234) wifi: connected', 'esp-idf', 'info', 'wifi', 1234, 'connected'],
    ['W (12:01:02.345) app: hot', 'esp-idf', 'warning', 'app', null, 'hot'],
    ['D (26-11-21 12:01:02.345) app: x', 'esp-idf', 'debug', 'app', null, 'x'],
    [
      'E boot_comm: Image requires chip rev >= v3.0',
      'esp-idf',
      'error',
      'boot_comm',
      null,
      'Image requires chip rev >= v3.0',
    ],
    ['[  1234][I][WiFi.cpp:45] begin(): text', 'arduino', 'info', 'WiFi.cpp', 1234, 'text'],
    ['[I][WiFi.cpp:45] begin(): text', 'arduino', 'info', 'WiFi.cpp', null, 'text'],
    ['[16:47:57][D][sensor:093]: text', 'esphome', 'debug', 'sensor:093', null, 'text'],
    ['[16:47:57.123][VV][api.service:714]: text', 'esphome', 'verbose', 'api.service:714', null, 'text'],
    ['[C][logger:200]: Logger:', 'esphome', 'info', 'logger:200', null, 'Logger:'],
    ['[WARN] low', 'plain', 'warning', '', null, 'low'],
  ])('%s', (text, style, level, tag, uptimeMs, message) => {
    expect(parseDeviceLine(text)).toMatchObject({ log: { style, level, tag, uptimeMs }, message })
  })

  it('leaves a line without one as it is', () => {
    for (const text of ['', 'hello', 'I am here', '[1, 2]', '(I) x']) {
      expect(parseDeviceLine(text)).toEqual({ log: null, message: text, fact: null })
    }
  })
})

describe('heap figures', () => {
  it.each([
    ['[INFO] ESP.getFreeHeap() = 285,432 bytes   Baseline RAM', { pool: 'internal', freeBytes: 285_432 }],
    ['[INFO] ESP.getFreeHeap() = 282,156 bytes   â† ~3KB used for chunk', { pool: 'internal', freeBytes: 282_156 }],
    ['Free heap: 182344', { pool: 'unsaid', freeBytes: 182_344 }],
    ['free_heap 182.344 bytes', { pool: 'unsaid', freeBytes: 182_344 }],
    ['Free heap: 182 344 bytes', { pool: 'unsaid', freeBytes: 182_344 }],
    ['Free heap: 178.5 KB', { pool: 'unsaid', freeBytes: 182_784 }],
    ['heap=182344', { pool: 'unsaid', freeBytes: 182_344 }],
    ['Heap: 182344/327680', { pool: 'unsaid', freeBytes: 182_344, totalBytes: 327_680 }],
    ['{"free_heap":182344}', { pool: 'unsaid', freeBytes: 182_344 }],
    [
      'I (99) app: {"heap":{"free":1000,"min_free":900,"largest_block":800,"total":2000},"x":[1]}',
      { pool: 'unsaid', freeBytes: 1000, minFreeBytes: 900, largestBlockBytes: 800, totalBytes: 2000 },
    ],
    [
      'Free heap: 100000, min free heap: 90000, largest block: 65536',
      { pool: 'unsaid', freeBytes: 100_000, minFreeBytes: 90_000, largestBlockBytes: 65_536 },
    ],
    [
      'heap free=100000 min_free_heap=90000 max_alloc_heap=65536 heap_size=327680',
      { pool: 'unsaid', freeBytes: 100_000, minFreeBytes: 90_000, largestBlockBytes: 65_536, totalBytes: 327_680 },
    ],
    ['ESP.getMinFreeHeap(): 12345', { pool: 'internal', minFreeBytes: 12_345 }],
    ['ESP.getMaxAllocHeap(): 110580', { pool: 'internal', largestBlockBytes: 110_580 }],
    ['esp_get_free_heap_size: 4301000', { pool: 'default', freeBytes: 4_301_000 }],
    ['gc.mem_free() = 111168', { pool: 'gc', freeBytes: 111_168 }],
    ['GC: total: 111168, used: 3984, free: 107184', { pool: 'gc', totalBytes: 111_168, freeBytes: 107_184 }],
    ['[16:47:57][D][debug:041]: Free Heap Size: 226676 bytes', { pool: 'unsaid', freeBytes: 226_676 }],
    [
      '    free 225928 allocated 98340 min_free 225000 largest_free_block 110592',
      {
        pool: 'summary',
        freeBytes: 225_928,
        minFreeBytes: 225_000,
        largestBlockBytes: 110_592,
        totalBytes: 324_268,
      },
    ],
    [
      '[(240, 0, 0, 0), (7288, 20, 12, 4), (113840, 100, 90, 80)]',
      { pool: 'default', totalBytes: 121_368, freeBytes: 120, largestBlockBytes: 90, minFreeBytes: 84 },
    ],
  ])('%s', (text, figures) => {
    expect(factOf(text)).toEqual({ kind: 'heap', ...figures })
  })

  it.each([
    'Free heap: 12.3456',
    'Free heap: 1,2345',
    'Free heap: 285,43',
    'Free heap: 285.432 KB',
    'Free heap: 45%',
    'Free heap: -1',
    'Free heap: 99999999999999',
    'heap 5 regions',
    'free psram heap: n/a',
    'Free PSRAM: 4192139',
    '  At 0x3ffb0000 len 65536 free 1234 allocated 60000 min_free 1000',
    '    largest_free_block 1000 alloc_blocks 10 free_blocks 2 total_blocks 12',
    '{"free_heap":"many"}',
    '{"free_heap":',
    'I (123) heap_init: At 3FFAE6E0 len 00001920 (6 KiB): DRAM',
  ])('reads none out of “%s”', text => {
    expect(factOf(text)).toBeNull()
  })

  it('wants groups of three digits with one and the same separator', () => {
    expect(readByteCount('1,234,567 bytes')).toBe(1_234_567)
    expect(readByteCount('1_234_567')).toBe(1_234_567)
    expect(readByteCount('1,234.567')).toBeNull()
    expect(readByteCount('12 345')).toBe(12)
    expect(readByteCount('3 KiB')).toBe(3072)
    expect(readByteCount('2 MB')).toBe(2 * 1024 * 1024)
    expect(readByteCount('1.5 MB')).toBe(1.5 * 1024 * 1024)
    expect(readByteCount('text')).toBeNull()
  })

  it('knows the heading of a table of regions', () => {
    expect(factOf('Heap summary for capabilities 0x00000800:')).toEqual({ kind: 'heap-summary', capabilities: 0x800 })
  })
})

describe('starts', () => {
  it.each([
    ['rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)', 1, 'POWERON_RESET', 0x13, 'SPI_FAST_FLASH_BOOT'],
    [
      '\\xFF\\x80st:0xc (SW_CPU_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)',
      12,
      'SW_CPU_RESET',
      0x13,
      'SPI_FAST_FLASH_BOOT',
    ],
    [
      'rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))',
      1,
      'POWERON_RESET',
      3,
      'DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2)',
    ],
  ])('%s', (text, code, reason, bootCode, bootMode) => {
    expect(factOf(text)).toEqual({ kind: 'reset', code, reason, bootCode, bootMode })
  })

  it('says what the ROM waits for, and what it cannot start', () => {
    expect(factOf('waiting for download')).toEqual({ kind: 'download-wait' })
    expect(factOf('Rebooting...')).toEqual({ kind: 'rebooting' })
    expect(factOf('invalid header: 0xffffffff')).toEqual({ kind: 'boot-failure', text: 'invalid header: 0xffffffff' })
    expect(factOf('E (56) boot: No bootable app partitions in the partition table')?.kind).toBe('boot-failure')
  })

  it('says which application runs', () => {
    expect(factOf('I (35) app_init: App version:      v1.2.3')).toEqual({
      kind: 'app',
      field: 'version',
      value: 'v1.2.3',
    })
    expect(factOf('I (35) cpu_start: Project name:     pump')).toEqual({ kind: 'app', field: 'project', value: 'pump' })
    const hash = { kind: 'app', field: 'elf-sha256', value: '0123abcd' }
    expect(factOf('I (35) app_init: ELF file SHA256:  0123ABCD...')).toEqual(hash)
    expect(factOf('ELF file SHA256: 0123abcd')).toEqual(hash)
  })
})

describe('crashes', () => {
  it.each([
    [
      "Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was unhandled.",
      { kind: 'panic', core: 0, cause: 'LoadProhibited' },
    ],
    [
      "uru Meditation Error: Core 1 panic'ed (Illegal instruction)",
      { kind: 'panic', core: 1, cause: 'Illegal instruction' },
    ],
    [
      "I (12) wifi: conGuru Meditation Error: Core  1 panic'ed (Interrupt wdt timeout on CPU1).",
      { kind: 'panic', core: 1, cause: 'Interrupt wdt timeout on CPU1' },
    ],
    ['Guru Meditation Error: CoreI (12) wifi: x', { kind: 'panic', core: null, cause: '' }],
    ['abort() was called at PC 0x400d1234 on core 0', { kind: 'abort', pc: 0x400d1234, core: 0 }],
    ['bort() was called at PC 0x42001234', { kind: 'abort', pc: 0x42001234, core: null }],
    ['assert failed: foo main.c:12 (x > 0)', { kind: 'assert', text: 'assert failed: foo main.c:12 (x > 0)' }],
    ['***ERROR*** A stack overflow in task loopTask has been detected.', { kind: 'stack-overflow', task: 'loopTask' }],
    [
      'CORRUPT HEAP: Bad head at 0x3ffb0000. Expected 0xabba1234 got 0x0',
      { kind: 'heap-corruption', text: 'Bad head at 0x3ffb0000. Expected 0xabba1234 got 0x0' },
    ],
    ['Brownout detector was triggered', { kind: 'brownout' }],
    ['Core  0 register dump:', { kind: 'register-dump', core: 0 }],
    ['Stack memory:', { kind: 'stack-memory' }],
    ['3fcde4b0: 0x63333034 0x30303065', { kind: 'stack-words', address: 0x3fcde4b0, words: [0x63333034, 0x30303065] }],
    [
      'PC      : 0x400d1234  PS      : 0x00060330  A0      : 0x800d5678  A1      : 0x3ffb1f70',
      { kind: 'registers', registers: { PC: 0x400d1234, PS: 0x60330, A0: 0x800d5678, A1: 0x3ffb1f70 } },
    ],
    [
      'MEPC    : 0x42007f3a  RA      : 0x42007f36  SP      : 0x3fc915b0  GP      : 0x3fc8b600',
      { kind: 'registers', registers: { MEPC: 0x42007f3a, RA: 0x42007f36, SP: 0x3fc915b0, GP: 0x3fc8b600 } },
    ],
    ['MHARTID : 0x00000000', { kind: 'registers', registers: { MHARTID: 0 } }],
    [
      'E (501) task_wdt: Task watchdog got triggered. The following tasks did not reset the watchdog in time:',
      {
        kind: 'task-watchdog',
        text: 'Task watchdog got triggered. The following tasks did not reset the watchdog in time:',
      },
    ],
    ['E (501) task_wdt:  - IDLE0 (CPU 0)', { kind: 'watchdog-task', task: 'IDLE0', core: 0 }],
  ])('%s', (text, fact) => {
    expect(factOf(text)).toEqual(fact)
  })

  it('reads backtraces, old and new, whole and torn', () => {
    const frames = [
      { pc: 0x400d1234, sp: 0x3ffb1f70 },
      { pc: 0x400d5678, sp: 0x3ffb1f90 },
    ]
    const pairs = '0x400d1234:0x3ffb1f70 0x400d5678:0x3ffb1f90'
    expect(factOf(`Backtrace: ${pairs}`)).toEqual({ kind: 'backtrace', frames, ending: null })
    expect(factOf(`Backtrace:${pairs} `)).toEqual({ kind: 'backtrace', frames, ending: null })
    expect(factOf(`acktrace: ${pairs} |<-CORRUPTED`)).toEqual({ kind: 'backtrace', frames, ending: 'corrupted' })
    expect(factOf(`Backtrace: ${pairs} |<-CONTINUES`)).toEqual({ kind: 'backtrace', frames, ending: 'continues' })
    expect(factOf(`Backtrace: ${pairs} I (12) wifi: 0x1`)).toEqual({ kind: 'backtrace', frames, ending: null })
    expect(factOf(`Backtrace: ${pairs} 0xfffffffe:0x3ffb2000 0x00000000:0x3ffb2010`)).toEqual({
      kind: 'backtrace',
      frames,
      ending: null,
    })
    expect(factOf('Backtrace: 0x400d1')).toBeNull()
  })

  it('takes no other address for a register', () => {
    for (const text of ['Saved PC:0x40052b02', 'load:0x3fcd6100,len:0x1850', 'entry 0x403ce000', 'X: 0x12345678']) {
      expect(factOf(text)).toBeNull()
    }
  })
})

it('reads anything that a broken line delivers without failing', () => {
  // A small generator with a fixed seed: the same lines in each run.
  let state = 0x2545f491
  const next = (below: number): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
  const pieces = ['Backtrace: ', '0x400d1234:0x3ffb1f70 ', 'rst:0x1 (', 'Free heap: ', '{"heap":', '1,234', 'I (1) a: ']
  pieces.push(
    'Guru Meditation Error: ',
    'PC : 0x400d1234 ',
    '\n',
    '\r',
    '\u001b[0;31m',
    'assertion "',
    '[(',
    '}',
    'heap=',
  )
  const noise = Buffer.alloc(65_536).map(() => next(256))
  const splitter = new LineSplitter()
  const heard = new Set<string>()
  const odd: string[] = []
  let lines = 0
  while (lines < 200_000) {
    const at = next(noise.length - 12)
    // As a rule a line ends here; some end in the noise, and some not for long.
    const known = `${pieces[next(pieces.length)] ?? ''}${next(8) > 0 ? '\n' : ''}${pieces[next(pieces.length)] ?? ''}`
    for (const { whole } of splitter.push(Buffer.concat([Buffer.from(known), noise.subarray(at, at + next(12))]))) {
      const { message, fact } = parseDeviceLine(whole)
      heard.add(fact?.kind ?? 'none')
      if (message.length > whole.length || (fact?.kind === 'heap' && !hasSoundFigures(fact))) odd.push(whole)
      lines++
    }
  }
  expect(odd).toEqual([])
  expect([...heard]).toEqual(expect.arrayContaining(['none', 'backtrace', 'heap', 'panic', 'registers']))
}, 30_000)

function hasSoundFigures(fact: DeviceFact): boolean {
  const figures = Object.values(fact).filter(value => typeof value === 'number')
  return figures.length > 0 && figures.every(value => Number.isInteger(value) && value >= 0 && value < 2 ** 32)
}

it('reads the worst lines in bounded time', () => {
  const worst = [
    'Free heap: ',
    'assertion "',
    'st:0x1 (A),boot:0x1 (',
    'PC : 0x400d123',
    '{',
    'Backtrace: ',
    '[(1, 1, 1, 1), ',
    'heap ',
  ]
  const startedMs = performance.now()
  for (const piece of worst) parseDeviceLine(piece.repeat(Math.ceil(4096 / piece.length)).slice(0, 4096))
  expect(performance.now() - startedMs).toBeLessThan(500)
})
