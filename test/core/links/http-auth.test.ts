import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { authorised, HttpAuth } from '../../../src/core/links/http-auth.ts'
import { readChallenges } from '../../../src/core/links/http-challenge.ts'
import type { HttpAnswer, HttpRequest } from '../../../src/core/links/http-client.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'

function answer(status: number, challenge?: string): HttpAnswer {
  const headers = new Map(challenge === undefined ? [] : [['www-authenticate', challenge]])
  return { status, contentType: '', headers, body: new Uint8Array(), durationMs: 1 }
}

function refused(challenge: string): HttpAnswer {
  return answer(401, challenge)
}

/** The parameters of a Digest header, by the parser of challenges: both have the same grammar. */
function parametersOf(header: string): ReadonlyMap<string, string> {
  const [only] = readChallenges(header)
  if (only === undefined) throw new Error(`no credentials in ${header}`)
  return only.parameters
}

const rfc2617 =
  'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
const rfc7616 = (algorithm: string): string =>
  `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`

function mufasa(password: string, cnonce: string): HttpAuth {
  return new HttpAuth({ username: 'Mufasa', password, cnonce: () => cnonce })
}

describe('HttpAuth with Basic', () => {
  it('sends the credentials before it is asked (RFC 7617, 2)', () => {
    const auth = new HttpAuth({ username: 'Aladdin', password: 'open sesame' })
    expect(auth.authorization('GET', '/')).toBe('Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==')
    expect(auth.judge(answer(200))).toBe('passed')
  })

  it('sends UTF-8 (RFC 7617, 2.1)', () => {
    expect(new HttpAuth({ username: 'test', password: '123£' }).authorization('GET', '/')).toBe(
      'Basic dGVzdDoxMjPCow==',
    )
  })

  it('is refused for good by a device that offers nothing else', () => {
    const auth = new HttpAuth({ username: 'admin', password: 'wrong' })
    expect(auth.judge(refused('Basic realm="Login Required"'))).toBe('refused')
    expect(auth.judge(answer(401))).toBe('refused')
  })

  it('refuses names that HTTP cannot carry, without repeating the password', () => {
    for (const username of ['a:b', 'a\r\nX-Evil: 1', 'a\u0000']) {
      try {
        new HttpAuth({ username, password: 'geheim' })
        throw new Error('it was taken')
      } catch (error) {
        expect(error).toBeInstanceOf(FlashproofError)
        expect(JSON.stringify(error)).not.toContain('geheim')
      }
    }
  })
})

