/** Words of the frame around the views. */
import type { TextCatalogue } from './text.ts'

export const shellTexts = {
  bench: { en: 'Bench', vi: 'Bàn nạp' },
  history: { en: 'History', vi: 'Lịch sử' },
  settings: { en: 'Settings', vi: 'Cài đặt' },
  views: { en: 'Views', vi: 'Các màn hình' },
  benchName: { en: 'Bench {name}', vi: 'Bàn {name}' },
  order: { en: 'Order', vi: 'Đơn hàng' },
  operator: { en: 'Operator', vi: 'Người làm' },
  shortcuts: { en: 'Shortcuts and help', vi: 'Phím tắt và trợ giúp' },
  practice: { en: 'PRACTICE', vi: 'LUYỆN TẬP' },
  practiceTitle: {
    en: 'Virtual boards are running: their records are kept apart and never enter a normal export.',
    vi: 'Đang chạy bo mạch ảo: bản ghi của chúng được giữ riêng và không bao giờ vào tệp xuất thường.',
  },
  stopPractice: { en: 'Stop practising', vi: 'Dừng luyện tập' },
  engine: { en: 'Engine', vi: 'Bộ máy' },
  network: { en: 'Network', vi: 'Mạng' },
  record: { en: 'Record', vi: 'Hồ sơ' },
  ok: { en: 'ok', vi: 'tốt' },
  starting: { en: 'starting', vi: 'đang khởi động' },
  restarting: { en: 'restarting', vi: 'đang khởi động lại' },
  stopped: { en: 'stopped', vi: 'đã dừng' },
  lost: { en: 'lost', vi: 'mất kết nối' },
  partly: { en: 'partly', vi: 'một phần' },
  off: { en: 'off', vi: 'tắt' },
  sealed: { en: 'sealed', vi: 'đã niêm phong' },
  diskFull: { en: 'disk full', vi: 'đầy đĩa' },
  readOnly: { en: 'read-only', vi: 'chỉ đọc' },
  engineRestarting: {
    en: 'The engine stopped unexpectedly and is being started again. Running jobs are interrupted; nothing goes on by itself.',
    vi: 'Bộ máy dừng đột ngột và đang được khởi động lại. Các việc đang chạy bị gián đoạn; không việc nào tự chạy tiếp.',
  },
  engineRestarted: {
    en: 'The engine restarted.',
    vi: 'Bộ máy đã khởi động lại.',
  },
  engineGaveUp: {
    en: 'The engine keeps crashing and is not started again. The record is kept.',
    vi: 'Bộ máy liên tục gặp sự cố và không được khởi động lại. Hồ sơ vẫn được giữ.',
  },
  unfinishedWork: { en: 'Unfinished work: {count}', vi: 'Việc dở dang: {count}' },
  showUnfinished: { en: 'Show', vi: 'Xem' },
  startEngine: { en: 'Start the engine', vi: 'Khởi động bộ máy' },
  engineRestartedUnfinished: {
    en: 'The engine restarted. Interrupted boards wait under “Unfinished work”.',
    vi: 'Bộ máy đã khởi động lại. Các bo bị gián đoạn chờ ở “Việc dở dang”.',
  },
  linkLost: {
    en: 'The link to Flashproof on this PC is lost; it is being tried again. What is shown may be old.',
    vi: 'Mất liên kết với Flashproof trên máy này; đang thử lại. Những gì đang hiện có thể đã cũ.',
  },
  linkRefused: {
    en: 'This address was used up. Start “flashproof serve” again, or open the address that it prints.',
    vi: 'Địa chỉ này đã dùng rồi. Hãy chạy lại “flashproof serve” hoặc mở địa chỉ mà nó in ra.',
  },
  watching: {
    en: 'This page only watches: another one has the control.',
    vi: 'Trang này chỉ xem: một trang khác đang điều khiển.',
  },
  takeControl: { en: 'Take control', vi: 'Giành quyền điều khiển' },
  diskFullBanner: {
    en: 'The disk is full: jobs pause before their next part until the record can be written.',
    vi: 'Đĩa đã đầy: các việc tạm dừng trước phần kế tiếp cho đến khi ghi được hồ sơ.',
  },
  readOnlyBanner: {
    en: 'The record is read-only: a newer Flashproof wrote it. Jobs cannot start.',
    vi: 'Hồ sơ chỉ đọc: bản Flashproof mới hơn đã ghi nó. Không thể bắt đầu việc.',
  },
  dropHere: { en: 'Drop the firmware file anywhere', vi: 'Thả tệp firmware vào bất kỳ đâu' },
  dropWatching: { en: 'This page only watches', vi: 'Trang này chỉ xem' },
  oneFile: {
    en: 'One firmware file at a time: the first one is opened.',
    vi: 'Mỗi lần một tệp firmware: tệp đầu tiên được mở.',
  },
  notices: { en: 'Messages', vi: 'Thông báo' },
  skipToContent: { en: 'Skip to the content', vi: 'Đến nội dung' },
} satisfies TextCatalogue
