/** A protocol without a wire: tests say what its run does. It has one secret option, `password`. */
import type {
  TransferContext,
  TransferOrder,
  TransferProtocol,
  TransferReport,
} from '../../src/core/transfer/transfer-protocol.ts'

export const FAKE_PROTOCOL = 'fake'

export function fakeProtocol(
  run: (order: TransferOrder, context: TransferContext) => Promise<TransferReport>,
  id = FAKE_PROTOCOL,
): TransferProtocol {
  const everything = {
    sent: 'yes',
    acknowledged: 'yes',
    received: 'yes',
    stored: 'yes',
    running: 'no',
    confirmed: 'no',
  } as const
  return {
    descriptor: {
      id,
      label: { en: id, vi: id },
      endpoints: ['http'],
      options: [
        { key: 'password', kind: 'secret', label: { en: 'Password', vi: 'Mật khẩu' }, help: { en: '', vi: '' } },
      ],
      profiles: [],
      decisions: ['downgrade'],
      reach: everything,
    },
    accepts: endpoint => endpoint.kind === 'http',
    validate: () => undefined,
    probe: () => Promise.resolve({ isMatch: true, identity: null, reach: everything, telemetry: null, notes: [] }),
    review: () =>
      Promise.resolve({
        identity: null,
        telemetry: null,
        reach: everything,
        defaultRequired: 'stored',
        judgements: [],
      }),
    run,
  }
}

/** Everything a good run says, without a device. */
export function proveStored(order: TransferOrder, context: TransferContext): TransferReport {
  const { sha256, bytes } = order.image
  context.progress(bytes.length)
  context.addEvidence({
    level: 'sent',
    basis: 'host-sent',
    method: 'byte-count',
    value: String(bytes.length),
    matches: null,
  })
  context.addEvidence({
    level: 'stored',
    basis: 'device-hash',
    method: 'sha256-nonce',
    value: sha256,
    matches: true,
    fresh: true,
  })
  return { outcome: 'answered', boardNow: 'new-firmware', unplug: 'safe' }
}
