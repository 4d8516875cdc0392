// The scripts that run on the computer of whoever installs the app: the deb's two, and the start of the command.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const resources = join(import.meta.dirname, '../../resources')
const RULES = '60-flashproof-serial.rules'
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flashproof-scripts-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe.skipIf(process.platform === 'win32')('the scripts of the deb', () => {
  /** As electron-builder fills in the names, and as dpkg runs it for a tree other than the running system's. */
  function runScript(name: string, argument: string): void {
    const script = readFileSync(join(resources, 'linux', name), 'utf8')
      .replaceAll('${' + 'sanitizedProductName}', 'Flashproof')
      .replaceAll('${' + 'executable}', 'flashproof-app')
    expect(script).not.toMatch(/\$\{[a-zA-Z]+\}/)
    const result = spawnSync('sh', ['-c', script, name, argument], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], DPKG_ROOT: folder },
    })
    expect(result).toMatchObject({ status: 0, stderr: '' })
  }

  function unpackApp(): void {
    const app = join(folder, 'opt/Flashproof')
    mkdirSync(join(app, 'resources/udev'), { recursive: true })
    writeFileSync(join(app, 'chrome-sandbox'), '')
    writeFileSync(
      join(app, `resources/udev/${RULES}`),
      readFileSync(join(resources, 'linux', RULES)), //
    )
  }

  it('install the command and the rule, and take both away again', () => {
    unpackApp()
    runScript('after-install.sh', 'configure')
    const rule = join(folder, 'usr/lib/udev/rules.d', RULES)
    const command = join(folder, 'usr/bin/flashproof')
    expect(readlinkSync(command)).toBe('/opt/Flashproof/resources/command/flashproof')
    expect(readFileSync(rule, 'utf8')).toContain('TAG+="uaccess"')

    runScript('after-remove.sh', 'remove')
    expect(existsSync(rule)).toBe(false)
    expect(() => readlinkSync(command)).toThrow('ENOENT')
  })

  it('may run again, and leave everything in place while a newer version is installed', () => {
    unpackApp()
    runScript('after-install.sh', 'configure')
    runScript('after-install.sh', 'configure')
    runScript('after-remove.sh', 'upgrade')
    expect(existsSync(join(folder, 'usr/lib/udev/rules.d', RULES))).toBe(true)
  })

  it('leave a command alone that somebody else put in its place', () => {
    unpackApp()
    runScript('after-install.sh', 'configure')
    rmSync(join(folder, 'usr/bin/flashproof'))
    writeFileSync(join(folder, 'usr/bin/flashproof'), 'another')
    runScript('after-remove.sh', 'remove')
    expect(readFileSync(join(folder, 'usr/bin/flashproof'), 'utf8')).toBe('another')
  })
})

describe('the rule for serial adapters', () => {
  const rules = readFileSync(join(resources, 'linux', RULES), 'utf8')

  it.each(['10c4', '1a86', '0403', '303a', '067b', '2e8a'])(
    'gives the person at the computer adapters of %s',
    vendor => {
      expect(rules).toMatch(new RegExp(`^ATTRS\\{idVendor\\}=="${vendor}".*TAG\\+="uaccess"$`, 'm'))
    },
  )

  it('makes nothing writable for everybody and jumps only to labels that are there', () => {
    expect(rules).not.toMatch(/MODE|GROUP|RUN/)
    const jumps = [...rules.matchAll(/GOTO="(\w+)"/g)].map(([, label]) => label)
    const labels = [...rules.matchAll(/^LABEL="(\w+)"$/gm)].map(([, label]) => label)
    expect(new Set(jumps)).toEqual(new Set(labels))
  })
})

describe.skipIf(process.platform === 'win32')('the start of the command', () => {
  /** A command whose program prints what it was given, reached through a link as /usr/bin does. */
  function installCommand(): string {
    const command = join(folder, 'my app/command')
    mkdirSync(join(command, 'out'), { recursive: true })
    writeFileSync(join(command, 'out/cli.js'), 'console.log(JSON.stringify(process.argv.slice(2))); process.exit(3)')
    writeFileSync(join(command, 'flashproof'), readFileSync(join(resources, 'command/flashproof')))
    chmodSync(join(command, 'flashproof'), 0o755)
    const link = join(folder, 'flashproof')
    symlinkSync('my app/command/flashproof', link)
    return link
  }

  function fakeNode(version: string): string {
    const path = join(folder, 'node')
    writeFileSync(path, `#!/bin/sh\necho ${version}\n`)
    chmodSync(path, 0o755)
    return path
  }

  it('passes every word on and its exit code back', () => {
    const result = spawnSync(installCommand(), ['flash', 'a b', '--to=*'], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], FLASHPROOF_NODE: process.execPath },
    })
    expect(result).toMatchObject({ status: 3, stdout: '["flash","a b","--to=*"]\n', stderr: '' })
  })

  it('says what is missing where the Node is too old, with an exit code of its own', () => {
    const result = spawnSync(installCommand(), ['devices'], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], FLASHPROOF_NODE: fakeNode('v22.14.0') },
    })
    expect(result).toMatchObject({ status: 127, stdout: '' })
    expect(result.stderr).toContain('flashproof needs Node.js 24 or newer')
    expect(result.stderr).toContain('is v22.14.0')
  })

  it('says the same where there is no Node', () => {
    const result = spawnSync(installCommand(), [], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], FLASHPROOF_NODE: join(folder, 'nowhere') },
    })
    expect(result).toMatchObject({ status: 127, stdout: '' })
    expect(result.stderr).toContain('was not found')
  })
})
