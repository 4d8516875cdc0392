import { afterEach, expect, it } from 'vitest'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { demoImage, openBench, type Bench } from '../../fakes/bench.ts'
import { fakeProtocol, proveStored } from '../../fakes/fake-protocol.ts'

let bench: Bench
afterEach(async () => {
  await bench.close()
})

/** A board that lets nobody in without the password, and another protocol that has no use for it. */
async function openGuarded(): Promise<unknown[]> {
  const seen: unknown[] = []
  const guarded = fakeProtocol((order, context) => {
    seen.push(order.options['password'])
    if (order.options['password'] !== undefined) return Promise.resolve(proveStored(order, context))
    throw new FlashproofError('device.unauthorised', 'a password is needed')
  })
  bench = await openBench({ protocols: [guarded] })
  return seen
}

const targets = ['http://127.0.0.1:7', 'http://127.0.0.1:8']

async function refused(): Promise<string[]> {
  const jobs = await bench.flash({ targets }, demoImage())
  expect(jobs.map(job => job.error?.code)).toEqual(['device.unauthorised', 'device.unauthorised'])
  return jobs.map(job => job.jobId)
}

it('are given to the jobs that go on, those of a target before those of all', async () => {
  const seen = await openGuarded()
  const jobIds = await refused()
  await bench.station.engine.resume({
    jobIds,
    secrets: { password: 'S3cr3t-of-all' },
    targetSecrets: { 'http://127.0.0.1:8': { password: 'S3cr3t-of-eight' }, 'http://other': { password: 'x' } },
  })
  const ended = await Promise.all(jobIds.map(jobId => bench.until(jobId, job => job.state === 'finished')))
  expect(ended.map(job => job.verdict)).toEqual(['proven', 'proven'])
  expect(seen.slice(2).sort()).toEqual(['S3cr3t-of-all', 'S3cr3t-of-eight'])
  for (const name of readdirSync(bench.home).filter(file => file.startsWith('journal'))) {
    expect(readFileSync(join(bench.home, name)).includes('S3cr3t')).toBe(false)
  }
})

it('are left where no job has a use for them, and refused when they are meant for all and nobody knows them', async () => {
  const seen = await openGuarded()
  const jobIds = await refused()
  const { engine } = bench.station
  await expect(engine.resume({ jobIds, secrets: { pin: '1234' } })).rejects.toMatchObject({
    code: 'option.invalid',
    details: { key: 'pin', expected: 'password' },
  })
  expect(seen).toHaveLength(2)
  const [jobId = '', other = ''] = jobIds
  await engine.resume({ jobIds: [jobId], targetSecrets: { 'http://127.0.0.1:7': { password: 'x', pin: '1' } } })
  expect(await bench.until(jobId, job => job.state === 'finished')).toMatchObject({ verdict: 'proven' })
  await engine.resume({ jobIds: [other] })
  expect((await bench.until(other, job => job.state === 'failed' && job.attempts === 2)).error?.code).toBe(
    'device.unauthorised',
  )
})

it('are asked for before a job is touched where its protocol cannot do without them', async () => {
  const guarded = fakeProtocol((order, context) => {
    if (order.options['password'] === 'right') return Promise.resolve(proveStored(order, context))
    throw new FlashproofError('device.unauthorised', 'another password is needed')
  })
  const strict = {
    ...guarded,
    validate({ options }: Parameters<typeof guarded.validate>[0]) {
      if (options['password'] === undefined) throw new FlashproofError('option.invalid', 'add --secret password=')
    },
  }
  bench = await openBench({ protocols: [strict] })
  const [job] = await bench.flash({ targets: ['http://127.0.0.1:7'], secrets: { password: 'wrong' } }, demoImage())
  if (job === undefined) throw new Error('no job')
  const { engine } = bench.station
  await expect(engine.resume({ jobIds: [job.jobId] })).rejects.toMatchObject({ code: 'option.invalid' })
  expect(engine.list({}).find(({ jobId }) => jobId === job.jobId)).toMatchObject({
    state: 'failed',
    attempts: 1,
    error: { code: 'device.unauthorised' },
  })
  await engine.resume({ jobIds: [job.jobId], secrets: { password: 'right' } })
  expect(await bench.until(job.jobId, ({ state }) => state === 'finished')).toMatchObject({ verdict: 'proven' })
})
