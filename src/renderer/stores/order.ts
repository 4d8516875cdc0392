/** How the firmware is sent: protocol, options, what is required, how a batch goes. What was not changed is not sent. */
import { defineStore } from 'pinia'
import { computed, shallowRef, watch, type WritableComputedRef } from 'vue'
import type {
  EvidenceLevel,
  JobSnapshot,
  Preferences,
  ProtocolDescriptor,
  RequestOf,
} from '../../shared/contract/index.ts'
import type { OptionValue, OptionValues } from '../../shared/option-spec.ts'
import { changedOptions, commonSecrets, faultyOptions, type RawOptions } from '../transfer/option-form.ts'
import { acceptsTarget } from '../transfer/protocol-fit.ts'
import { useCatalog } from './catalog.ts'
import { useDevices } from './devices.ts'
import { useNotices } from './notices.ts'
import { useSettings } from './settings.ts'

type OrderRequest = RequestOf<'job.start'>
type BatchSetting = 'parallel' | 'tryFirst' | 'stopAfter'

const NO_OPTIONS: RawOptions = {}
/** Where the secrets of an order for several protocols are kept; no protocol is named so. */
const COMMON = '*'
const initialBatch: Pick<Preferences, BatchSetting> = { parallel: 16, tryFirst: 0, stopAfter: 0 }

export const useOrder = defineStore('order', () => {
  const catalog = useCatalog()
  const devices = useDevices()
  const settings = useSettings()
  const notices = useNotices()

  /** Null: each device is asked which protocol it speaks. */
  const protocol = shallowRef<string | null>(null)
  const required = shallowRef<EvidenceLevel | 'default'>('default')
  const batch = shallowRef(initialBatch)
  /** What was typed, by protocol: coming back to one finds its values again. */
  const typed = shallowRef<Readonly<Record<string, RawOptions>>>({})
  /** Secrets by protocol; they live in this page's memory alone. */
  const typedSecrets = shallowRef<Readonly<Record<string, RawOptions>>>({})
  const startedWith = new Map<string, Readonly<Record<string, string>>>()

  /** The protocols that some ticked device may speak; all of them while none is ticked. */
  const fitting = computed(() => {
    const { tickedDevices } = devices
    if (tickedDevices.length === 0) return catalog.protocols
    return catalog.protocols.filter(one => tickedDevices.some(device => acceptsTarget(one, device)))
  })
  /** The one whose options can be shown: the chosen one, else the only one that is possible. */
  const descriptor = computed<ProtocolDescriptor | null>(() => {
    if (protocol.value !== null) return catalog.protocol(protocol.value)
    const [only, ...others] = fitting.value
    return only !== undefined && others.length === 0 ? only : null
  })
  /** How many ticked devices the chosen protocol cannot reach. */
  const misfits = computed(() => {
    const chosen = descriptor.value
    if (protocol.value === null || chosen === null) return 0
    return devices.tickedDevices.filter(device => !acceptsTarget(chosen, device)).length
  })
  /** Whether the only possible protocol must be named, because nothing but the kind of an address tells it. */
  const isToldByAddress = computed(() => {
    const only = descriptor.value
    const { tickedDevices } = devices
    if (only === null || protocol.value !== null) return false
    const isUntold = tickedDevices.some(({ protocols }) => protocols.length === 0)
    return isUntold && tickedDevices.every(device => acceptsTarget(only, device))
  })
  /** What can be typed while each device chooses: every protocol takes the secrets that it knows. */
  const sharedSecrets = computed(() => {
    const isMixed = descriptor.value === null && devices.tickedDevices.length > 0
    return isMixed ? commonSecrets(fitting.value) : []
  })
  const rawOptions = computed<RawOptions>(() => ofProtocol(typed.value, descriptor.value))
  const rawSecrets = computed<RawOptions>(() => {
    if (descriptor.value !== null) return ofProtocol(typedSecrets.value, descriptor.value)
    const given = typedSecrets.value[COMMON] ?? NO_OPTIONS
    return Object.fromEntries(sharedSecrets.value.flatMap(({ key }) => (key in given ? [[key, given[key] ?? '']] : [])))
  })
  /** Keys of the options whose value cannot be sent. */
  const faults = computed<ReadonlySet<string>>(() => faultyOptions(descriptor.value?.options ?? [], rawOptions.value))
  const isValid = computed(() => faults.value.size === 0)
  /** Only what differs from the defaults. */
  const options = computed<OptionValues>(() => changedOptions(descriptor.value?.options ?? [], rawOptions.value))
  /** Whether a secret was typed for the shown protocol. */
  const hasSecrets = computed(() => Object.values(rawSecrets.value).some(value => value !== ''))
  const profile = computed(() => profileOf(descriptor.value, options.value))

  watch(
    () => settings.preferences,
    (preferences, before) => {
      if (preferences === null) return
      const { parallel, tryFirst, stopAfter } = preferences
      batch.value = { parallel, tryFirst, stopAfter }
      if (before?.require !== preferences.require) required.value = preferences.require
    },
    { immediate: true },
  )

  function setOption(key: string, value: OptionValue): void {
    const id = descriptor.value?.id
    if (id !== undefined) typed.value = { ...typed.value, [id]: { ...typed.value[id], [key]: value } }
  }

  function setSecret(key: string, value: string): void {
    const id = descriptor.value?.id ?? COMMON
    typedSecrets.value = { ...typedSecrets.value, [id]: { ...typedSecrets.value[id], [key]: value } }
  }

  /** Every option of the shown protocol at its default, its secrets empty. */
  function resetOptions(): void {
    const id = descriptor.value?.id ?? COMMON
    typed.value = { ...typed.value, [id]: NO_OPTIONS }
    typedSecrets.value = { ...typedSecrets.value, [id]: NO_OPTIONS }
  }

  /** Null: back to the defaults. Secrets stay. */
  function applyProfile(profileId: string | null): void {
    const chosen = descriptor.value
    if (chosen === null) return
    const values = chosen.profiles.find(({ id }) => id === profileId)?.values ?? {}
    typed.value = { ...typed.value, [chosen.id]: { ...values } }
  }

  /** Shown at once, kept by the engine; what it refuses is told and taken back. */
  async function keepBatch(changes: Partial<Pick<Preferences, BatchSetting>>): Promise<void> {
    const before = batch.value
    batch.value = { ...before, ...changes }
    try {
      await settings.set(changes)
    } catch (thrown) {
      batch.value = before
      notices.tellError(thrown)
    }
  }

  const batchSetting = (name: BatchSetting): WritableComputedRef<number> =>
    computed({
      get: () => batch.value[name],
      set: value => void keepBatch({ [name]: value }),
    })
  /** How many jobs run at once. */
  const parallel = batchSetting('parallel')
  /** Try so many devices first; 0: all at once. */
  const tryFirst = batchSetting('tryFirst')
  /** Start no more after so many failures; 0: never stop. */
  const stopAfter = batchSetting('stopAfter')

  /** The part of an order that a review needs too. */
  function toReview(firmwareId: string, targets: readonly string[]): RequestOf<'order.review'> {
    const changed = Object.keys(options.value).length > 0
    // Options belong to one protocol: with them it is named, even where the devices would have chosen it.
    const isNamed = changed || hasSecrets.value || isToldByAddress.value
    const id = protocol.value ?? (isNamed ? (descriptor.value?.id ?? null) : null)
    return {
      firmwareId,
      targets: [...targets],
      ...(id === null ? {} : { protocol: id }),
      ...(changed ? { options: { ...options.value } } : {}),
      ...(hasSecrets.value ? { secrets: givenSecrets() } : {}),
      ...(required.value === 'default' ? {} : { require: required.value }),
    }
  }

  function givenSecrets(): Record<string, string> {
    return filledIn(rawSecrets.value)
  }

  /** Remembers, in this page's memory alone, with which secrets jobs began: to go on they need them again. */
  function rememberSecrets(targets: readonly string[]): void {
    const secrets = givenSecrets()
    for (const target of targets) startedWith.set(target, secrets)
  }

  /** Secrets for jobs that go on: what is typed now for their protocol, else what they began with. */
  function secretsToResume(
    jobs: readonly Pick<JobSnapshot, 'target' | 'protocol'>[],
  ): Pick<RequestOf<'job.resume'>, 'targetSecrets'> {
    const entries = jobs.flatMap(({ target, protocol: id }) => {
      const { [COMMON]: shared = NO_OPTIONS, [id ?? COMMON]: own = NO_OPTIONS } = typedSecrets.value
      const secrets = { ...startedWith.get(target), ...filledIn(shared), ...filledIn(own) }
      return Object.keys(secrets).length === 0 ? [] : [[target, secrets] as const]
    })
    return entries.length === 0 ? {} : { targetSecrets: Object.fromEntries(entries) }
  }

  /** The whole order. Who works for whom comes from the top bar; `additions` win. */
  function toRequest(
    firmwareId: string,
    targets: readonly string[],
    additions: Partial<OrderRequest> = {},
  ): OrderRequest {
    const { tryFirst: first, stopAfter: failures } = batch.value
    return {
      ...toReview(firmwareId, targets),
      parallel: batch.value.parallel,
      ...(first > 0 ? { first } : {}),
      ...(failures > 0 ? { stopAfter: failures } : {}),
      ...contextOf(settings.preferences),
      ...additions,
    }
  }

  return {
    protocol,
    require: required,
    fitting,
    descriptor,
    misfits,
    rawOptions,
    rawSecrets,
    options,
    profile,
    faults,
    isValid,
    hasSecrets,
    sharedSecrets,
    parallel,
    tryFirst,
    stopAfter,
    setOption,
    setSecret,
    resetOptions,
    applyProfile,
    toReview,
    toRequest,
    rememberSecrets,
    secretsToResume,
  }
})

