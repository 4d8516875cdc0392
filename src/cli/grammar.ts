/** THE table of the command line: every command with its arguments and options. Parser and help are derived from it. */

interface OptionBase {
  /** Without the two dashes. */
  readonly name: string
  readonly help: string
  readonly isRepeatable?: true
}

export type OptionGrammar =
  | (OptionBase & { readonly kind: 'flag' })
  | (OptionBase & { readonly kind: 'text'; readonly placeholder: string })
  | (OptionBase & {
      readonly kind: 'integer'
      readonly placeholder: string
      readonly minimum: number
      readonly maximum: number
    })
  /** Decimal seconds; the parsed value is in milliseconds. */
  | (OptionBase & { readonly kind: 'seconds'; readonly placeholder: string; readonly maximumSeconds: number })
  /** A flash address, decimal or 0x…; `word` is accepted instead where given. */
  | (OptionBase & { readonly kind: 'address'; readonly placeholder: string; readonly word?: string })
  | (OptionBase & { readonly kind: 'choice'; readonly placeholder: string; readonly choices: readonly string[] })
  | (OptionBase & { readonly kind: 'pair'; readonly placeholder: string })
  | (OptionBase & { readonly kind: 'secret'; readonly placeholder: string })
  | (OptionBase & { readonly kind: 'sha256'; readonly placeholder: string })
  | (OptionBase & { readonly kind: 'date'; readonly placeholder: string })

export interface ArgumentGrammar {
  readonly name: string
  readonly isOptional?: true
  readonly isRepeatable?: true
}

export interface CommandGrammar {
  /** One word, or two for a command of a group: `log export`. */
  readonly name: string
  readonly summary: string
  readonly arguments: readonly ArgumentGrammar[]
  readonly options: readonly OptionGrammar[]
  readonly notes?: readonly string[]
}

/** The order of the evidence ladder; the same ids as in the contract. */
export const levelNames = ['sent', 'acknowledged', 'received', 'stored', 'running', 'confirmed'] as const
export const exportFormatNames = ['csv', 'jsonl', 'json', 'html'] as const
export const imageFormatNames = ['bin', 'hex', 'srec'] as const

const json = { kind: 'flag', name: 'json', help: 'print one JSON object a line on stdout' } as const
const variant = {
  kind: 'text',
  name: 'variant',
  placeholder: 'NAME',
  help: 'which chip, for a UF2 file or a manifest that holds firmware for several',
} as const
const verbose = { kind: 'flag', name: 'verbose', help: "print each job's log lines too" } as const
const secret: OptionGrammar = {
  kind: 'secret',
  name: 'secret',
  placeholder: 'KEY=SOURCE',
  isRepeatable: true,
  help: 'a secret from env:NAME, file:PATH or - (standard input)',
}
const accept = {
  kind: 'text',
  name: 'accept',
  placeholder: 'CODE',
  isRepeatable: true,
  help: 'answer a decision in advance; the record says so',
} as const
const practice = { kind: 'flag', name: 'practice', help: 'the practice journal of virtual devices' } as const
const devices = {
  kind: 'text',
  name: 'devices',
  placeholder: 'SPEC',
  help: 'how many, demo, mixed, or KIND[:COUNT][+TRAIT][+FAULT[@VALUE]]… (default: 4)',
} as const

const logFilters = [
  { kind: 'text', name: 'job', placeholder: 'JOB', isRepeatable: true, help: 'only this job' },
  { kind: 'text', name: 'batch', placeholder: 'BATCH', help: 'only the jobs of this batch' },
  { kind: 'text', name: 'order', placeholder: 'ORDER', help: 'only the jobs of this order' },
  { kind: 'date', name: 'since', placeholder: 'DATE', help: 'ended at or after this ISO 8601 date or time' },
  { kind: 'date', name: 'until', placeholder: 'DATE', help: 'ended at or before this ISO 8601 date or time' },
  practice,
] as const

const targetNotes = [
  'TARGET: http://host[:port][/path], serial:/dev/ttyUSB0, rfc2217://host:port, tcp://host:port, udp://host:port,',
  '        pull://INTERFACE[:PORT]/DEVICE-ID, mac:AA:BB:CC:DD:EE:FF, or a name that `devices` lists.',
]

