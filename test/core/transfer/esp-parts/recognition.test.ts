import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { isEndpoint, parseTarget } from '../../../../src/core/discovery/target.ts'
import { espParts } from '../../../../src/core/transfer/esp-parts/protocol.ts'
import { FakeClock } from '../../../fakes/fake-clock.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close()
    server.closeAllConnections()
  }
})

async function probe(listener: RequestListener) {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const target = parseTarget(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`)
  if (!isEndpoint(target)) throw new Error('no endpoint')
  return espParts.probe(target, { signal: new AbortController().signal, clock: new FakeClock(), timeoutMs: 1000 })
}

/** Answers every request alike. */
function always(status: number, body: string): RequestListener {
  return (_request, response) => {
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(body)
  }
}

describe('telling a part-upload server by reading', () => {
  it.each([
    [200, '{"status": "ok"}'],
    [200, '{"success": true, "status": "success", "hash": "abc"}'],
    [405, ''],
    [404, ''],
  ])('takes no server for one that says %i %s to everything', async (status, body) => {
    expect(await probe(always(status, body))).toMatchObject({ isMatch: false })
  })

  it('takes one for certain that announces what it can do', async () => {
    expect(await probe(always(200, '{"hash": true}'))).toMatchObject({ isMatch: true, isCertain: true })
  })

  it('takes one that has the upload routes, and announces nothing', async () => {
    const result = await probe((request, response) => {
      response.writeHead(request.url?.startsWith('/upload/complete/') === true ? 405 : 404).end()
    })
    expect(result).toMatchObject({ isMatch: true, isCertain: false })
  })
})