function filledIn(raw: RawOptions): Record<string, string> {
  const given = Object.entries(raw).filter(([, value]) => value !== '')
  return Object.fromEntries(given.map(([key, value]) => [key, String(value)]))
}

function ofProtocol(all: Readonly<Record<string, RawOptions>>, descriptor: ProtocolDescriptor | null): RawOptions {
  return descriptor === null ? NO_OPTIONS : (all[descriptor.id] ?? NO_OPTIONS)
}

/** The profile that stands for exactly these values; null where none does. */
function profileOf(descriptor: ProtocolDescriptor | null, options: OptionValues): string | null {
  const profiles = descriptor?.profiles ?? []
  const specs = descriptor?.options ?? []
  const isSame = (values: RawOptions): boolean => {
    const expected = changedOptions(specs, values)
    const keys = Object.keys(expected)
    return keys.length === Object.keys(options).length && keys.every(key => expected[key] === options[key])
  }
  return profiles.find(({ values }) => isSame(values))?.id ?? null
}

function contextOf(preferences: Preferences | null): Pick<OrderRequest, 'context'> {
  if (preferences === null) return {}
  const { operator, order, stationName } = preferences
  const named = Object.entries({ operator, order, station: stationName }).filter(([, value]) => value !== '')
  return named.length === 0 ? {} : { context: Object.fromEntries(named) }
}
