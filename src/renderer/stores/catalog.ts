/** Mirrors what the engine can do: its protocols with their options, and its formats. */
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import type { FormatDescriptor, ProtocolDescriptor } from '../../shared/contract/index.ts'
import { useStation } from '../bridge/bridge.ts'
import { localText } from '../texts/text.ts'

export const useCatalog = defineStore('catalog', () => {
  const { client } = useStation()
  const version = shallowRef('')
  const protocols = shallowRef<readonly ProtocolDescriptor[]>([])
  const formats = shallowRef<readonly FormatDescriptor[]>([])

  async function load(): Promise<void> {
    const catalog = await client.call('catalog.get', {})
    version.value = catalog.version
    protocols.value = catalog.protocols
    formats.value = catalog.formats
  }

  function protocol(id: string | null): ProtocolDescriptor | null {
    return protocols.value.find(candidate => candidate.id === id) ?? null
  }

  /** The name people know; the id where nothing better is known. */
  function protocolName(id: string | null): string {
    const found = protocol(id)
    return found === null ? (id ?? '') : localText(found.label)
  }

  return { version, protocols, formats, load, protocol, protocolName }
})
