import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { seedFeatures, type VirtualEsp32Options } from '../../../../src/simulator/virtual-esp32.ts'
import { demoImage, openBench, type Bench } from '../../../fakes/bench.ts'
import { startProxyBoard, type PassedAnswer, type ProxyBoard, type ProxyHooks } from '../../../fakes/proxy-board.ts'

let bench: Bench
const proxies: ProxyBoard[] = []

beforeEach(async () => {
  bench = await openBench()
})
afterEach(async () => {
  await Promise.all(proxies.splice(0).map(proxy => proxy.close()))
  await bench.close()
})

const image = demoImage(32 * 1024)

async function flashThrough(hooks: ProxyHooks, options: VirtualEsp32Options = {}) {
  const board = await bench.board(options)
  const proxy = await startProxyBoard(board.target, hooks)
  proxies.push(proxy)
  const [job] = await bench.flash(
    { targets: [proxy.target], protocol: 'esp-parts', options: { chunkBytes: 4096 } },
    image,
  )
  const completions = proxy.requests.filter(({ what }) => what.startsWith('POST /upload/complete/')).length
  return { job, board, proxy, completions, stored: board.flash.readTarget('app-1.bin') }
}

describe('devices that close the connection after each answer without saying so', () => {
  it.each([
    ['fin', {}, 'proven'],
    ['reset', {}, 'proven'],
    ['fin', { features: seedFeatures }, 'acknowledged'],
    ['reset', { features: seedFeatures }, 'acknowledged'],
  ] as const)('are served whole (%s, %j)', async (closesBy, options, verdict) => {
    const { job, completions, stored } = await flashThrough({ closesBy }, options)
    expect(job).toMatchObject({ state: 'finished', verdict })
    expect(completions).toBe(1)
    expect(stored).toEqual(image)
  })
})

describe('a completion whose answer was lost', () => {
  it('is not sent again when the status lags behind and the hash knows better', async () => {
    let isCompleted = false
    const { job, completions } = await flashThrough({
      onAnswer(_method, path, answer) {
        if (path.startsWith('/upload/complete/')) {
          isCompleted = true
          return 'lost'
        }
        if (!isCompleted || !path.startsWith('/upload/status/')) return answer
        return changed(answer, { state: 'receiving', have: Buffer.from([0xff]).toString('base64') })
      },
    })
    expect(job).toMatchObject({ state: 'finished', verdict: 'proven' })
    expect(completions).toBe(1)
  })
})

describe('a completion that the device refuses', () => {
  it('counts as stored when the hash shows that the image is there', async () => {
    const { job, completions } = await flashThrough({
      onAnswer: (_method, path, answer) =>
        path.startsWith('/upload/complete/') ? { status: 200, body: '{"success": false, "error": "?"}' } : answer,
    })
    expect(job).toMatchObject({ state: 'finished', verdict: 'proven', boardNow: 'new-firmware' })
    expect(job?.evidence.map(fact => fact.level)).not.toContain('acknowledged')
    expect(completions).toBe(1)
  })

  it('leaves the board unknown when nothing can tell what is stored', async () => {
    const { job } = await flashThrough(
      {
        onAnswer: (_method, path, answer) =>
          path.startsWith('/upload/complete/') ? { status: 200, body: '{"success": false, "error": "?"}' } : answer,
      },
      { features: { ...seedFeatures, telemetry: true } },
    )
    expect(job).toMatchObject({ state: 'failed', boardNow: 'unknown', verdict: 'unproven', reason: 'not-answered' })
  })

  it.each([401, 403, 404, 405])('is not repeated after %d', async status => {
    const { job, completions } = await flashThrough({
      onAnswer: (_method, path, answer) => (path.startsWith('/upload/complete/') ? { status, body: '{}' } : answer),
    })
    expect(job).toMatchObject({ state: 'failed', verdict: 'unproven' })
    expect(completions).toBe(1)
  })
})

it('takes any 2xx with the right JSON for capabilities', async () => {
  const { job } = await flashThrough({
    onAnswer: (_method, path, answer) => (path === '/upload/capabilities' ? { ...answer, status: 201 } : answer),
  })
  expect(job).toMatchObject({ verdict: 'proven' })
})

it('pauses after the last chunk too, before the completion', async () => {
  const board = await bench.board({ features: seedFeatures })
  const proxy = await startProxyBoard(board.target, {})
  proxies.push(proxy)
  await bench.flash({ targets: [proxy.target], options: { chunkBytes: 16_384, pauseMs: 120 } }, image)
  const posts = proxy.requests.filter(({ what }) => what.startsWith('POST'))
  expect(posts).toHaveLength(3)
  posts.slice(1).forEach(({ atMs }, index) => {
    expect(atMs - (posts[index]?.atMs ?? 0)).toBeGreaterThanOrEqual(119)
  })
})

function changed(answer: PassedAnswer, fields: Readonly<Record<string, unknown>>): PassedAnswer {
  const body: unknown = JSON.parse(answer.body)
  return { ...answer, body: JSON.stringify({ ...(typeof body === 'object' ? body : {}), ...fields }) }
}