describe('HttpAuth with Digest', () => {
  it('answers the example of RFC 2617, 3.5', () => {
    const auth = mufasa('Circle Of Life', '0a4f113b')
    expect(auth.judge(refused(rfc2617))).toBe('again')
    const sent = parametersOf(auth.authorization('GET', '/dir/index.html'))
    expect(sent.get('response')).toBe('6629fae49393a05397450978507c4ef1')
    expect(sent.get('nc')).toBe('00000001')
    expect(sent.get('opaque')).toBe('5ccc069c403ebaf9f0171e9517f40e41')
    expect(sent.has('algorithm')).toBe(false)
  })

  it('answers the examples of RFC 7616, 3.9.1', () => {
    const expected = {
      MD5: '8ca523f5e9506fed4657c9700eebdbec',
      'SHA-256': '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1',
    }
    for (const [algorithm, response] of Object.entries(expected)) {
      const auth = mufasa('Circle of Life', 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ')
      expect(auth.judge(refused(rfc7616(algorithm)))).toBe('again')
      const sent = parametersOf(auth.authorization('GET', '/dir/index.html'))
      expect([sent.get('response'), sent.get('algorithm'), sent.get('qop')]).toEqual([response, algorithm, 'auth'])
    }
  })

  it('answers a server without qop as RFC 2069 does', () => {
    const auth = mufasa('Circle Of Life', 'unused')
    auth.judge(refused(rfc2617.replace(' qop="auth,auth-int",', '')))
    const sent = parametersOf(auth.authorization('GET', '/dir/index.html'))
    expect(sent.get('response')).toBe('670fd8c2df070c60b045671b8b24ff02')
    expect(sent.has('nc') || sent.has('cnonce') || sent.has('qop')).toBe(false)
  })

  it('binds the session variants to both nonces', () => {
    const md5 = (text: string): string => createHash('md5').update(text).digest('hex')
    const auth = mufasa('Circle Of Life', 'c1')
    auth.judge(refused('Digest realm="r", nonce="n", qop="auth", algorithm=MD5-sess'))
    const ha1 = md5(`${md5('Mufasa:r:Circle Of Life')}:n:c1`)
    const expected = md5(`${ha1}:n:00000001:c1:auth:${md5('GET:/x')}`)
    expect(parametersOf(auth.authorization('GET', '/x')).get('response')).toBe(expected)
  })

  it('counts the uses of a nonce, and begins again with a new one', () => {
    const auth = mufasa('p', 'c')
    auth.judge(refused('Digest realm="r", nonce="one", qop="auth"'))
    const counts = [1, 2].map(() => parametersOf(auth.authorization('GET', '/')).get('nc'))
    auth.judge(answer(200))
    expect(auth.judge(refused('Digest realm="r", nonce="two", qop="auth", stale=TRUE'))).toBe('again')
    const sent = parametersOf(auth.authorization('GET', '/'))
    expect([...counts, sent.get('nc'), sent.get('nonce')]).toEqual(['00000001', '00000002', '00000001', 'two'])
  })

  it('knows a wrong password from a nonce that the device forgot', () => {
    const wrong = mufasa('wrong', 'c')
    const verdicts = ['one', 'two', 'three'].map(nonce =>
      wrong.judge(refused(`Digest realm="r", nonce="${nonce}", qop="auth"`)),
    )
    // The second may have been asked by somebody else in between; the third is about the password.
    expect(verdicts).toEqual(['again', 'again', 'refused'])
    const same = mufasa('wrong', 'c')
    same.judge(refused('Digest realm="r", nonce="one", qop="auth"'))
    expect(same.judge(refused('Digest realm="r", nonce="one", qop="auth"'))).toBe('refused')

    const right = mufasa('right', 'c')
    right.judge(refused('Digest realm="r", nonce="one", qop="auth"'))
    expect(right.judge(answer(200))).toBe('passed')
    expect(right.judge(refused('Digest realm="r", nonce="two", qop="auth"'))).toBe('again')
    expect(right.judge(refused('Digest realm="r", nonce="three", qop="auth"'))).toBe('refused')
  })

  it('gives up on a device that calls every nonce stale', () => {
    const auth = mufasa('p', 'c')
    const verdicts = [1, 2, 3, 4, 5].map(number =>
      auth.judge(refused(`Digest realm="r", nonce="${String(number)}", qop="auth", stale=true`)),
    )
    expect(verdicts).toEqual(['again', 'again', 'again', 'again', 'refused'])
  })

  it('takes the first challenge that it can answer', () => {
    const auth = mufasa('p', 'c')
    const header =
      'Basic realm="a, Digest nonce=\\"x\\"", Digest realm="s", nonce="1", algorithm=SHA-512-256, qop="auth", Digest realm="i", nonce="2", qop="auth-int", Digest realm="t", nonce="3", algorithm=SHA-256, qop="auth"'
    expect(auth.judge(refused(header))).toBe('again')
    expect(parametersOf(auth.authorization('GET', '/')).get('realm')).toBe('t')
  })

  it('signs the path with what the endpoint puts before it', () => {
    const auth = new HttpAuth({ username: 'u', password: 'p', basePath: '/gate' })
    auth.judge(refused('Digest realm="r", nonce="n", qop="auth"'))
    expect(parametersOf(auth.authorization('POST', '/up?x=1')).get('uri')).toBe('/gate/up?x=1')
  })

  it('lets no challenge end the line, and spells names in UTF-8', () => {
    const auth = new HttpAuth({ username: 'an "ná\\me', password: 'p' })
    expect(auth.judge(refused('Digest realm="r\nX-Evil: 1", nonce="n", qop="auth"'))).toBe('refused')
    expect(auth.judge(refused('Digest realm="a\\"b", nonce="n\\\\1", qop="auth"'))).toBe('again')
    const header = auth.authorization('GET', '/')
    expect(header).toContain('username="an \\"n\xc3\xa1\\\\me", realm="a\\"b", nonce="n\\\\1"')
    expect(Buffer.from(header, 'latin1').every(code => code >= 0x20)).toBe(true)
  })
})

describe('authorised', () => {
  it('sends a refused request again, and afterwards asks no more', async () => {
    const seen: string[] = []
    const device = {
      request: (request: HttpRequest) => {
        const authorization = request.headers?.['authorization'] ?? ''
        seen.push(`${request.method} ${authorization.slice(0, 6)}`)
        const isDigest = authorization.startsWith('Digest')
        return Promise.resolve(isDigest ? answer(200) : refused('Digest realm="r", nonce="n", qop="auth"'))
      },
    }
    const client = authorised(device, new HttpAuth({ username: 'u', password: 'p' }))
    await client.request({ method: 'GET', path: '/a', timeoutMs: 1 })
    const last = await client.request({ method: 'POST', path: '/b', timeoutMs: 1 })
    expect([seen, last.status]).toEqual([['GET Basic ', 'GET Digest', 'POST Digest'], 200])
  })

  it('gives back the final refusal', async () => {
    let asked = 0
    const device = {
      request: () => {
        asked++
        return Promise.resolve(refused('Basic realm="r"'))
      },
    }
    const client = authorised(device, new HttpAuth({ username: 'u', password: 'p' }))
    expect((await client.request({ method: 'GET', path: '/', timeoutMs: 1 })).status).toBe(401)
    expect(asked).toBe(1)
  })

  it('adds nothing without credentials', async () => {
    const device = {
      request: (request: HttpRequest) => Promise.resolve(answer(request.headers === undefined ? 200 : 500)),
    }
    expect((await authorised(device, null).request({ method: 'GET', path: '/', timeoutMs: 1 })).status).toBe(200)
  })
})

describe('readChallenges', () => {
  it('reads several challenges of several kinds', () => {
    const read = readChallenges('Negotiate, NTLM TlRM==, Basic, Digest realm = "x", nonce=abc')
    expect(read.map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)])).toEqual([
      ['negotiate', {}],
      ['ntlm', {}],
      ['basic', {}],
      ['digest', { realm: 'x', nonce: 'abc' }],
    ])
  })

  it('ends at what it cannot read', () => {
    expect(readChallenges('Digest realm="open')).toEqual([{ scheme: 'digest', parameters: new Map() }])
    expect(readChallenges('nonce=1, Digest nonce=2')).toEqual([])
    expect(readChallenges(`Digest nonce="${'x'.repeat(5000)}"`)).toEqual([])
  })
})
