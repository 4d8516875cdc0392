import { describe, expect, it } from 'vitest'
import { commandGrammars } from '../../src/cli/grammar.ts'
import { renderHelp } from '../../src/cli/help.ts'
import { nearestWord } from '../../src/cli/nearest-word.ts'
import type { ParsedCommand } from '../../src/cli/parsed-command.ts'
import { parseCommandLine } from '../../src/cli/program.ts'
import { FlashproofError } from '../../src/shared/errors.ts'

function words(line: string): string[] {
  return line.split(' ').filter(word => word !== '')
}

function refusal(argv: readonly string[]): FlashproofError {
  try {
    parseCommandLine(argv)
  } catch (thrown) {
    if (thrown instanceof FlashproofError) return thrown
    throw thrown
  }
  throw new Error(`accepted: ${argv.join(' ')}`)
}

const accepted: readonly (readonly [line: string, command: Partial<ParsedCommand>])[] = [
  ['', { kind: 'help', topic: undefined }],
  ['--help', { kind: 'help', topic: undefined }],
  ['-h', { kind: 'help', topic: undefined }],
  ['help flash', { kind: 'help', topic: 'flash' }],
  ['help log export', { kind: 'help', topic: 'log export' }],
  ['help log', { kind: 'help', topic: 'log' }],
  ['flash --help', { kind: 'help', topic: 'flash' }],
  ['flash fw.bin --to x -h', { kind: 'help', topic: 'flash' }],
  ['log --help', { kind: 'help', topic: 'log' }],
  ['log list -h', { kind: 'help', topic: 'log list' }],
  ['--version', { kind: 'version' }],
  ['devices', { kind: 'devices', waitMs: undefined, isJson: false }],
  ['devices --wait 2.5 --json', { kind: 'devices', waitMs: 2500, isJson: true }],
  ['devices --wait=0', { kind: 'devices', waitMs: 0 }],
  ['inspect fw.hex --json', { kind: 'inspect', file: 'fw.hex', isJson: true }],
  ['inspect -- --odd-name.hex', { kind: 'inspect', file: '--odd-name.hex' }],
  ['convert a.hex b.bin', { kind: 'convert', input: 'a.hex', output: 'b.bin', base: undefined, to: undefined }],
  ['convert a b --to srec --base 0x08000000 --fill 0x00', { to: 'srec', base: 0x0800_0000, fillByte: 0 }],
  ['convert a b --base lowest --fill 255', { base: 'lowest', fillByte: 255 }],
  ['convert a b --base 4096', { base: 4096 }],
  ['convert a b --accept missing-end', { accept: ['missing-end'] }],
  ['resume', { kind: 'resume', jobIds: [] }],
  ['resume j1 j2 --accept resume-unidentified --json', { jobIds: ['j1', 'j2'], accept: ['resume-unidentified'] }],
  ['monitor http://10.0.0.1', { kind: 'monitor', target: 'http://10.0.0.1' }],
  ['log list --order A-1 --since 2026-11-21', { kind: 'log list', filter: { order: 'A-1', since: '2026-11-21' } }],
  ['log list --job a --job b --practice', { filter: { jobIds: ['a', 'b'], practice: true } }],
  ['log show j1', { kind: 'log show', jobId: 'j1' }],
  ['log export --format jsonl --out x.jsonl', { kind: 'log export', format: 'jsonl', out: 'x.jsonl', filter: {} }],
  ['log verify', { kind: 'log verify', exportPath: undefined, isPractice: false }],
  ['log verify old.jsonl', { exportPath: 'old.jsonl' }],
  ['simulate --devices demo --json', { kind: 'simulate', devices: 'demo', isJson: true }],
  ['demo', { kind: 'demo', isJson: false }],
  ['serve --port 8080 --simulate', { kind: 'serve', port: 8080, isSimulating: true, isJson: false }],
  ['agent install http://10.0.0.1', { kind: 'not-in-this-version', name: 'agent install' }],
]

