/** What shortcuts do, in words, and what the levels of evidence mean. */
import type { MenuAction } from '../../shared/contract/index.ts'
import type { LocalText } from '../../shared/messages/index.ts'
import type { TextCatalogue } from './text.ts'

const actions = {
  'open-firmware': { en: 'Open firmware', vi: 'Mở firmware' },
  find: { en: 'Find a device', vi: 'Tìm thiết bị' },
  'tick-all': { en: 'Tick all shown that fit', vi: 'Đánh dấu mọi thiết bị đang hiện và phù hợp' },
  write: { en: 'Review; again: write', vi: 'Xem lại; lần nữa: ghi' },
  'retry-unproven': { en: 'Try again what is not proven', vi: 'Thử lại những bo chưa được chứng minh' },
  'pause-resume': { en: 'Pause or resume', vi: 'Tạm dừng hoặc tiếp tục' },
  'cancel-ticked': { en: 'Cancel the ticked jobs (asks first)', vi: 'Hủy các việc đã đánh dấu (có hỏi)' },
  'next-needing-me': { en: 'Next board that needs me', vi: 'Bo kế tiếp cần tôi' },
  label: { en: 'Label the board or socket', vi: 'Đặt nhãn cho bo hoặc ổ cắm' },
  'save-record': { en: 'Save the record', vi: 'Lưu hồ sơ' },
  'stop-all': { en: 'Stop all', vi: 'Dừng tất cả' },
  'show-bench': { en: 'Show the bench', vi: 'Hiện bàn nạp' },
  'show-history': { en: 'Show the history', vi: 'Hiện lịch sử' },
  'show-settings': { en: 'Show the settings', vi: 'Hiện cài đặt' },
  'show-shortcuts': { en: 'Shortcuts and help', vi: 'Phím tắt và trợ giúp' },
  'check-pc': { en: 'Check this PC', vi: 'Kiểm tra máy tính này' },
} satisfies Readonly<Record<MenuAction, LocalText>>

export const actionTexts = {
  ...actions,
  title: { en: 'Shortcuts and help', vi: 'Phím tắt và trợ giúp' },
  escape: { en: 'Close a panel or dialog', vi: 'Đóng bảng hoặc hộp thoại' },
  ladder: { en: 'What a board can prove', vi: 'Bo mạch chứng minh được gì' },
  'means-sent': { en: 'Every byte left this computer.', vi: 'Mọi byte đã rời máy tính này.' },
  'means-acknowledged': {
    en: 'The device answered success for every part.',
    vi: 'Thiết bị trả lời thành công cho từng phần.',
  },
  'means-received': {
    en: 'The device hashed what it received; the hash is ours.',
    vi: 'Thiết bị băm những gì nhận được; kết quả khớp.',
  },
  'means-stored': { en: 'What lies in its flash was compared.', vi: 'Nội dung trong flash đã được so sánh.' },
  'means-running': { en: 'It started anew and runs the new image.', vi: 'Bo khởi động lại và chạy bản mới.' },
  'means-confirmed': {
    en: 'It stayed healthy until it could not roll back.',
    vi: 'Bo vẫn ổn cho đến khi không thể quay lại bản cũ.',
  },
  green: {
    en: 'Green means proven: the flash was compared with the file, or the new image was seen running. Nothing else is green.',
    vi: 'Màu xanh lá nghĩa là đã chứng minh: flash được so với tệp, hoặc thấy bản mới đang chạy. Không gì khác có màu xanh lá.',
  },
} satisfies TextCatalogue