export const commandGrammars = [
  {
    name: 'devices',
    summary: 'List the devices that can be found or are remembered.',
    arguments: [],
    options: [
      {
        kind: 'seconds',
        name: 'wait',
        placeholder: 'SECONDS',
        maximumSeconds: 300,
        help: 'how long to listen (0 to 300, default 3)',
      },
      {
        kind: 'text',
        name: 'scan',
        placeholder: 'CIDR',
        help: 'search these addresses too, such as 192.168.4.0/24 (at most a /20)',
      },
      {
        kind: 'integer',
        name: 'rate',
        placeholder: 'N',
        minimum: 1,
        maximum: 500,
        help: 'addresses a second (default: 50)',
      },
      {
        kind: 'integer',
        name: 'port',
        placeholder: 'PORT',
        minimum: 1,
        maximum: 65_535,
        isRepeatable: true,
        help: 'a port of web servers to look at instead of 80; repeat for more',
      },
      {
        kind: 'flag',
        name: 'identify',
        help: 'ask each serial port which chip it is; this restarts the boards',
      },
      { kind: 'flag', name: 'public', help: 'the range may lie outside private networks' },
      { kind: 'text', name: 'import', placeholder: 'FILE', help: 'remember the devices of a CSV file' },
      { kind: 'text', name: 'export', placeholder: 'FILE', help: 'write the remembered devices as CSV' },
      json,
    ],
    notes: [
      '--scan connects to each address and reads; it writes nothing to any device.',
      '--identify restarts every board on a serial port into its loader and back; it writes nothing to any device.',
    ],
  },
  {
    name: 'inspect',
    summary: 'Show what a firmware file holds.',
    arguments: [{ name: 'FILE' }],
    options: [variant, json],
  },
  {
    name: 'convert',
    summary: 'Convert firmware between binary, Intel HEX and S-record.',
    arguments: [{ name: 'IN' }, { name: 'OUT' }],
    options: [
      {
        kind: 'choice',
        name: 'to',
        placeholder: 'FORMAT',
        choices: imageFormatNames,
        help: "bin, hex or srec (default: by OUT's extension)",
      },
      {
        kind: 'address',
        name: 'base',
        placeholder: 'ADDRESS',
        word: 'lowest',
        help: 'flash address of the first output byte, or lowest (default: lowest)',
      },
      {
        kind: 'integer',
        name: 'fill',
        placeholder: 'BYTE',
        minimum: 0,
        maximum: 255,
        help: 'what gaps are filled with (default: 0xFF)',
      },
      variant,
      accept,
      json,
    ],
  },
  {
    name: 'flash',
    summary: 'Send firmware to one or many devices and prove what arrived.',
    arguments: [{ name: 'FILE' }],
    options: [
      { kind: 'text', name: 'to', placeholder: 'TARGET', isRepeatable: true, help: 'a device; repeat for more' },
      { kind: 'text', name: 'protocol', placeholder: 'ID', help: 'how to talk to it (default: found out by reading)' },
      { kind: 'pair', name: 'set', placeholder: 'KEY=VALUE', isRepeatable: true, help: 'an option of the protocol' },
      secret,
      {
        kind: 'integer',
        name: 'parallel',
        placeholder: 'N',
        minimum: 1,
        maximum: 1024,
        help: 'how many devices at once (1 to 1024)',
      },
      {
        kind: 'integer',
        name: 'first',
        placeholder: 'N',
        minimum: 1,
        maximum: 1024,
        help: 'try this many first; go on only when all of them succeed',
      },
      {
        kind: 'integer',
        name: 'stop-after',
        placeholder: 'N',
        minimum: 1,
        maximum: 1024,
        help: 'start no more after this many failures',
      },
      {
        kind: 'choice',
        name: 'require',
        placeholder: 'LEVEL',
        choices: levelNames,
        help: `what each device must prove: ${levelNames.join(', ')}`,
      },
      { kind: 'text', name: 'recipe', placeholder: 'FILE', help: 'a JSON file with these settings' },
      {
        kind: 'pair',
        name: 'context',
        placeholder: 'KEY=VALUE',
        isRepeatable: true,
        help: 'for the record: operator, order, unit-serial, note, station',
      },
      { kind: 'sha256', name: 'expect-sha256', placeholder: 'HEX', help: 'refuse a file with another SHA-256' },
      variant,
      accept,
      {
        kind: 'seconds',
        name: 'wait-device',
        placeholder: 'SECONDS',
        maximumSeconds: 86_400,
        help: 'wait this long for a device that does not answer yet',
      },
      { kind: 'flag', name: 'dry-run', help: 'check all that can be checked by reading; send nothing' },
      verbose,
      json,
    ],
    notes: targetNotes,
  },
  {
    name: 'resume',
    summary: 'Go on with stopped jobs where each stopped (none named: all interrupted and paused ones).',
    arguments: [{ name: 'JOB', isOptional: true, isRepeatable: true }],
    options: [secret, accept, verbose, json],
  },
  {
    name: 'monitor',
    summary: "Show a device's telemetry and log lines until stopped.",
    arguments: [{ name: 'TARGET' }],
    options: [
      {
        kind: 'integer',
        name: 'baud',
        placeholder: 'RATE',
        minimum: 300,
        maximum: 5_000_000,
        help: 'rate of a serial line (default: 115200)',
      },
      { kind: 'flag', name: 'reset', help: 'restart the board by its reset line; without it, it is left running' },
      { kind: 'text', name: 'send', placeholder: 'TEXT', isRepeatable: true, help: 'send this line once it is open' },
      {
        kind: 'choice',
        name: 'line-end',
        placeholder: 'END',
        choices: ['lf', 'crlf', 'cr', 'none'],
        help: 'what ends a line that is sent: lf, crlf, cr or none (default: lf)',
      },
      {
        kind: 'text',
        name: 'log-file',
        placeholder: 'PATH',
        help: 'write the lines to this file too, with their times',
      },
      {
        kind: 'integer',
        name: 'log-size',
        placeholder: 'MIB',
        minimum: 1,
        maximum: 1024,
        help: 'begin a new file at this size; the full one becomes PATH.1 (default: 16)',
      },
      {
        kind: 'integer',
        name: 'log-keep',
        placeholder: 'N',
        minimum: 0,
        maximum: 99,
        help: 'how many full files are kept (default: 4)',
      },
      { kind: 'text', name: 'elf', placeholder: 'FILE', help: 'find the places of crashes in this ELF file' },
      json,
    ],
    notes: [...targetNotes, 'Of a serial line each line that is typed or piped in is sent to the board.'],
  },
  {
    name: 'log list',
    summary: 'List the jobs on record.',
    arguments: [],
    options: [...logFilters, json],
  },
  {
    name: 'log show',
    summary: "Show one job's record and log.",
    arguments: [{ name: 'JOB' }],
    options: [json],
  },
  {
    name: 'log export',
    summary: 'Export records (without --out: to stdout).',
    arguments: [],
    options: [
      {
        kind: 'choice',
        name: 'format',
        placeholder: 'FORMAT',
        choices: exportFormatNames,
        help: "csv, jsonl, json or html (default: by --out's extension, else csv)",
      },
      { kind: 'text', name: 'out', placeholder: 'FILE', help: 'where to write' },
      ...logFilters,
      json,
    ],
  },
  {
    name: 'log verify',
    summary: 'Check the hash chain of the journal, or of an export from anywhere.',
    arguments: [{ name: 'EXPORT', isOptional: true }],
    options: [practice, json],
  },
  {
    name: 'simulate',
    summary: 'Run virtual devices until stopped; prints the TARGET of each.',
    arguments: [],
    options: [devices, json],
  },
  {
    name: 'serve',
    summary: 'Serve the workstation to a browser on this machine until stopped; prints the address.',
    arguments: [],
    options: [
      {
        kind: 'integer',
        name: 'port',
        placeholder: 'N',
        minimum: 0,
        maximum: 65_535,
        help: 'TCP port on 127.0.0.1 (default: one that is free)',
      },
      { kind: 'flag', name: 'simulate', help: 'with four virtual devices to practise with, one of which lies' },
      json,
    ],
    notes: ['An address is good for one tab; the next one is printed when it was used.'],
  },
  {
    name: 'demo',
    summary: 'Eight virtual devices, a batch, the exported log, then the end.',
    arguments: [],
    options: [json],
  },
  {
    name: 'agent install',
    summary: 'Put the device agent on a board (not in this version).',
    arguments: [{ name: 'TARGET', isRepeatable: true }],
    options: [],
  },
] as const satisfies readonly CommandGrammar[]

export type GrammarName = (typeof commandGrammars)[number]['name']

export function findGrammar(name: string): CommandGrammar | undefined {
  return commandGrammars.find(grammar => grammar.name === name)
}