const refused: readonly (readonly [line: string, code: string, text: string])[] = [
  ['flsh', 'usage.unknown-command', 'did you mean “flash”?'],
  ['lgo list', 'usage.unknown-command', 'did you mean “log”?'],
  ['log exprot', 'usage.unknown-command', 'did you mean “export”?'],
  ['xyzzyxyzzy', 'usage.unknown-command', '“xyzzyxyzzy”'],
  ['__proto__', 'usage.unknown-command', '__proto__'],
  ['--frobnicate', 'usage.unknown-option', '--frobnicate'],
  ['flash fw.bin --too x', 'usage.unknown-option', 'did you mean --to?'],
  ['flash fw.bin --to x --paralel 4', 'usage.unknown-option', 'did you mean --parallel?'],
  ['devices -x', 'usage.unknown-option', '-x'],
  ['flash', 'usage.missing-argument', 'FILE'],
  ['flash fw.bin', 'usage.missing-argument', '--to TARGET'],
  ['flash fw.bin --to', 'usage.missing-argument', '--to wants TARGET'],
  ['flash fw.bin --to --json', 'usage.missing-argument', '--to wants TARGET'],
  ['convert a', 'usage.missing-argument', 'OUT'],
  ['inspect', 'usage.missing-argument', 'FILE'],
  ['log', 'usage.missing-argument', 'list, show, export, verify'],
  ['log show', 'usage.missing-argument', 'JOB'],
  ['monitor', 'usage.missing-argument', 'TARGET'],
  ['agent install', 'usage.missing-argument', 'TARGET'],
  ['inspect a b', 'usage.invalid-value', '“b”'],
  ['devices --wait soon', 'usage.invalid-value', 'seconds from 0 to 300'],
  ['devices --wait 301', 'usage.invalid-value', 'seconds from 0 to 300'],
  ['devices --wait -1', 'usage.invalid-value', '“-1”'],
  ['devices --json=yes', 'usage.invalid-value', 'takes no value'],
  ['devices --wait 1 --wait 2', 'usage.invalid-value', 'given twice'],
  ['convert a b --to elf', 'usage.invalid-value', 'bin, hex, srec'],
  ['convert a b --fill 256', 'usage.invalid-value', '0 to 255'],
  ['convert a b --fill -1', 'usage.invalid-value', '0 to 255'],
  ['convert a b --base 0x100000000', 'usage.invalid-value', '0xFFFFFFFF'],
  ['convert a b --base zero', 'usage.invalid-value', 'or lowest'],
  ['flash a --to x --parallel 0', 'usage.invalid-value', '1 to 1024'],
  ['flash a --to x --parallel 1025', 'usage.invalid-value', '1 to 1024'],
  ['flash a --to x --first 1.5', 'usage.invalid-value', '1 to 1024'],
  ['flash a --to x --require stord', 'usage.invalid-value', 'did you mean stored?'],
  ['flash a --to x --set nopair', 'usage.invalid-value', 'KEY=VALUE'],
  ['flash a --to x --set =1', 'usage.invalid-value', 'KEY=VALUE'],
  ['flash a --to x --set __proto__=1', 'usage.invalid-value', '“__proto__”'],
  ['flash a --to x --context __proto__=1', 'usage.invalid-value', '“__proto__”'],
  ['flash a --to x --context constructor=1', 'usage.invalid-value', '“constructor”'],
  ['flash a --to x --context prototype=1', 'usage.invalid-value', '“prototype”'],
  ['flash a --to x --context a/b=1', 'usage.invalid-value', '“a/b”'],
  [`flash a --to x --context ${'k'.repeat(65)}=1`, 'usage.invalid-value', 'at most 64'],
  ['flash a --to x --secret __proto__=env:HOME', 'usage.invalid-value', '“__proto__”'],
  ['flash a --to x --context plain', 'usage.invalid-value', 'KEY=VALUE'],
  ['flash a --to x --expect-sha256 12ab', 'usage.invalid-value', '64 hexadecimal digits'],
  ['flash a --to x --secret k=- --secret j=-', 'usage.invalid-value', 'standard input'],
  ['flash a --to x --to=', 'usage.invalid-value', 'not empty'],
  ['log list --since yesterday', 'usage.invalid-value', 'ISO 8601'],
  ['log list --since 2026-13-45', 'usage.invalid-value', 'ISO 8601'],
  ['log export --format xml', 'usage.invalid-value', 'csv, jsonl, json, html'],
  ['log export --json', 'usage.invalid-value', '--out'],
]

