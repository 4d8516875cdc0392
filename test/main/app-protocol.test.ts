import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createPageHandler, findPageFile, pageScheme } from '../../src/main/app-protocol.ts'
import { PAGE_POLICY } from '../../src/host/page-answers.ts'
import { isPageAddress } from '../../src/main/page-address.ts'

const root = mkdtempSync(join(tmpdir(), 'flashproof-protocol-'))
const folder = join(root, 'page')
mkdirSync(join(folder, 'assets'), { recursive: true })
writeFileSync(join(folder, 'index.html'), '<!doctype html><p>page</p>')
writeFileSync(join(folder, 'assets', 'index-Ab_1.js'), 'export {}')
writeFileSync(join(root, 'main.js'), 'secret')
writeFileSync(join(folder, 'notes.txt'), 'not a part of the page')
const handle = createPageHandler({ folder, readFile: path => readFile(path) })
const get = (url: string, method = 'GET') => handle({ url, method })

afterAll(() => {
  rmSync(root, { recursive: true, force: true })
})

describe('the page’s protocol', () => {
  it('serves the page and its assets with exact types, the policy and no sniffing', async () => {
    const page = await get('app://flashproof/')
    expect(page.status).toBe(200)
    expect(await page.text()).toContain('<p>page</p>')
    expect(Object.fromEntries(page.headers)).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': PAGE_POLICY,
      'x-content-type-options': 'nosniff',
    })
    const script = await get('app://flashproof/assets/index-Ab_1.js?v=1#x')
    expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
  })

  it('allows nothing from elsewhere in its policy', () => {
    expect(PAGE_POLICY.split('; ')).toEqual([
      "default-src 'self'",
      "object-src 'none'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ])
  })

  it.each([
    'app://flashproof/../main.js',
    'app://flashproof/assets/../../main.js',
    'app://flashproof/%2e%2e/main.js',
    'app://flashproof/..%2fmain.js',
    'app://flashproof/..%5cmain.js',
    'app://flashproof/..\\main.js',
    'app://flashproof//main.js',
    'app://flashproof/assets//index-Ab_1.js',
    'app://flashproof/C:/main.js',
    'app://flashproof/index.html%00.js',
    'app://flashproof/.env.js',
    'app://flashproof/notes.txt',
    'app://flashproof/missing.js',
    'app://flashproof/assets',
    'app://flashproof/constructor',
    'app://flashproof/x.__proto__',
    'app://other/index.html',
    'app://flashproof@other/index.html',
    'file:///etc/passwd',
    'not an address',
  ])('does not serve %s', async address => {
    const answer = await get(address)
    expect(answer.status).toBe(404)
    expect(answer.headers.get('content-security-policy')).toBe(PAGE_POLICY)
    expect(await answer.text()).not.toContain('secret')
  })

  it('is only read', async () => {
    expect((await get('app://flashproof/index.html', 'POST')).status).toBe(405)
    const head = await get('app://flashproof/index.html', 'HEAD')
    expect([head.status, await head.text()]).toEqual([200, ''])
  })

  it('is a secure standard origin without a way around the policy', () => {
    expect(pageScheme).toEqual({
      scheme: 'app',
      privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true },
    })
  })

  it('names only files below the page’s folder', () => {
    expect(findPageFile('app://flashproof/a/b.css')).toEqual({
      segments: ['a', 'b.css'],
      contentType: 'text/css; charset=utf-8',
    })
  })
})

describe('an address', () => {
  it.each(['app://flashproof/', 'app://flashproof/index.html?x#y'])('%s is the page’s', address => {
    expect(isPageAddress(address)).toBe(true)
  })

  it.each([
    'app://flashproof.evil/',
    'app://flashproof:80/',
    'app://evil/flashproof',
    'app://user@flashproof/',
    'https://flashproof/',
    'about:blank',
    '',
  ])('%s is not', address => {
    expect(isPageAddress(address)).toBe(false)
  })
})
