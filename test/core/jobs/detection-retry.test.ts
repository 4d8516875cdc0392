import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { demoImage, openBench, type Bench } from '../../fakes/bench.ts'

let bench: Bench
let server: Server
let requests: string[]

/** A plain board that breaks off its first `broken` connections without a word. */
async function startBoard(broken: number): Promise<string> {
  let left = broken
  server = createServer((request, response) => {
    requests.push(`${String(request.method)} ${String(request.url)}`)
    if (left-- > 0) {
      request.socket.destroy()
      return
    }
    request.resume()
    request.on('end', () => {
      if (request.method === 'POST') response.end('{"success": true}')
      else response.writeHead(request.url?.includes('/complete/') === true ? 405 : 404).end()
    })
  })
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
}

beforeEach(async () => {
  bench = await openBench()
  requests = []
})
afterEach(async () => {
  server.close()
  server.closeAllConnections()
  await bench.close()
})

it('asks a board again that breaks off while it is asked what it speaks', async () => {
  const target = await startBoard(2)
  const [job] = await bench.flash({ targets: [target] }, demoImage(8 * 1024))
  expect(job).toMatchObject({ state: 'finished', verdict: 'acknowledged' })
})

it('gives a board up that breaks off every time, and sends it nothing', async () => {
  const target = await startBoard(Number.POSITIVE_INFINITY)
  const [job] = await bench.flash({ targets: [target] }, demoImage(8 * 1024))
  expect(job).toMatchObject({ state: 'failed', error: { code: 'network.reset' } })
  expect(requests.filter(request => request === 'GET /upload/capabilities')).toHaveLength(3)
  expect(requests.some(request => request.startsWith('POST'))).toBe(false)
})