describe('the command line', () => {
  it.each(accepted)('understands “%s”', (line, command) => {
    expect(parseCommandLine(words(line))).toMatchObject(command)
  })

  it.each(refused)('refuses “%s” with %s', (line, code, text) => {
    const error = refusal(words(line))
    expect(error.code).toBe(code)
    expect(error.message).toContain(text)
    expect(error.traits.exitCode).toBe(2)
  })

  it('gathers everything that flash takes', () => {
    const line =
      'flash fw.bin --to http://a --to=serial:/dev/ttyUSB0 --protocol esp --set a=1 --set b=x=y --secret k=env:KEY ' +
      '--secret f=file:/run/key --secret s=- --parallel 8 --first 1 --stop-after 2 --require running --recipe r.json ' +
      `--context operator=An --context order=7 --expect-sha256 ${'AB'.repeat(32)} --accept downgrade --accept other ` +
      '--wait-device 30 --dry-run --verbose --json'
    expect(parseCommandLine(words(line))).toEqual({
      kind: 'flash',
      file: 'fw.bin',
      targets: ['http://a', 'serial:/dev/ttyUSB0'],
      protocol: 'esp',
      options: [
        { key: 'a', value: '1' },
        { key: 'b', value: 'x=y' },
      ],
      secrets: [
        { key: 'k', from: 'environment', name: 'KEY' },
        { key: 'f', from: 'file', path: '/run/key' },
        { key: 's', from: 'standard-input' },
      ],
      parallel: 8,
      first: 1,
      stopAfter: 2,
      require: 'running',
      recipe: 'r.json',
      context: [
        { key: 'operator', value: 'An' },
        { key: 'order', value: '7' },
      ],
      expectSha256: 'ab'.repeat(32),
      accept: ['downgrade', 'other'],
      waitDeviceMs: 30_000,
      isDryRun: true,
      isVerbose: true,
      isJson: true,
    })
  })

  it('does not repeat a secret that was written on the command line', () => {
    const error = refusal(['flash', 'a', '--to', 'x', '--secret', 'key=hunter2'])
    expect(error.code).toBe('usage.invalid-value')
    expect(JSON.stringify([error.message, error.details])).not.toContain('hunter2')
  })

  it('keeps a target that begins with dashes out of the options only after “--”', () => {
    expect(parseCommandLine(['monitor', '--', '--json'])).toMatchObject({ target: '--json', isJson: false })
  })
})

describe('help', () => {
  it('names every command in the overview', () => {
    const help = renderHelp(undefined)
    for (const grammar of commandGrammars) expect(help).toContain(grammar.name)
  })

  it.each(commandGrammars.map(grammar => grammar.name))('lists every option of %s within 120 columns', name => {
    const help = renderHelp(name)
    const grammar = commandGrammars.find(candidate => candidate.name === name)
    for (const option of grammar?.options ?? []) expect(help).toContain(`--${option.name}`)
    for (const line of help.split('\n')) expect(line.length).toBeLessThanOrEqual(120)
  })

  it('shows all of a group', () => {
    expect(renderHelp('log')).toContain('log verify')
  })
})

describe('the nearest word', () => {
  it('is one that is a slip away', () => {
    expect(nearestWord('divices', ['devices', 'demo'])).toBe('devices')
    expect(nearestWord('exprot', ['export', 'list'])).toBe('export')
    expect(nearestWord('mon', ['monitor', 'log'])).toBe('monitor')
  })

  it('is none when nothing is near', () => {
    expect(nearestWord('wholly-different', ['devices', 'demo'])).toBeUndefined()
  })
})
