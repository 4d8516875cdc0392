/** Upload servers without a lying fault: whatever breaks on the way, what they call complete is the file, byte for byte. */
import { describe, expect, it } from 'vitest'
import type { NamedFault } from '../../src/simulator/faults/fault-table.ts'
import { seededRandom, type Random } from '../../src/simulator/random.ts'
import { begin, dataOf, put, type Upload } from './guid-chunks/requests.ts'
import { guidServersOfThisFile } from './guid-chunks/servers.ts'
import { askStatus, chunkCountOf, fileOf, test, upload, type UploadFile } from './resumable/requests.ts'
import { serversOfThisFile } from './resumable/servers.ts'
import { sha256, someBytes } from './wire.ts'

const startGuidServer = guidServersOfThisFile()
const startResumableServer = serversOfThisFile()

const RUNS = 40
const MAXIMUM_ROUNDS = 60
const cuts = ['before-request', 'in-body', 'after-process']

function pick<Choice>(random: Random, choices: readonly Choice[]): Choice {
  const choice = choices[random.integer(choices.length)]
  if (choice === undefined) throw new Error('nothing to choose from')
  return choice
}

/** One to three faults of the connection, of power and of answers. */
function honestFaults(random: Random, chunkCount: number): NamedFault[] {
  const chunk = (): number => random.integer(chunkCount)
  const draws: readonly (() => NamedFault & Readonly<Record<string, unknown>>)[] = [
    () => ({ name: 'cut', chunk: chunk(), at: pick(random, cuts), times: 1 + random.integer(2) }),
    () => ({ name: 'drop-reply', chunk: 'any', every: 2 + random.integer(6) }),
    () => ({ name: 'reset-at-byte', byte: random.integer(5000) }),
    () => ({ name: 'reboot', chunk: chunk() }),
    () => ({ name: 'error-500', chunk: chunk(), times: 1 + random.integer(2) }),
    () => ({ name: 'html-instead-of-json', chunk: chunk() }),
    () => ({ name: 'lost-last-reply' }),
  ]
  return Array.from({ length: 1 + random.integer(3) }, () => pick(random, draws)())
}

function shuffled(random: Random, count: number): number[] {
  const left = Array.from({ length: count }, (_unused, index) => index)
  return Array.from({ length: count }, () => left.splice(random.integer(left.length), 1)[0] ?? 0)
}

/** Runs the tasks, some at once; @returns null in the place of one that threw */
async function runAll<Result>(random: Random, tasks: readonly (() => Promise<Result>)[]): Promise<(Result | null)[]> {
  const results: (Result | null)[] = []
  for (let at = 0; at < tasks.length;) {
    const together = tasks.slice(at, at + 1 + random.integer(3))
    results.push(...(await Promise.all(together.map(task => task().catch(() => null)))))
    at += together.length
  }
  return results
}

describe('a server without a lying fault', () => {
  it('of seed 5 holds the file that it calls complete', async () => {
    let completions = 0
    for (let seed = 0; seed < RUNS; seed++) {
      const random = seededRandom(seed, 'guid')
      const content = someBytes(1000 + random.integer(5000), seed)
      const plan = { chunkBytes: 300 + random.integer(900) }
      const device = await startGuidServer({ faults: honestFaults(random, 4) })
      let session: Upload | null = null
      let isComplete = false
      for (let round = 0; round < MAXIMUM_ROUNDS && !isComplete; round++) {
        session ??= await begin(device.target, content, plan).catch(() => null)
        if (session === null) continue
        const current = session
        const order = shuffled(random, current.totalChunks)
        const answers = await runAll(
          random,
          order.map(index => () => put(device.target, current, index)),
        )
        isComplete = answers.some(
          answer => answer?.json?.['status'] === 'success' && dataOf(answer)['complete'] === true,
        )
        // The last answer was lost, or the upload was: it begins anew.
        if (!isComplete && answers.some(answer => answer?.status === 404)) session = null
      }
      if (!isComplete) continue
      completions++
      expect([seed, sha256(device.stored() ?? new Uint8Array())]).toEqual([seed, sha256(content)])
    }
    expect(completions).toBeGreaterThan(RUNS * 0.7)
  })

  it.each(['flask', 'node'] as const)(
    'for Resumable.js, profile %s, holds the file that it calls complete',
    async profile => {
      let completions = 0
      for (let seed = 0; seed < RUNS; seed++) {
        const random = seededRandom(seed, profile)
        const file = fileOf(someBytes(1000 + random.integer(5000), seed), {
          chunkBytes: 300 + random.integer(900),
          path: profile === 'node' ? '/upload' : '/resumable_upload',
        })
        const chunkCount = chunkCountOf(file)
        const { device, target } = await startResumableServer({ profile, faults: honestFaults(random, chunkCount) })
        let isComplete = false
        for (let round = 0; round < MAXIMUM_ROUNDS && !isComplete; round++) {
          const order = shuffled(random, chunkCount)
          const answers = await runAll(
            random,
            order.map(index => () => upload(target, file, index + 1)),
          )
          isComplete =
            profile === 'node' ? answers.some(answer => answer?.text === 'done') : await saysComplete(target, file)
        }
        if (!isComplete) continue
        completions++
        expect([seed, sha256(device.stored() ?? new Uint8Array())]).toEqual([seed, sha256(file.content)])
        expect((await test(target, file, chunkCount)).status).toBe(200)
      }
      expect(completions).toBe(RUNS)
    },
  )
})

async function saysComplete(target: string, file: UploadFile): Promise<boolean> {
  const answer = await askStatus(target, file).catch(() => null)
  return answer?.json?.['status'] === 'complete' && answer.json['size'] === file.content.length
}
