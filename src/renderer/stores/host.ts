/** Mirrors what shows this page: which host, whether its engine runs, whether this page may act. */
import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import type { EngineState, HostInfo } from '../../shared/contract/index.ts'
import { useStation, type LinkState } from '../bridge/bridge.ts'

export const useHost = defineStore('host', () => {
  const station = useStation()
  const info = shallowRef<HostInfo | null>(null)
  const engine = shallowRef<EngineState>({ state: 'starting' })
  const control = shallowRef<'control' | 'watch'>('control')
  const linkState = shallowRef<LinkState>('connecting')
  /** How often the engine was started anew while this page was open. */
  const restarts = shallowRef(0)
  const journal = shallowRef<{ state: 'ok' | 'disk-full' | 'read-only'; text: string }>({ state: 'ok', text: '' })
  const headHash = shallowRef<string | null>(null)
  const mayChange = computed(
    () => control.value === 'control' && linkState.value === 'open' && engine.value.state === 'ready',
  )

  async function load(): Promise<void> {
    const loaded = await station.client.call('host.info', {})
    info.value = loaded
    engine.value = loaded.engine
    control.value = loaded.control
  }

  async function takeControl(): Promise<void> {
    await station.client.call('control.take', {})
  }

  async function restartEngine(): Promise<void> {
    await station.client.call('engine.restart', {})
  }

  async function setPractising(isPractising: boolean): Promise<void> {
    await station.client.call(isPractising ? 'practice.start' : 'practice.stop', {})
    await load()
  }

  /** @param onEngineReady called whenever a started engine is there, so that the other stores load again */
  function start(onEngineReady: () => void): () => void {
    const stops = [
      station.client.subscribe('engine.changed', ({ engine: changed }) => {
        if (changed.state === 'pausing') restarts.value++
        const becomesReady = changed.state === 'ready' && engine.value.state !== 'ready'
        engine.value = changed
        if (becomesReady) onEngineReady()
      }),
      station.client.subscribe('control.changed', event => {
        control.value = event.control
      }),
      station.client.subscribe('journal.changed', event => {
        journal.value = event
      }),
      station.client.subscribe('batch.ended', event => {
        if (event.headHash !== null) headHash.value = event.headHash
      }),
      station.onLinkState(state => {
        const wasLost = linkState.value === 'lost'
        linkState.value = state
        if (state === 'open' && wasLost) onEngineReady()
      }),
    ]
    return () => {
      for (const stop of stops) stop()
    }
  }

  return {
    info,
    engine,
    control,
    linkState,
    restarts,
    journal,
    headHash,
    mayChange,
    load,
    takeControl,
    restartEngine,
    setPractising,
    start,
  }
})
