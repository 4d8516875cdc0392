/** Words of the pips, the verdict and the state of a board. */
import type { TextCatalogue } from './text.ts'

export const proofTexts = {
  pipsName: { en: 'Proof', vi: 'Bằng chứng' },
  'face-shown': { en: 'shown', vi: 'đã có bằng chứng' },
  'face-said': { en: 'the device’s word', vi: 'chỉ là lời thiết bị' },
  'face-missing': { en: 'not yet', vi: 'chưa có' },
  'face-beyond': { en: 'this device cannot tell', vi: 'thiết bị này không cho biết được' },
  'face-contradicted': { en: 'contradicted', vi: 'mâu thuẫn' },
  required: { en: 'required', vi: 'bắt buộc' },
  checkingFlash: { en: 'Checking flash', vi: 'Đang kiểm tra flash' },
  passingOn: { en: 'The gateway passes it on', vi: 'Gateway đang chuyển tiếp' },
  waitsForDevice: { en: 'Waiting for the device to come here', vi: 'Đang đợi thiết bị tự đến đây' },
  normalBelow: {
    en: 'This is as much as this device can show.',
    vi: 'Thiết bị này chỉ cho thấy được đến mức này.',
  },
  'board-old-firmware': { en: 'OLD FW', vi: 'FW CŨ' },
  'board-new-firmware': { en: 'NEW FW', vi: 'FW MỚI' },
  'board-not-bootable': { en: 'WON’T START', vi: 'KHÔNG CHẠY' },
  'board-unknown': { en: 'UNKNOWN', vi: 'KHÔNG RÕ' },
  unplug: { en: 'UNPLUG ok', vi: 'rút được' },
  keepPowered: { en: 'KEEP POWERED', vi: 'GIỮ NGUỒN' },
  onBoard: { en: 'On the board now: {board}. {unplug}.', vi: 'Trên bo lúc này: {board}. {unplug}.' },
} satisfies TextCatalogue
