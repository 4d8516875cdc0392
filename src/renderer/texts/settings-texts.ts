/** Words of the settings. */
import type { TextCatalogue } from './text.ts'

export const settingsTexts = {
  title: { en: 'Settings', vi: 'Cài đặt' },
  groups: { en: 'Groups of settings', vi: 'Các nhóm cài đặt' },
  saved: { en: 'Saved', vi: 'Đã lưu' },
  loading: { en: 'The settings are being read.', vi: 'Đang đọc cài đặt.' },
  watchOnly: {
    en: 'This page only watches: settings can be read, not changed.',
    vi: 'Trang này chỉ xem: đọc được cài đặt nhưng không đổi được.',
  },
  range: { en: '{minimum} to {maximum}', vi: '{minimum} đến {maximum}' },

  station: { en: 'Station', vi: 'Trạm' },
  stationName: { en: 'Station name', vi: 'Tên trạm' },
  stationNameHelp: {
    en: 'Shown in the window and written into every record.',
    vi: 'Hiện trên cửa sổ và ghi vào mọi hồ sơ.',
  },
  operator: { en: 'Operator', vi: 'Người làm' },
  operatorHelp: {
    en: 'Who works here; the field at the top changes it too.',
    vi: 'Ai làm việc ở đây; ô ở trên cùng cũng đổi được.',
  },

  look: { en: 'Language and look', vi: 'Ngôn ngữ và giao diện' },
  language: { en: 'Language', vi: 'Ngôn ngữ' },
  languageSystem: { en: 'As the system', vi: 'Theo hệ thống' },
  theme: { en: 'Appearance', vi: 'Màu nền' },
  themeSystem: { en: 'As the system', vi: 'Theo hệ thống' },
  themeLight: { en: 'Light', vi: 'Sáng' },
  themeDark: { en: 'Dark', vi: 'Tối' },

  transfers: { en: 'Transfers', vi: 'Truyền' },
  parallel: { en: 'Devices at once', vi: 'Số thiết bị cùng lúc' },
  parallelHelp: {
    en: 'The others wait in line. A slow network is better off with fewer.',
    vi: 'Số còn lại xếp hàng. Mạng chậm nên để ít hơn.',
  },
  retries: { en: 'Tries of a request', vi: 'Số lần thử một yêu cầu' },
  retriesHelp: {
    en: 'How often a request that may pass is sent again. What is refused for good is never repeated.',
    vi: 'Yêu cầu có thể qua được gửi lại bao nhiêu lần. Điều bị từ chối hẳn thì không lặp lại.',
  },
  require: { en: 'Each board must show', vi: 'Mỗi bo phải cho thấy' },
  requireHelp: {
    en: 'The start value of “Need” on the bench. Less than this counts as not proven.',
    vi: 'Giá trị ban đầu của “Yêu cầu” trên bàn nạp. Ít hơn mức này coi như chưa chứng minh.',
  },
  requireDefault: { en: 'As the device allows', vi: 'Theo khả năng thiết bị' },
  tryFirst: { en: 'Try first', vi: 'Thử trước' },
  tryFirstHelp: {
    en: 'So many boards go first; the rest starts when all of them are good. 0: all at once.',
    vi: 'Bấy nhiêu bo chạy trước; số còn lại chạy khi tất cả đều tốt. 0: chạy hết một lượt.',
  },
  stopAfter: { en: 'Stop after failures', vi: 'Dừng sau số lần lỗi' },
  stopAfterHelp: {
    en: 'No further board starts after so many failures. 0: never stop.',
    vi: 'Không bo nào bắt đầu nữa sau bấy nhiêu lần lỗi. 0: không dừng.',
  },

  record: { en: 'Record', vi: 'Hồ sơ' },
  detailDays: { en: 'Keep logs and memory curves (days)', vi: 'Giữ nhật ký và đồ thị bộ nhớ (ngày)' },
  detailDaysHelp: { en: 'The records themselves always stay.', vi: 'Bản thân hồ sơ luôn được giữ.' },
  journalMiB: { en: 'Largest size of the journal (MiB)', vi: 'Cỡ lớn nhất của sổ (MiB)' },
  journalMiBHelp: {
    en: 'Beyond it the details of the oldest records go first.',
    vi: 'Vượt quá thì chi tiết của hồ sơ cũ nhất bị bỏ trước.',
  },
  imageDays: { en: 'Keep firmware images (days)', vi: 'Giữ ảnh firmware (ngày)' },
  imageDaysHelp: {
    en: 'After their last use. What an open job needs always stays.',
    vi: 'Tính từ lần dùng cuối. Ảnh mà việc đang mở cần thì luôn giữ.',
  },
  home: { en: 'Data folder', vi: 'Thư mục dữ liệu' },
  copy: { en: 'Copy', vi: 'Sao chép' },
  copied: { en: 'Copied', vi: 'Đã sao chép' },
  chain: { en: 'Chain of records', vi: 'Chuỗi hồ sơ' },
  chainHelp: {
    en: 'Every record seals the one before it. Checking reads all of them.',
    vi: 'Mỗi hồ sơ niêm phong hồ sơ trước. Việc kiểm tra đọc tất cả.',
  },
  verify: { en: 'Verify the chain', vi: 'Kiểm tra chuỗi' },
  verifying: { en: 'Reading every record…', vi: 'Đang đọc mọi hồ sơ…' },
  chainHolds: {
    en: 'The chain holds: {count} records, none changed, removed or added.',
    vi: 'Chuỗi nguyên vẹn: {count} hồ sơ, không hồ sơ nào bị đổi, xóa hay thêm.',
  },
  chainEmpty: { en: 'There is no record yet.', vi: 'Chưa có hồ sơ nào.' },
  chainBroken: {
    en: 'The chain is broken: {problems} of {count} records do not fit.',
    vi: 'Chuỗi bị đứt: {problems} trong {count} hồ sơ không khớp.',
  },
  chainRecord: { en: 'Record {sequence}', vi: 'Hồ sơ {sequence}' },
  chainMore: { en: 'and {count} more', vi: 'và {count} mục nữa' },
  head: { en: 'Head', vi: 'Đầu chuỗi' },
  'signature-none': {
    en: 'Not signed: keep a copy of the head elsewhere, so that a cut tail can be noticed.',
    vi: 'Chưa ký: hãy giữ bản sao đầu chuỗi ở nơi khác để nhận ra nếu phần cuối bị cắt.',
  },
  'signature-valid': {
    en: 'Signed by this station’s key; the signature holds.',
    vi: 'Đã ký bằng khóa của trạm; chữ ký đúng.',
  },
  'signature-invalid': { en: 'A signature does not hold.', vi: 'Có chữ ký không đúng.' },

  credentials: { en: 'Passwords of devices', vi: 'Mật khẩu thiết bị' },
  credentialsNone: {
    en: 'This host has no safe storage: passwords are typed under “Options” for each start and are not kept.',
    vi: 'Nơi này không có kho an toàn: mật khẩu được nhập ở “Tùy chọn” mỗi lần bắt đầu và không được giữ.',
  },
  credentialsText: {
    en: 'Kept encrypted by the operating system and used when a job of the device starts. They are never shown again.',
    vi: 'Được hệ điều hành mã hóa và dùng khi việc của thiết bị bắt đầu. Không bao giờ hiện lại.',
  },
  credentialsEmpty: { en: 'None is kept.', vi: 'Chưa giữ mật khẩu nào.' },
  credentialsNoDevices: { en: 'There is no device in the list yet.', vi: 'Danh sách chưa có thiết bị.' },
  credentialsNoKeys: { en: 'No protocol here asks for a password.', vi: 'Ở đây không giao thức nào cần mật khẩu.' },
  device: { en: 'Device', vi: 'Thiết bị' },
  secretKey: { en: 'Which', vi: 'Loại' },
  secretValue: { en: 'Value', vi: 'Giá trị' },
  keep: { en: 'Keep', vi: 'Giữ' },
  forget: { en: 'Forget', vi: 'Xóa' },
  forgetNamed: { en: 'Forget {key} of {device}', vi: 'Xóa {key} của {device}' },

  checkPc: { en: 'Check this PC', vi: 'Kiểm tra máy tính này' },
  practice: { en: 'Practice', vi: 'Luyện tập' },
  practiceText: {
    en: 'Four virtual boards, one of which lies. Their records are kept apart and never enter a normal export.',
    vi: 'Bốn bo ảo, trong đó một bo nói dối. Hồ sơ của chúng được giữ riêng và không vào tệp xuất thường.',
  },
  practiceStart: { en: 'Start practising', vi: 'Bắt đầu luyện tập' },
  practiceStop: { en: 'Stop practising', vi: 'Dừng luyện tập' },
  practiceRuns: { en: 'Virtual boards are running.', vi: 'Bo ảo đang chạy.' },

  about: { en: 'About', vi: 'Giới thiệu' },
  version: { en: 'Version', vi: 'Phiên bản' },
  host: { en: 'Shown by', vi: 'Hiển thị bởi' },
  'host-desktop': { en: 'desktop app', vi: 'ứng dụng máy tính' },
  'host-browser': { en: 'browser mode', vi: 'chế độ trình duyệt' },
  system: { en: 'System', vi: 'Hệ thống' },
  runtime: { en: 'Runtime', vi: 'Môi trường chạy' },
  licence: { en: 'Licence', vi: 'Giấy phép' },
  licenceText: { en: 'MIT, © 2026 The Flashproof authors', vi: 'MIT, © 2026 The Flashproof authors' },
  updates: { en: 'Updates', vi: 'Cập nhật' },
  updatesText: {
    en: 'The app never updates itself. A new version is installed by a person; every record names the version that wrote it.',
    vi: 'Ứng dụng không bao giờ tự cập nhật. Bản mới do người cài; mỗi hồ sơ nêu phiên bản đã ghi nó.',
  },
} satisfies TextCatalogue
